// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// csrRow is a CertificateSigningRequest of a Pod, and how it has to be answered.
type csrRow struct {
	alter  func(*certificatesv1.CertificateSigningRequestSpec, *x509.CertificateRequest)
	as     *kubernetes.Clientset // nil: with the Pod's token
	denied string                // the reason of the condition; "" for a request that waits
	waits  string                // the reason in the event
}

// signsRequests: a Pod gets what Services with the label are called that select it, by a request with its own token, and
// nothing else is signed.
func (n *tenant) signsRequests(t *testing.T) {
	t.Helper()
	n.letRequest(t)
	n.optIn(t, "web")
	pod := n.withToken(t, n.account.Name, n.pod)
	name := "web." + n.namespace + ".svc"
	good := n.createCSR(t, pod, func(*certificatesv1.CertificateSigningRequestSpec, *x509.CertificateRequest) {})
	chain := n.signedCSR(t, good)
	if !slices.Equal(chain[0].DNSNames, []string{name}) || len(chain) != 2 || !chain[1].IsCA {
		t.Errorf("a chain of %d for %v, want the CA behind a certificate for %s", len(chain), chain[0].DNSNames, name)
	}
	must(t, trust.NewBundle(chain[1]).Verify(chain, name, time.Now()))

	names := func(all ...string) func(*certificatesv1.CertificateSigningRequestSpec, *x509.CertificateRequest) {
		return func(_ *certificatesv1.CertificateSigningRequestSpec, r *x509.CertificateRequest) { r.DNSNames = all }
	}
	n.createService(t, "elsewhere", "elsewhere")
	n.optIn(t, "elsewhere")
	n.createService(t, "unlabelled", "web")
	rows := map[string]csrRow{
		"another namespace's Service": {alter: names("web.default.svc"), denied: "OtherNamespace"},
		"one of two names":            {alter: names(name, "kubernetes.default.svc"), denied: "OtherNamespace"},
		"a short name":                {alter: names("web"), denied: "OtherNamespace"},
		"a wildcard":                  {alter: names("*." + n.namespace + ".svc"), denied: "OtherNamespace"},
		"no names, but an annotation": {alter: names(), denied: "SANsMissing"},
		"an address": {alter: func(_ *certificatesv1.CertificateSigningRequestSpec, r *x509.CertificateRequest) {
			r.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)}
		}, denied: "IPAddressNotAllowed"},
		"a client's certificate": {alter: func(s *certificatesv1.CertificateSigningRequestSpec, _ *x509.CertificateRequest) {
			s.Usages = append(s.Usages, certificatesv1.UsageClientAuth)
		}, denied: "UsagesNotAllowed"},
		"a node":                       {alter: names(name), as: n.nodeClient(t, n.node.Name), denied: "NoPod"},
		"an administrator":             {alter: names(name), as: n.admin.(*kubernetes.Clientset), denied: "NoPod"},
		"a token of no Pod":            {alter: names(name), as: n.withToken(t, n.account.Name, nil), denied: "NoPod"},
		"another Pod's Service":        {alter: names("elsewhere." + n.namespace + ".svc"), waits: "ServiceNotSelecting"},
		"a Service without the label":  {alter: names("unlabelled." + n.namespace + ".svc"), waits: "ServiceNotOptedIn"},
		"a ServiceAccount made again":  n.remade(t),
		"a Service that is not there":  {alter: names("none." + n.namespace + ".svc"), waits: "ServiceNotSelecting"},
		"a name with another's domain": {alter: names(name + ".example.com"), denied: "OtherNamespace"},
	}
	made := map[string]string{}
	for title, row := range rows {
		as := row.as
		if as == nil {
			as = pod
		}
		made[title] = n.createCSR(t, as, row.alter)
	}
	for title, row := range rows {
		n.refusedCSR(t, title, made[title], row)
	}
}

// remade is a request of a Pod whose ServiceAccount is another one by the time that it could be signed.
func (n *tenant) remade(t *testing.T) csrRow {
	t.Helper()
	accounts := n.admin.CoreV1().ServiceAccounts(n.namespace)
	create := func() {
		_, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "remade"}},
			metav1.CreateOptions{})
		must(t, err)
	}
	create()
	pod := n.createPodAs(t, "remade", "remade")
	as := n.withToken(t, "remade", pod)
	early := n.createCSR(t, as, func(_ *certificatesv1.CertificateSigningRequestSpec, r *x509.CertificateRequest) {
		r.DNSNames = []string{"later." + n.namespace + ".svc"}
	})
	must(t, accounts.Delete(t.Context(), "remade", metav1.DeleteOptions{}))
	create()
	n.createService(t, "later", "web")
	n.optIn(t, "later")
	n.refusedCSR(t, "a ServiceAccount made again", early, csrRow{waits: "ServiceAccountUnknown"})
	return csrRow{alter: func(_ *certificatesv1.CertificateSigningRequestSpec, r *x509.CertificateRequest) {
		r.DNSNames = []string{"web.kube-system.svc"}
	}, denied: "OtherNamespace"}
}

// refusedCSR wants no certificate, and the reason in the condition or in an event of the Pod.
func (n *tenant) refusedCSR(t *testing.T, title, name string, row csrRow) {
	t.Helper()
	get := func(ctx context.Context) (*certificatesv1.CertificateSigningRequest, error) {
		return n.admin.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{})
	}
	clustertest.Eventually(t, func(ctx context.Context) error {
		if row.denied == "" {
			return n.toldWhy(ctx, name, row.waits)
		}
		live, err := get(ctx)
		if err == nil && (len(live.Status.Conditions) != 1 || live.Status.Conditions[0].Reason != row.denied ||
			live.Status.Conditions[0].Type != certificatesv1.CertificateDenied) {
			err = fmt.Errorf("%s: %v, want denied with %s", title, live.Status.Conditions, row.denied)
		}
		return err
	})
	live, err := get(t.Context())
	must(t, err)
	if len(live.Status.Certificate) > 0 || row.denied == "" && len(live.Status.Conditions) > 0 {
		t.Errorf("%s: it has %v and a certificate of %d bytes", title, live.Status.Conditions, len(live.Status.Certificate))
	}
	if live.Annotations["hookstrap.dev/services"] != "web" {
		t.Errorf("%s: the answer has changed the annotations to %v", title, live.Annotations)
	}
}

// letRequest lets the Pods of the namespace make requests, read their Service and write events; they may approve and
// sign nothing.
func (n *tenant) letRequest(t *testing.T) {
	t.Helper()
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
	}
	meta := metav1.ObjectMeta{Name: "requests-" + n.namespace}
	roles := n.admin.RbacV1()
	_, err := roles.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		rule(certificatesv1.GroupName, "certificatesigningrequests", "create", "get", "list", "watch"),
		rule("", "services", "get", "list", "watch"), rule("", "events", "create", "patch")}}, metav1.CreateOptions{})
	must(t, err)
	_, err = roles.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind,
			Name: "system:serviceaccounts:" + n.namespace}}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = roles.ClusterRoleBindings().Delete(ctx, meta.Name, metav1.DeleteOptions{})
		_ = roles.ClusterRoles().Delete(ctx, meta.Name, metav1.DeleteOptions{})
	})
}

func (n *tenant) optIn(t *testing.T, service string) {
	t.Helper()
	live, err := n.admin.CoreV1().Services(n.namespace).Get(t.Context(), service, metav1.GetOptions{})
	must(t, err)
	live.Labels = map[string]string{"hookstrap.dev/certificates": "true"}
	_, err = n.admin.CoreV1().Services(n.namespace).Update(t.Context(), live, metav1.UpdateOptions{})
	must(t, err)
}

// tokenConfig is the configuration of a ServiceAccount's token, bound to a Pod unless that is nil.
func (n *tenant) tokenConfig(t *testing.T, account string, pod *corev1.Pod) *rest.Config {
	t.Helper()
	request := &authenticationv1.TokenRequest{}
	if pod != nil {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name,
			UID: pod.UID}
	}
	answer, err := n.admin.CoreV1().ServiceAccounts(n.namespace).CreateToken(t.Context(), account, request, metav1.CreateOptions{})
	must(t, err)
	cfg := rest.AnonymousClientConfig(n.Config())
	cfg.BearerToken = answer.Status.Token
	return cfg
}

func (n *tenant) withToken(t *testing.T, account string, pod *corev1.Pod) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(n.tokenConfig(t, account, pod))
	must(t, err)
	return client
}

// createCSR makes a request for the Service web, altered, and returns its name.
func (n *tenant) createCSR(
	t *testing.T, as *kubernetes.Clientset, alter func(*certificatesv1.CertificateSigningRequestSpec, *x509.CertificateRequest),
) string {
	t.Helper()
	template := &x509.CertificateRequest{DNSNames: []string{"web." + n.namespace + ".svc"}}
	spec := certificatesv1.CertificateSigningRequestSpec{SignerName: podSigner, Usages: []certificatesv1.KeyUsage{
		certificatesv1.UsageServerAuth, certificatesv1.UsageDigitalSignature}}
	alter(&spec, template)
	der, err := x509.CreateCertificateRequest(rand.Reader, template, ecKey(t, elliptic.P256()))
	must(t, err)
	spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	obj := &certificatesv1.CertificateSigningRequest{Spec: spec, ObjectMeta: metav1.ObjectMeta{
		Name:        n.namespace + "-" + strings.ToLower(rand.Text()),
		Annotations: map[string]string{"hookstrap.dev/services": "web"}}}
	clustertest.Eventually(t, func(ctx context.Context) error { // The authorizer has to hear of the rights first.
		_, err := as.CertificatesV1().CertificateSigningRequests().Create(ctx, obj, metav1.CreateOptions{})
		return err
	})
	return obj.Name
}

// signedCSR waits for the certificate of a request.
func (n *tenant) signedCSR(t *testing.T, name string) (chain []*x509.Certificate) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := n.admin.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(live.Status.Certificate) == 0 {
			return errors.New("there is no certificate yet")
		}
		chain, err = cert.ParseCertsPEM(live.Status.Certificate)
		return err
	})
	return chain
}

// servesRequested: a server whose token may neither approve nor sign is ready with a certificate of the authority.
func (n *tenant) servesRequested(t *testing.T) {
	t.Helper()
	n.letRequest(t)
	n.optIn(t, site.Service)
	kubeconfig, err := n.WriteKubeconfig(n.tokenConfig(t, n.account.Name, n.pod), n.namespace)
	must(t, err)
	s := &site.Site{Namespace: n.namespace, Port: clustertest.FreePort(t)}
	_, health := startStatic(t, s, "--certificate-source=csr", "--signer-name="+podSigner, "--approve=external",
		"--kubeconfig="+kubeconfig, "--service-account="+n.account.Name, "--webhook-configuration=none", "--pod-ip=10.0.0.7",
		"--cluster-domain=cluster.local")
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	leaf, err := site.Presented(t.Context(), net.JoinHostPort("127.0.0.1", fmt.Sprint(s.Port)))
	must(t, err)
	name := site.Service + "." + n.namespace + ".svc"
	if want := []string{name, name + ".cluster.local"}; !slices.Equal(leaf.DNSNames, want) || len(leaf.IPAddresses) > 0 {
		t.Errorf("the certificate is for %v and %v, want %v", leaf.DNSNames, leaf.IPAddresses, want)
	}
}
