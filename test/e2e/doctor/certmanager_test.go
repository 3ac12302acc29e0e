// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build peers

package doctor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestCertManager is the matrix with cert-manager's cainjector and webhook: `make test-doctor-peers` builds them, and runs it.
func TestCertManager(t *testing.T) {
	crd := filepath.Join(os.Getenv("CERTMANAGER_SOURCE"), "deploy", "crds", "cert-manager.io_certificates.yaml")
	if out, err := shared.plane.Kubectl(t.Context(), "create", "-f", crd).CombinedOutput(); err != nil {
		t.Fatalf("creating cert-manager's CustomResourceDefinition: %v: %s", err, out)
	}
	background(t, nil, os.Getenv("CAINJECTOR"), shared.plane.Kubeconfig())
	t.Run("matrix", func(t *testing.T) { // cainjector ends after all rows.
		judge(t, slices.Concat(cainjector(), certManagerWebhook()))
	})
}

const directInjection = "cert-manager.io/allow-direct-injection"

// cainjector are situations in which cert-manager's cainjector fills the caBundle.
func cainjector() []row {
	stored := func(t *testing.T, p *place, ca *authority) {
		t.Helper()
		p.webhook.ClientConfig.CABundle = nil
		p.stored(map[string][]byte{"ca.crt": ca.pem(), "tls.crt": p.leaf.pem()})
		p.secret.Annotations = map[string]string{directInjection: "true"}
		p.built = func(t testing.TB) {
			t.Helper()
			p.awaitInjected(t, ca.pem())
		}
	}
	byCertificate := func(p *place) {
		p.meta.Annotations = map[string]string{"cert-manager.io/inject-ca-from": p.ns + "/web"}
		p.secret.Annotations = map[string]string{"cert-manager.io/certificate-name": "web"}
	}
	return []row{
		{"healthy, cainjector by a Secret", func(t *testing.T, p *place) { stored(t, p, p.ca) }, nil},
		{"healthy, cainjector by a Certificate", func(t *testing.T, p *place) {
			stored(t, p, p.ca)
			byCertificate(p)
			apply(t, fmt.Sprintf("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: %s}\n"+
				"spec: {secretName: web-tls, issuerRef: {name: none}, dnsNames: [%s]}\n", p.ns, p.host()))
		}, nil},
		{"cainjector: the Secret does not allow it", func(t *testing.T, p *place) {
			stored(t, p, p.ca)
			p.secret.Annotations, p.built = nil, nil
		}, []string{"ca-bundle-missing"}},
		{"cainjector: the annotation names no Certificate", func(t *testing.T, p *place) {
			stored(t, p, p.ca)
			byCertificate(p)
			p.built = nil
		}, []string{"ca-bundle-missing"}},
		{"cainjector: another CA than that of the server", func(t *testing.T, p *place) {
			stored(t, p, (*authority)(nil).signed(t, isCA))
		}, []string{"certificate-untrusted"}},
		// It was made again, by a program that does not know the annotation.
		{"cainjector: the Secret has another CA, and no longer allows it", func(t *testing.T, p *place) {
			stored(t, p, p.ca)
			fill := p.built
			p.built = func(t testing.TB) {
				t.Helper()
				fill(t)
				secret := p.secret.DeepCopy()
				secret.Annotations = nil
				secret.Data["ca.crt"] = (*authority)(nil).signed(t, isCA).pem()
				_, err := shared.admin.CoreV1().Secrets(p.ns).Update(t.Context(), secret, metav1.UpdateOptions{})
				must(t, err)
			}
		}, []string{"stored-ca-differs"}},
	}
}

// awaitInjected waits until the caBundle is what it should be.
func (p *place) awaitInjected(t testing.TB, want []byte) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := shared.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, p.meta.Name, metav1.GetOptions{})
		if err == nil && !bytes.Equal(bytes.TrimSpace(live.Webhooks[0].ClientConfig.CABundle), bytes.TrimSpace(want)) {
			err = errors.New("cainjector has not filled the caBundle")
		}
		return err
	})
}

// certManagerWebhook are situations of cert-manager's webhook server, which makes its CA by itself. Its certificate is for
// the name, and the caBundle is that of the Secret in the annotation.
func certManagerWebhook() []row {
	by := func(change func(p *place), name string, isInjected bool) func(*testing.T, *place) {
		return func(_ *testing.T, p *place) {
			bundle := p.ca.pem()
			p.webhook.ClientConfig.CABundle, p.webhook.ClientConfig.Service.Path = nil, new("/validate")
			p.webhook.Rules = append(p.webhook.Rules[:0], about("cert-manager.io", "certificates"))
			p.meta.Annotations = map[string]string{"cert-manager.io/inject-ca-from-secret": p.ns + "/web-ca"}
			p.program = program{plain: true, denial: "must be specified", ask: createCertificate, start: startCertManager(p, name)}
			p.built = func(t testing.TB) {
				t.Helper()
				ca := p.awaitServing(t)
				if isInjected {
					p.awaitInjected(t, ca)
				}
			}
			change(p)
			if !isInjected && p.meta.Annotations == nil {
				p.webhook.ClientConfig.CABundle = bundle
			}
		}
	}
	nothing := func(*place) {}
	return []row{
		{"healthy, cert-manager's webhook", by(nothing, "web", true), nil},
		{"cert-manager's webhook: the name of another Service", by(nothing, "cert-manager-webhook", true), []string{"certificate-wrong-name"}},
		// As a copy of another cluster's manifests has it.
		{"cert-manager's webhook: a caBundle of another CA", by(func(p *place) { p.meta.Annotations = nil }, "web", false),
			[]string{"certificate-untrusted"}},
		{"cert-manager's webhook: the annotation names no Secret", by(func(p *place) {
			p.meta.Annotations["cert-manager.io/inject-ca-from-secret"] = p.ns + "/webhook-ca"
		}, "web", false), []string{"ca-bundle-missing"}},
	}
}

// startCertManager runs cert-manager's webhook as its chart does, for a Service of a name.
func startCertManager(p *place, service string) func(t testing.TB, _, address string) {
	return func(t testing.TB, _, address string) {
		t.Helper()
		_, port, err := net.SplitHostPort(address)
		must(t, err)
		background(t, nil, os.Getenv("CERTMANAGER_WEBHOOK"), "--secure-port="+port,
			"--healthz-port="+strconv.Itoa(clustertest.FreePort(t)), "--metrics-listen-address=0",
			"--kubeconfig="+shared.plane.Kubeconfig(), "--dynamic-serving-ca-secret-namespace="+p.ns,
			"--dynamic-serving-ca-secret-name=web-ca", "--dynamic-serving-dns-names="+service+"."+p.ns+".svc")
	}
}

// awaitServing waits until the server has made its CA and presents a certificate, and returns the CA.
func (p *place) awaitServing(t testing.TB) []byte {
	t.Helper()
	var secret *corev1.Secret
	clustertest.Eventually(t, func(ctx context.Context) (err error) {
		if secret, err = shared.admin.CoreV1().Secrets(p.ns).Get(ctx, "web-ca", metav1.GetOptions{}); err == nil {
			_, err = site.Presented(ctx, p.address)
		}
		return err
	})
	return secret.Data["ca.crt"]
}

// createCertificate asks cert-manager's webhook about a Certificate that it denies.
func createCertificate(ctx context.Context, p *place) error {
	cmd := shared.plane.Kubectl(ctx, "create", "--dry-run=server", "-f", "-")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: bad, namespace: %s}\n"+
		"spec: {secretName: web, issuerRef: {name: \"\"}, dnsNames: [%s]}\n", p.ns, p.host()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
