// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"fmt"
	"os"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// A program that has the objects already fills in the facts itself.
func ExampleExamine() {
	entries := doctor.FromValidating(&admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "shop"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "pods.shop.example.com",
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule: admissionregistrationv1.Rule{
					APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"replicasets"},
				},
			}},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				Service: &admissionregistrationv1.ServiceReference{Namespace: "shop", Name: "webhook"},
			},
		}},
	})
	report := doctor.Examine(&doctor.Facts{Now: time.Now(), Entries: entries, All: entries})
	if err := report.WriteText(os.Stdout, false); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ValidatingWebhookConfiguration "shop"
	//   error   service-missing (pods.shop.example.com): Service shop/webhook does not exist
	//       why: Until it is fixed, every request that its rules match is refused (failurePolicy Fail).
	//       fix: kubectl -n shop get services # correct the name; or kubectl delete validatingwebhookconfiguration shop
	// 1 entry of 1 object: 1 error, 0 warnings, 0 for your information; 0 handshakes made
}
