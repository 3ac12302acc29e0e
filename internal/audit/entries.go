// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	admissionregistrationv1client "k8s.io/client-go/kubernetes/typed/admissionregistration/v1"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/asked"
)

// Entries reads the ValidatingWebhookConfiguration of that name from the cluster: it says which objects the server is
// asked about. It takes the right to get it.
func Entries(ctx context.Context, cfg *rest.Config, name string) (asked.Asked, error) {
	client, err := admissionregistrationv1client.NewForConfig(cfg)
	if err != nil {
		return asked.Asked{}, fmt.Errorf("making a client of the API server: %w", err)
	}
	configuration, err := client.ValidatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return asked.Asked{}, fmt.Errorf("reading the rules of ValidatingWebhookConfiguration %q: %w", name, err)
	}
	found, err := asked.Of(*configuration)
	if err == nil && found.IsAll() {
		err = fmt.Errorf("ValidatingWebhookConfiguration %q has no webhook: the server is asked about nothing", name)
	}
	return found, err
}
