// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build authority

package e2e

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// TestMeasureAuthorityBesideCertManager has `webhook authority` sign the requests of TestMeasureAuthorityBurst, and then
// cert-manager's controllers (the program in the environment variable CERTMANAGER_SIGNER) as many CertificateRequests, as
// its CSI driver makes one for each Pod. It prints what both cost.
func TestMeasureAuthorityBesideCertManager(t *testing.T) {
	cfg := shared.Config()
	cfg.QPS, cfg.ContentType = -1, runtime.ContentTypeProtobuf
	client, n := mustClient(t, cfg), atoi(t, "BURST_PODS", 2000)
	_, err := binary() // Or the start would take as long as to build it.
	must(t, err)
	own := podAuthorityConfig(t, shared)
	pods := burstOfPods(t, client, atoi(t, "BURST_NAMESPACES", 20), atoi(t, "BURST_SERVICES", 500), n)
	ours := pods.measure(t, client, own, func(m *meter) *process.Server {
		return runPodAuthority(t, shared, m.config(own))
	})
	requests, start := burstOfCertificateRequests(t, client, n)
	theirs := requests.measure(t, client, shared.Config(), start)
	t.Logf("authority signs %.1f times as many in a second, with %.2f times the p50, %.2f times the p99, %.2f times the "+
		"requests, %.2f times the bytes, %.2f times the CPU seconds, and %.2f times the memory of cert-manager",
		ours.perSecond/theirs.perSecond, float64(ours.p50)/float64(theirs.p50), float64(ours.p99)/float64(theirs.p99),
		float64(ours.requests)/float64(theirs.requests), float64(ours.bytes)/float64(theirs.bytes),
		float64(ours.cpu)/float64(theirs.cpu), float64(ours.peak)/float64(theirs.peak))
}

// burstOfCertificateRequests makes as many requests of cert-manager ready, and what starts its controllers, which approve
// them and sign with the CA of an Issuer. In a cluster the API server would also ask cert-manager's webhook server about
// each write of a request.
func burstOfCertificateRequests(
	t *testing.T, client kubernetes.Interface, n int,
) (*burst, func(*meter) *process.Server) {
	t.Helper()
	version := applyCertManager(t)
	namespace := clustertest.Namespace(t, shared)
	cfg := shared.Config()
	cfg.QPS = -1
	untyped, err := dynamic.NewForConfig(cfg)
	must(t, err)
	requests := untyped.Resource(version.WithResource("certificaterequests")).Namespace(namespace)
	b := newBurst(t, "cert-manager", "certificaterequests")
	b.watch = requests.Watch
	b.issued = func(obj runtime.Object) (string, bool) {
		live, ok := obj.(*unstructured.Unstructured)
		if !ok {
			return "", false
		}
		certificate, _, _ := unstructured.NestedString(live.Object, "status", "certificate")
		return live.GetName(), certificate != ""
	}
	for i := range n {
		name := fmt.Sprintf("r-%d", i)
		request := certificateRequest(t, version, name)
		b.add(name, func(ctx context.Context) error {
			_, err := requests.Create(ctx, request, metav1.CreateOptions{})
			return err
		})
	}
	none, err := requests.List(t.Context(), metav1.ListOptions{})
	must(t, err)
	b.version = none.GetResourceVersion()
	return b, func(m *meter) *process.Server {
		t.Helper()
		cfg := m.config(clusterAdmin(t, client, namespace))
		server := startPeer(t, os.Getenv("CERTMANAGER_SIGNER"), peerKubeconfig(t, cfg))
		ca := newTestCA(t, "ca")
		key, err := x509.MarshalPKCS8PrivateKey(ca.key)
		must(t, err)
		_, err = client.CoreV1().Secrets(namespace).Create(t.Context(), &corev1.Secret{
			// The label is that of Secrets that cert-manager makes: it keeps them in memory, and reads others each time.
			ObjectMeta: metav1.ObjectMeta{Name: "ca", Labels: map[string]string{"controller.cert-manager.io/fao": "true"}},
			Type:       corev1.SecretTypeTLS,
			Data:       map[string][]byte{corev1.TLSCertKey: ca.pem(), corev1.TLSPrivateKeyKey: encode("PRIVATE KEY", key)},
		}, metav1.CreateOptions{})
		must(t, err)
		awaitIssuer(t, untyped.Resource(version.WithResource("issuers")).Namespace(namespace), version)
		return server
	}
}

// applyCertManager applies cert-manager's own CustomResourceDefinitions, and returns their group and version.
func applyCertManager(t *testing.T) schema.GroupVersion {
	t.Helper()
	crds := filepath.Join(os.Getenv("CERTMANAGER_SOURCE"), "deploy", "crds")
	for _, args := range [][]string{
		{"apply", "--server-side", "-f", crds}, {"wait", "--for=condition=Established", "--timeout=60s", "-f", crds},
	} {
		if said, err := kubectl(t, "", args...); err != nil {
			t.Fatalf("applying cert-manager's CustomResourceDefinitions: %v: %s", err, said)
		}
	}
	return schema.GroupVersion{Group: "cert-manager.io", Version: "v1"}
}

// certificateRequest is one for a key like that of a Pod, and as long a lifetime.
func certificateRequest(t *testing.T, version schema.GroupVersion, name string) *unstructured.Unstructured {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{DNSNames: []string{name + ".web.svc"}}, ecKey(t, elliptic.P256()))
	must(t, err)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": version.String(), "kind": "CertificateRequest", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"request":   base64.StdEncoding.EncodeToString(encode("CERTIFICATE REQUEST", der)),
			"issuerRef": map[string]any{"name": "ca"}, "duration": "24h",
			"usages": []any{"digital signature", "server auth"},
		},
	}}
}

// awaitIssuer creates an Issuer with the CA of the Secret, and waits until cert-manager says that it is ready.
func awaitIssuer(t *testing.T, issuers dynamic.ResourceInterface, version schema.GroupVersion) {
	t.Helper()
	_, err := issuers.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": version.String(), "kind": "Issuer", "metadata": map[string]any{"name": "ca"},
		"spec": map[string]any{"ca": map[string]any{"secretName": "ca"}},
	}}, metav1.CreateOptions{})
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := issuers.Get(ctx, "ca", metav1.GetOptions{})
		if err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		for _, condition := range conditions {
			if c, ok := condition.(map[string]any); ok && c["type"] == "Ready" && c["status"] == "True" {
				return nil
			}
		}
		return errors.New("the Issuer is not ready")
	})
}
