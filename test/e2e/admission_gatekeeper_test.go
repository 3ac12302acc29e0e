// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build admission

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// tagsTemplate is the rule of our check of image tags, for Gatekeeper.
const tagsTemplate = `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: imagetags}
spec:
  crd: {spec: {names: {kind: ImageTags}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package imagetags

      violation[{"msg": msg}] {
        lists := {"containers", "initContainers", "ephemeralContainers"}
        container := input.review.object.spec[lists[_]][_]
        not tagged(container.image)
        msg := sprintf("container %s: the image needs a tag, and not latest", [container.name])
      }

      tagged(image) {
        contains(image, "@")
      }

      tagged(image) {
        re_match(":[^/:]+$", image)
        not endswith(image, ":latest")
      }
`

// theGatekeeper is Gatekeeper's webhook alone, as its chart runs it but for the certificate, with the rule.
func theGatekeeper(t *testing.T, s *site.Site) *judge {
	t.Helper()
	crds := filepath.Join(os.Getenv("GATEKEEPER_SOURCE"), "charts", "gatekeeper", "crds")
	if out, err := shared.Kubectl(t.Context(), "create", "-f", crds).CombinedOutput(); err != nil {
		t.Fatalf("creating Gatekeeper's CustomResourceDefinitions: %v: %s", err, out)
	}
	ca, dir := newTestCA(t, "gatekeeper"), t.TempDir()
	certificate, key := ca.issue(t, "localhost")
	writeFiles(t, dir, map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": ca.pem()})
	pod := site.Pod(site.GoodImage) // It makes it the owner of what it writes about its templates.
	pod.Name = "gatekeeper"
	_, err := s.Admin.CoreV1().Pods(s.Namespace).Create(t.Context(), pod, metav1.CreateOptions{})
	must(t, err)
	free := func() string { return strconv.Itoa(clustertest.FreePort(t)) }
	port := clustertest.FreePort(t)
	wire := countConnections(t, port)
	server := startPeer(t, "env", "POD_NAMESPACE="+s.Namespace, "POD_NAME=gatekeeper", os.Getenv("GATEKEEPER"),
		"--kubeconfig="+shared.Kubeconfig(), "--host=127.0.0.1", "--port="+strconv.Itoa(wire.backend), "--cert-dir="+dir,
		"--disable-cert-rotation", "--operation=webhook", "--operation=generate", "--health-addr=127.0.0.1:"+free(), "--prometheus-port="+free())
	mustApply(t, tagsTemplate)
	clustertest.Eventually(t, func(ctx context.Context) error {
		apply := shared.Kubectl(ctx, "apply", "-f", "-")
		apply.Stdin = strings.NewReader(`
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: ImageTags
metadata: {name: all}
spec: {match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}}
`)
		if out, err := apply.CombinedOutput(); err != nil {
			return fmt.Errorf("applying the constraint: %w: %s", err, out)
		}
		return nil
	})
	name := s.Configuration + "-gatekeeper"
	return &judge{name: "gatekeeper", server: server, wire: wire, put: func(t *testing.T) func() {
		t.Helper()
		configuration := s.Local(s.Shipped.Configuration)
		configuration.Name = name
		configuration.Webhooks = configuration.Webhooks[:1]
		webhook := &configuration.Webhooks[0]
		webhook.ClientConfig = admissionv1.WebhookClientConfig{
			URL: new(fmt.Sprintf("https://localhost:%d/v1/admit", port)), CABundle: ca.pem()}
		_, err := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), configuration,
			metav1.CreateOptions{})
		must(t, err)
		return func() { deleteConfiguration(t, s, name) }
	}}
}
