// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	podSigner          = "hookstrap.dev/authority"
	podSignerNamespace = "hookstrap-authority"
	podSignerBundle    = "hookstrap.dev:authority:hookstrap-authority.hookstrap-authority.svc"
)

// tenant is a namespace with a Pod that runs on a node, and the requests that its kubelet makes.
type tenant struct {
	*cluster.Cluster

	admin     kubernetes.Interface
	namespace string
	pod       *corev1.Pod
	account   *corev1.ServiceAccount
	node      *corev1.Node
}

// startPodAuthority runs replicas of the binary with the rights in manifests/authority and no others.
func startPodAuthority(t *testing.T, c *cluster.Cluster, count int) []*process.Server {
	t.Helper()
	cfg := podAuthorityConfig(t, c)
	var replicas []*process.Server
	for range count {
		replicas = append(replicas, runPodAuthority(t, c, cfg))
	}
	return replicas
}

// podAuthorityConfig applies these rights until the test ends, and returns what logs in with them.
func podAuthorityConfig(t *testing.T, c *cluster.Cluster) *rest.Config {
	t.Helper()
	manifests := filepath.Join(site.Root(), "manifests/authority")
	files := []string{"-f", filepath.Join(manifests, "namespace.yaml"), "-f", filepath.Join(manifests, "rbac.yaml")}
	out, err := c.Kubectl(t.Context(), append([]string{"apply"}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("applying the rights: %v: %s", err, out)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = c.Kubectl(ctx, append([]string{"delete", "--wait=false"}, files...)...).Run()
		_ = c.Kubectl(ctx, "delete", "clustertrustbundle", podSignerBundle).Run()
	})
	cfg, err := c.ServiceAccountConfig(t.Context(), podSignerNamespace, "hookstrap-authority")
	must(t, err)
	return cfg
}

// runPodAuthority runs one replica until the test ends, and waits until it is ready.
func runPodAuthority(t *testing.T, c *cluster.Cluster, cfg *rest.Config, flags ...string) *process.Server {
	t.Helper()
	server, health := beginPodAuthority(t, c, cfg, flags...)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	return server
}

// beginPodAuthority runs one replica until the test ends, and returns where it says whether it is ready.
func beginPodAuthority(
	t *testing.T, c *cluster.Cluster, cfg *rest.Config, flags ...string,
) (server *process.Server, health string) {
	t.Helper()
	kubeconfig, err := c.WriteKubeconfig(cfg, podSignerNamespace)
	must(t, err)
	executable, err := binary()
	must(t, err)
	health = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server, err = process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable, Command: "authority",
		Args: append([]string{"--kubeconfig=" + kubeconfig, "--namespace=" + podSignerNamespace, "--cluster-domain=cluster.local",
			"--health-probe-bind-address=" + health, "--metrics-bind-address=0"}, flags...),
	})
	must(t, err)
	t.Cleanup(func() {
		server.Kill()
		if t.Failed() {
			t.Logf("the log of webhook authority:\n%s", server.Log())
		}
	})
	return server, health
}

func newTenant(t *testing.T, c *cluster.Cluster) *tenant {
	t.Helper()
	return newTenantIn(t, c, clustertest.Namespace(t, c))
}

func newTenantIn(t *testing.T, c *cluster.Cluster, namespace string) *tenant {
	t.Helper()
	n := &tenant{Cluster: c, admin: mustClient(t, c.Config()), namespace: namespace}
	var err error
	n.node, err = n.admin.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "authority-"}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = n.admin.CoreV1().Nodes().Delete(context.WithoutCancel(t.Context()), n.node.Name, metav1.DeleteOptions{})
	})
	n.account, err = n.admin.CoreV1().ServiceAccounts(n.namespace).Get(t.Context(), "default", metav1.GetOptions{})
	must(t, err)
	n.pod = n.createPod(t, "web-0")
	return n
}

func (n *tenant) createPod(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	return n.createPodAs(t, name, "default")
}

func (n *tenant) createPodAs(t *testing.T, name, account string) *corev1.Pod {
	t.Helper()
	pod, err := n.admin.CoreV1().Pods(n.namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{NodeName: n.node.Name, ServiceAccountName: account, Containers: []corev1.Container{{Name: "web", Image: "web"}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}},
	}, metav1.CreateOptions{})
	must(t, err)
	return pod
}

func (n *tenant) createService(t *testing.T, name, app string) {
	t.Helper()
	_, err := n.admin.CoreV1().Services(n.namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": app}, ClusterIP: corev1.ClusterIPNone,
			Ports: []corev1.ServicePort{{Port: 443}}},
	}, metav1.CreateOptions{})
	must(t, err)
}

// request is what the kubelet asks for the Pod, altered.
func (n *tenant) request(
	t *testing.T, key crypto.Signer, alter func(*certificatesv1.PodCertificateRequestSpec),
) *certificatesv1.PodCertificateRequest {
	t.Helper()
	created, err := n.admin.CertificatesV1().PodCertificateRequests(n.namespace).Create(t.Context(), n.draft(t, key, alter),
		metav1.CreateOptions{})
	must(t, err)
	return created
}

// draft is a request that has not been created.
func (n *tenant) draft(
	t *testing.T, key crypto.Signer, alter func(*certificatesv1.PodCertificateRequestSpec),
) *certificatesv1.PodCertificateRequest {
	t.Helper()
	stub, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	spec := certificatesv1.PodCertificateRequestSpec{
		SignerName: podSigner, PodName: n.pod.Name, PodUID: n.pod.UID, ServiceAccountName: n.account.Name,
		ServiceAccountUID: n.account.UID, NodeName: types.NodeName(n.node.Name), NodeUID: n.node.UID, StubPKCS10Request: stub,
	}
	alter(&spec)
	return &certificatesv1.PodCertificateRequest{ObjectMeta: metav1.ObjectMeta{GenerateName: "request-"}, Spec: spec}
}

// answered waits for the answer to a request, which has to be of that type.
func (n *tenant) answered(t *testing.T, name, kind string) (live *certificatesv1.PodCertificateRequest) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) (err error) {
		live, err = n.admin.CertificatesV1().PodCertificateRequests(n.namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && (len(live.Status.Conditions) != 1 || live.Status.Conditions[0].Type != kind) {
			err = fmt.Errorf("conditions %v, want %s", live.Status.Conditions, kind)
		}
		return err
	})
	return live
}

// verified wants a certificate that clients with the ClusterTrustBundle take for the Services, for the key.
func (n *tenant) verified(t *testing.T, live *certificatesv1.PodCertificateRequest, key crypto.Signer, services ...string) {
	t.Helper()
	bundle, err := n.admin.CertificatesV1().ClusterTrustBundles().Get(t.Context(), podSignerBundle, metav1.GetOptions{})
	must(t, err)
	roots, err := trust.ParseBundle([]byte(bundle.Spec.TrustBundle))
	must(t, err)
	chain, err := cert.ParseCertsPEM([]byte(live.Status.CertificateChain))
	must(t, err)
	var names []string
	for _, service := range services {
		names = append(names, service+"."+n.namespace+".svc", service+"."+n.namespace+".svc.cluster.local")
		must(t, roots.Verify(chain, service+"."+n.namespace+".svc", time.Now()))
	}
	leaf := chain[0]
	if !slices.Equal(leaf.DNSNames, names) || len(leaf.IPAddresses) > 0 || leaf.Subject.String() != "" {
		t.Errorf("the certificate is for %v, %v and subject %q, want %v", leaf.DNSNames, leaf.IPAddresses, leaf.Subject, names)
	}
	if public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(key.Public()) {
		t.Error("the certificate is for another key")
	}
	if got, want := leaf.NotAfter.Sub(leaf.NotBefore), time.Duration(*live.Spec.MaxExpirationSeconds)*time.Second; got != want {
		t.Errorf("the certificate is valid for %s, want %s", got, want)
	}
}

// TestAuthority keeps caBundles with a keeper alone, so that its writes can be counted, and then signs for Pods: what
// the API server takes at the first try, for all keys and both ends of the lifetimes, and for a Pod that was there before
// its Service.
func TestAuthority(t *testing.T) {
	clustertest.Since(t, shared, 37, "PodCertificateRequest v1")
	t.Parallel()
	t.Run("keeps caBundles", keepsBundles)
	replicas := startPodAuthority(t, shared, 2)
	n := newTenant(t, shared)
	p256 := func() crypto.Signer { return ecKey(t, elliptic.P256()) }
	unchanged := func(*certificatesv1.PodCertificateRequestSpec) {}
	early := p256()
	waiting := n.request(t, early, unchanged)
	n.createService(t, "web", "web")
	n.verified(t, n.answered(t, waiting.Name, "Issued"), early, "web")

	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	for _, key := range []crypto.Signer{ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521()), ed} {
		shortest := n.request(t, key, func(s *certificatesv1.PodCertificateRequestSpec) {
			s.MaxExpirationSeconds = new(int32(3600))
		})
		n.verified(t, n.answered(t, shortest.Name, "Issued"), key, "web")
	}

	n.createService(t, "all", "web")
	narrow, key := p256(), p256()
	both := n.request(t, key, unchanged)
	one := n.request(t, narrow, func(s *certificatesv1.PodCertificateRequestSpec) {
		s.UnverifiedUserAnnotations = map[string]string{"hookstrap.dev/services": "all"}
	})
	// The Service may be known a moment after the request.
	live := n.answered(t, both.Name, "Issued")
	if !strings.Contains(live.Status.Conditions[0].Message, "web."+n.namespace+".svc") {
		t.Errorf("the condition %v does not say for what it was signed", live.Status.Conditions)
	}
	n.verified(t, n.answered(t, one.Name, "Issued"), narrow, "all")
	for _, replica := range replicas {
		if strings.Contains(replica.Log(), "Cannot answer") {
			t.Error("an answer was refused by the API server")
		}
	}
	t.Run("keeps caBundles with its own CA", keepsOwn)
	t.Run("served without a kubeconfig", n.served)
	t.Run("hostile", n.hostile)
	t.Run("nodes", n.asNodes)
	t.Run("CertificateSigningRequests", n.signsRequests)
	t.Run("served without the rights to approve and sign", n.servesRequested)
	for _, replica := range replicas {
		must(t, replica.Stop())
	}
	t.Run("killed at each write", n.survivesCrashes)
	t.Run("killed at each write of a start", n.startSurvivesCrashes)
}

func ecKey(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(t, err)
	return key
}
