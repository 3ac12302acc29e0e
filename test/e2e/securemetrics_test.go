// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestSecureMetrics: with the rights that the component gives and no others, /metrics is for clients that trust the CA and
// have the right to read it, with the certificate that admission has, a renewed one as well.
func TestSecureMetrics(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	s := site.New(t, shared, site.Options{Manifests: "manifests/overlays/secure-metrics"})
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	address := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server := startBinary(t, s, executable, "--health-probe-bind-address="+health, "--metrics-secure",
		"--metrics-bind-address="+address, "--client-ca-file="+newTestCA(t, "clients").file(t), "-v=9")
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })

	scraper := scraperOf(t, s, address)
	reader, other := tokenOf(t, s, "reader"), tokenOf(t, s, "other")
	allowMetrics(t, s, "reader")
	clustertest.Eventually(t, func(ctx context.Context) error { return scraper.want(ctx, reader, http.StatusOK) })
	for token, want := range map[string]int{
		"": http.StatusUnauthorized, "nonsense": http.StatusUnauthorized, other: http.StatusForbidden, reader: http.StatusOK,
	} {
		if err := scraper.want(t.Context(), token, want); err != nil {
			t.Error(err)
		}
	}
	if status, body, err := fetch(t.Context(), "http://"+address+"/metrics"); err == nil && status == http.StatusOK {
		t.Errorf("plain HTTP is answered: %.100s", body)
	}

	before := scraper.leaf(t)
	must(t, server.Signal(syscall.SIGHUP))
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := scraper.want(ctx, reader, http.StatusOK); err != nil {
			return err
		}
		if scraper.leaf(t).Equal(before) {
			return errors.New("the metrics still have the certificate from before the renewal")
		}
		return nil
	})
	for _, secret := range []string{reader, other} {
		if strings.Contains(server.Log(), secret) {
			t.Error("a token is in the log")
		}
	}
}

// TestSecureMetricsRights: without the rights to ask, nothing is answered, and the log says which rule is missing.
func TestSecureMetricsRights(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	s := site.New(t, shared, site.Options{})
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	address := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server := startBinary(t, s, executable, "--health-probe-bind-address="+health, "--metrics-secure",
		"--metrics-bind-address="+address)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	must(t, scraperOf(t, s, address).want(t.Context(), tokenOf(t, s, "reader"), http.StatusServiceUnavailable))
	clustertest.Eventually(t, func(context.Context) error {
		if !strings.Contains(server.Log(), "tokenreviews") {
			return fmt.Errorf("the log does not name the right that is missing:\n%s", server.Log())
		}
		return nil
	})
}

// scraper reads the metrics of a server as Prometheus does, from the Pod's address under the Service's name.
type scraper struct {
	url       string
	transport *http.Transport
}

// scraperOf trusts what the caBundle of the site has, as bundle.crt of the Secret.
func scraperOf(t *testing.T, s *site.Site, address string) *scraper {
	t.Helper()
	secret, err := s.Admin.CoreV1().Secrets(s.Namespace).Get(t.Context(), site.Service+"-ca", metav1.GetOptions{})
	must(t, err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(secret.Data["bundle.crt"]) {
		t.Fatal("the Secret has no CA in bundle.crt")
	}
	return &scraper{url: "https://" + address + "/metrics", transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: site.Service + "." + s.Namespace + ".svc",
		},
	}}
}

// get reads the metrics with a token, or with none.
func (s *scraper) get(ctx context.Context, token string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := s.transport.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, string(body), err
}

// want is an error unless the status is as given, and metrics come with 200 alone.
func (s *scraper) want(ctx context.Context, token string, status int) error {
	answer, body, err := s.get(ctx, token)
	if err != nil {
		return err
	}
	if answer.StatusCode != status || strings.Contains(body, "hookstrap_build_info") != (status == http.StatusOK) {
		return fmt.Errorf("the status is %d, want %d, or the wrong body: %.200s", answer.StatusCode, status, body)
	}
	return nil
}

// leaf is the certificate that the metrics are served with.
func (s *scraper) leaf(t *testing.T) *x509.Certificate {
	t.Helper()
	answer, _, err := s.get(t.Context(), "")
	must(t, err)
	return answer.TLS.PeerCertificates[0]
}

// tokenOf makes a ServiceAccount, and a token of it.
func tokenOf(t *testing.T, s *site.Site, name string) string {
	t.Helper()
	accounts := s.Admin.CoreV1().ServiceAccounts(s.Namespace)
	_, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}},
		metav1.CreateOptions{})
	must(t, err)
	answer, err := accounts.CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	must(t, err)
	return answer.Status.Token
}

// allowMetrics gives a ServiceAccount the role of the overlay monitoring-secure.
func allowMetrics(t *testing.T, s *site.Site, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(site.Root(), "manifests/overlays/monitoring-secure/clusterrole.yaml"))
	must(t, err)
	var role rbacv1.ClusterRole
	must(t, yaml.UnmarshalStrict(text, &role))
	role.Name = s.Configuration + "-metrics-reader"
	rbac := s.Admin.RbacV1()
	_, err = rbac.ClusterRoles().Create(t.Context(), &role, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: s.Namespace}},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = rbac.ClusterRoleBindings().Delete(ctx, role.Name, metav1.DeleteOptions{})
		_ = rbac.ClusterRoles().Delete(ctx, role.Name, metav1.DeleteOptions{})
	})
}
