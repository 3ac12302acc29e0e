// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handlertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestExampleAdapted: webhooks that were written for controller-runtime are asked by the API server, with no manager and
// no configuration file: a validator, a defaulter, and an http.Handler. The objects whose caBundle is kept are the
// program's own.
func TestExampleAdapted(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Configuration: "adapted", Edit: func(shipped *site.Shipped) {
		allowMutating(shipped)
		entries := shipped.Configuration.Webhooks
		entries[0].Rules = []admissionv1.RuleWithOperations{{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update, admissionv1.Delete},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}}
		entry := *entries[0].DeepCopy()
		entry.Name, entry.Rules[0].Resources = "configmaps.example.com", []string{"configmaps"}
		entry.ClientConfig.Service.Path = new("/validate--v1-configmap")
		shipped.Configuration.Webhooks = []admissionv1.ValidatingWebhook{entries[0], entry}
	}})
	configureMutating(t, s, "manifests/components/mutations/mutatingwebhookconfiguration.yaml")
	server := startServe(t, s, compiled(t, ".", "./examples/adapted"), "--health-probe-bind-address=0")
	const run = "run web --image=" + site.GoodImage
	const warning = "Warning: owner: the Pod has no team" // It sees what the defaulter has set.
	clustertest.Eventually(t, func(ctx context.Context) error {
		said, err := kubectlIn(ctx, "", "-n", s.Target, "run", "web", "--image="+site.GoodImage, "--labels=owner=a", "--dry-run=server")
		if err != nil || !strings.Contains(said, warning) {
			err = fmt.Errorf("kubectl has printed %q, want %q: %w\n%s", said, warning, errOrNil(err), server.Log())
		}
		return err
	})
	wantSaid(t, s.Target,
		step{run, "owner: the Pod has no label owner"},
		step{run + " --labels=owner=team-a", warning},
		step{"get pod web -o jsonpath={.metadata.labels}", `{"owner":"team-a","team":"none"}`},
		step{"label pod web --overwrite owner=team-b", "owner: the label owner cannot be changed"},
		step{"label pod web keep=yes", "pod/web labeled"},
		step{"delete pod web", "owner: the Pod has the label keep"},
		step{"create configmap forbidden", "the name is forbidden"},
		step{"create configmap another", "configmap/another created"},
	)
}

// TestExampleMutation: what the example's files say is what the API server does with them.
func TestExampleMutation(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Configuration: "example-mutation", Edit: func(shipped *site.Shipped) {
		allowMutating(shipped)
		shipped.Configuration.Webhooks = nil // It has no checks.
	}})
	configureMutating(t, s, "examples/mutation/webhook.yaml")
	server := startServe(t, s, compiled(t, ".", "./examples/mutation"), "--health-probe-bind-address=0")
	clustertest.Eventually(t, func(ctx context.Context) error {
		if _, err := createGood(ctx, s, metav1.DryRunAll); err != nil {
			return fmt.Errorf("%w\n%s", err, server.Log())
		}
		return nil
	})
	handlertest.ExpectFiles(t, filepath.Join(site.Root(), "examples/mutation/testdata"), handlertest.Server(shared.Config(), s.Target))
	const image = " --image=" + site.GoodImage
	wantSaid(t, s.Target, step{"run web" + image, "pod/web created"},
		step{"get pod web -o jsonpath={.metadata.labels}", `{"run":"web","team":"none"}`})
	t.Run("a field that the program's Go type does not know", func(t *testing.T) {
		clustertest.Since(t, shared, 37, "userAnnotations of the certificate of a Pod")
		const certificate = `{"signerName":"a.com/b","keyType":"ED25519","credentialBundlePath":"c","userAnnotations":{"a.com/d":"e"}}`
		const volumes = `[{"name":"a","projected":{"sources":[{"podCertificate":` + certificate + `}]}}]`
		wantSaid(t, s.Target, step{"run newer" + image + ` --overrides={"spec":{"volumes":` + volumes + "}}", "pod/newer created"},
			step{"get pod newer -o jsonpath={.metadata.labels.team}{.spec.volumes[0].projected.sources[0].podCertificate.userAnnotations}", `none{"a.com/d":"e"}`})
	})
	// By the configuration that the command manifest prints, the API server asks about what the mutation looks at. Once no
	// server is there, that is refused, and nothing else is.
	server.Kill()
	wantSaid(t, s.Target,
		step{"run other" + image, "failed calling webhook"},
		step{"label pod web a=b", "failed calling webhook"},
		step{`patch pod web --subresource=status -p {"status":{"message":"a"}}`, "pod/web patched"},
		step{"delete pod web", `pod "web" deleted`},
		step{"create configmap a", "configmap/a created"},
	)
}
