// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// maxRequests is how many requests a first start may cost the API server.
const maxRequests = 9

// streamsLists says whether a watch may begin with a list, as in Kubernetes 1.32, and from 1.34 on. If not, each of the two
// watches of a first start costs up to two requests more: it is refused, and then there is a list and a watch.
func streamsLists(t testing.TB) bool {
	t.Helper()
	minor := clustertest.Minor(t, shared)
	return minor == 32 || minor >= 34
}

func TestBuiltInSignerFromNothingToAdmission(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, s.BootstrapOptions(t))
	<-server.Ready()
	requests := server.Value(t, "hookstrap_bootstrap_api_requests")
	most := maxRequests
	if !streamsLists(t) {
		most += 2 * 2
	}
	if requests < 1 || requests > float64(most) {
		t.Errorf("the start took %g API requests, want at most %d", requests, most)
	}
	t.Logf("ready after %g API requests", requests)
	wantAdmission(t, s)
	leaf := server.Leaf()
	for _, name := range []string{"hookstrap", "hookstrap." + s.Namespace + ".svc", "10-244-0-7." + s.Namespace + ".pod.cluster.local", "10.244.0.7"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	wantKeyAtHome(t, s, leaf)
}

// wantAdmission: through the API server, a bad Pod is denied with the check's words, and a good one admitted.
func wantAdmission(t *testing.T, s *site.Site) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error { // The API server may not have heard of its webhook yet.
		err := s.Admit(ctx, site.BadImage)
		if err == nil || !strings.Contains(err.Error(), "denied") || !strings.Contains(err.Error(), site.BadImage) {
			return fmt.Errorf("a Pod without an image tag: %w, want a denial that names the image", admittedOr(err))
		}
		return nil
	})
	if err := s.Admit(t.Context(), site.GoodImage); err != nil {
		t.Errorf("a good Pod: %v", err)
	}
}

// wantKeyAtHome: no Secret and no request of the site holds the leaf's private key.
func wantKeyAtHome(t *testing.T, s *site.Site, leaf *x509.Certificate) {
	t.Helper()
	secrets, err := s.Admin.CoreV1().Secrets(s.Namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(secrets.Items) != 1 {
		t.Errorf("%d Secrets in the namespace, want the CA's and no other", len(secrets.Items))
	}
	for _, secret := range secrets.Items {
		for name, value := range secret.Data {
			key, err := keyutil.ParsePrivateKeyPEM(value)
			if err != nil {
				continue
			}
			public, ok := key.(crypto.Signer).Public().(interface{ Equal(crypto.PublicKey) bool })
			if !ok || public.Equal(leaf.PublicKey) {
				t.Errorf("Secret %s holds the serving key under %q", secret.Name, name)
			}
		}
	}
}

func TestKubeletServingSigner(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Manifests: "manifests/overlays/kubelet-serving"})
	options := s.BootstrapOptions(t)
	options.SignerName = signer.KubeletServing
	server := s.Start(t, options)
	server.AwaitReady(t)
	wantAdmission(t, s)
	if got := server.Leaf().Subject.Organization; len(got) != 1 || got[0] != "system:nodes" {
		t.Errorf("organization %v, want that of the signer's profile", got)
	}
}

// TestExternalSignerWithCAFile: a signer that answers with the leaf alone; --ca-file says whose it is.
func TestExternalSignerWithCAFile(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	ca := newTestCA(t, "right")
	go ca.answer(t, s)
	options := s.BootstrapOptions(t)
	options.SignerName, options.Approval, options.CAFile = unattendedSigner, csr.ApproveExternal, ca.file(t)
	server := s.Start(t, options)
	server.AwaitReady(t)
	wantAdmission(t, s)
}

// TestCAThatDoesNotVerifyIsNeverWritten: the caBundle stays as it is, and the reason names both sides.
func TestCAThatDoesNotVerifyIsNeverWritten(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	go newTestCA(t, "actual").answer(t, s)
	options := s.BootstrapOptions(t)
	options.SignerName, options.Approval, options.CAFile = unattendedSigner, csr.ApproveExternal, newTestCA(t, "configured").file(t)
	server := s.Start(t, options)
	clustertest.Eventually(t, func(context.Context) error {
		err := server.Readyz(request(t))
		for _, part := range []string{"nothing was written", "CN=configured", unattendedSigner} {
			if err == nil || !strings.Contains(err.Error(), part) {
				return fmt.Errorf("readiness says %w, want it to say %q", errOrNil(err), part)
			}
		}
		return nil
	})
	if bundle := liveBundle(t, s); len(bundle) > 0 {
		t.Errorf("a caBundle was written:\n%s", bundle)
	}
}

func TestConfigurationIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	server := s.Start(t, s.BootstrapOptions(t))
	clustertest.Eventually(t, func(context.Context) error {
		err := server.Readyz(request(t))
		if err == nil || !strings.Contains(err.Error(), s.Configuration) || !strings.Contains(err.Error(), "not exist") {
			return fmt.Errorf("readiness says %w, want that the configuration does not exist", errOrNil(err))
		}
		return nil
	})
	s.CreateConfiguration(t)
	server.AwaitReady(t)
	wantAdmission(t, s)
}

// TestClobberedBundleIsHealed: emptied, garbage, the CA of somebody else, the whole object recreated.
func TestClobberedBundleIsHealed(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, s.BootstrapOptions(t))
	server.AwaitReady(t)
	good, err := trust.ParseBundle(liveBundle(t, s))
	must(t, err)
	for name, clobber := range map[string]func(*testing.T){
		"emptied":           func(t *testing.T) { setBundle(t, s, nil) },
		"garbage":           func(t *testing.T) { setBundle(t, s, []byte("garbage")) },
		"somebody else's":   func(t *testing.T) { setBundle(t, s, newTestCA(t, "foreign").pem()) },
		"recreated without": func(*testing.T) { recreate(t, s) }, // To be cleaned up after the last case.
	} {
		t.Run(name, func(t *testing.T) {
			clobber(t)
			clustertest.Eventually(t, func(ctx context.Context) error {
				now, err := trust.ParseBundle(liveBundle(t, s))
				if err != nil || !good.Without(now).Empty() {
					return fmt.Errorf("the caBundle has %s, not what it had: %w", now.Describe(), errOrNil(err))
				}
				return s.Admit(ctx, site.GoodImage)
			})
		})
	}
}

func recreate(t *testing.T, s *site.Site) {
	t.Helper()
	configurations := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	must(t, configurations.Delete(t.Context(), s.Configuration, metav1.DeleteOptions{}))
	s.CreateConfiguration(t)
}

// setBundle replaces the caBundle of every webhook, as a careless client does.
func setBundle(t *testing.T, s *site.Site, bundle []byte) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := s.LiveConfiguration(ctx)
		if err != nil {
			return err
		}
		for i := range live.Webhooks {
			live.Webhooks[i].ClientConfig.CABundle = bundle
		}
		_, err = s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Update(ctx, live, metav1.UpdateOptions{})
		return err
	})
}

// liveBundle is the caBundle of the first webhook, after checking that all have the same.
func liveBundle(t *testing.T, s *site.Site) []byte {
	t.Helper()
	live, err := s.LiveConfiguration(t.Context())
	must(t, err)
	for _, webhook := range live.Webhooks[1:] {
		if !bytes.Equal(webhook.ClientConfig.CABundle, live.Webhooks[0].ClientConfig.CABundle) {
			return []byte("the webhooks differ")
		}
	}
	return live.Webhooks[0].ClientConfig.CABundle
}

// TestTwentyServersAtOnce: one CA, one write of the caBundle, and no one complains.
func TestTwentyServersAtOnce(t *testing.T) {
	t.Parallel()
	const replicas = 20
	s := site.New(t, shared, site.Options{})
	created, err := s.LiveConfiguration(t.Context())
	must(t, err)
	watch, err := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Watch(t.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name=" + s.Configuration, ResourceVersion: created.ResourceVersion})
	must(t, err)
	defer watch.Stop()
	servers := make([]*site.Server, replicas)
	for i := range servers {
		options := s.BootstrapOptions(t)
		options.SelfAddress = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
		servers[i] = s.Start(t, options)
	}
	for i, server := range servers {
		<-server.Ready()
		if !bytes.Equal(server.Leaf().AuthorityKeyId, servers[0].Leaf().AuthorityKeyId) {
			t.Errorf("replica %d has a certificate of another CA", i)
		}
	}
	if writes := countWrites(t, s, watch.ResultChan()); writes != 1 {
		t.Errorf("the configuration was written %d times, want once", writes)
	}
	cas, err := cert.ParseCertsPEM(liveBundle(t, s))
	must(t, err)
	if len(cas) != 1 {
		t.Errorf("%d CAs in the caBundle, want 1", len(cas))
	}
	for i, server := range servers {
		if failures := server.Failures(t); failures > 0 {
			t.Errorf("replica %d counted %g failures", i, failures)
		}
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		directory bool
		requests  int
	}{
		"with cert-dir no new request": {directory: true, requests: 1},
		"without, a new one":           {requests: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			options := s.BootstrapOptions(t)
			if tc.directory {
				options.CertDir = filepath.Join(t.TempDir(), "serving")
			}
			first := s.Start(t, options)
			first.AwaitReady(t)
			first.Stop()
			second := s.Start(t, options)
			second.AwaitReady(t)
			if same := first.Leaf().Equal(second.Leaf()); same != tc.directory {
				t.Errorf("the same certificate after the restart: %t, want %t", same, tc.directory)
			}
			if got := len(requestsOf(t, s)); got != tc.requests {
				t.Errorf("%d CertificateSigningRequests, want %d", got, tc.requests)
			}
			wantAdmission(t, s)
		})
	}
}

func requestsOf(t *testing.T, s *site.Site) []string {
	t.Helper()
	list, err := s.Admin.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{
		LabelSelector: labels.SelectorFromSet(labels.Set{csr.LabelNamespace: s.Namespace}).String()})
	must(t, err)
	names := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		names = append(names, item.Name)
	}
	return names
}

// TestForeignEntriesAreLeftAlone: entries of the same object that point at another Service keep what they have.
func TestForeignEntriesAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	foreign := newTestCA(t, "foreign").pem()
	s.Shipped.Configuration.Webhooks[1].ClientConfig.CABundle = foreign
	s.Shipped.Configuration.Webhooks[1].ClientConfig.Service.Name = "another"
	s.CreateConfiguration(t)
	server := s.Start(t, s.BootstrapOptions(t))
	server.AwaitReady(t)
	live, err := s.LiveConfiguration(t.Context())
	must(t, err)
	if got := live.Webhooks[1].ClientConfig.CABundle; !bytes.Equal(got, foreign) {
		t.Errorf("the caBundle of another Service's webhook was changed to:\n%s", got)
	}
	if owners := ownedBundles(live.ManagedFields, metav1.ManagedFieldsOperationUpdate); owners != 1 {
		t.Errorf("the field manager owns the caBundle of %d webhooks, want 1", owners)
	}
}

// TestConfigurationThatNamesNobody: a patch of a caBundle that has no entry of ours must not happen.
func TestUnrelatedConfigurationIsNotTouched(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	for i := range s.Shipped.Configuration.Webhooks {
		s.Shipped.Configuration.Webhooks[i].ClientConfig.Service.Name = "another"
	}
	created := s.CreateConfiguration(t)
	server := s.Start(t, s.BootstrapOptions(t))
	clustertest.Eventually(t, func(context.Context) error {
		if err := server.Readyz(request(t)); err == nil || !strings.Contains(err.Error(), s.Namespace+"/hookstrap") {
			return fmt.Errorf("readiness says %w, want that no entry points at our Service", errOrNil(err))
		}
		return nil
	})
	live, err := s.LiveConfiguration(t.Context())
	must(t, err)
	if live.ResourceVersion != created.ResourceVersion {
		t.Error("the configuration was written")
	}
}

// TestRequestsAreLabelled so that `kubectl get csr -l hookstrap.dev/service=...` finds them.
func TestRequestsAreLabelled(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	s.Start(t, s.BootstrapOptions(t)).AwaitReady(t)
	names := requestsOf(t, s)
	if len(names) != 1 {
		t.Fatalf("%d requests, want 1", len(names))
	}
	obj, err := s.Admin.CertificatesV1().CertificateSigningRequests().Get(t.Context(), names[0], metav1.GetOptions{})
	must(t, err)
	for label, want := range map[string]string{csr.LabelService: "hookstrap", csr.LabelPod: "hookstrap-0", csr.LabelManagedBy: csr.ManagedBy} {
		if got := obj.Labels[label]; got != want {
			t.Errorf("label %s = %q, want %q", label, got, want)
		}
	}
	if obj.UID == types.UID("") || obj.Spec.Username != "system:serviceaccount:"+s.Namespace+":hookstrap" {
		t.Errorf("requested by %q, want the site's ServiceAccount", obj.Spec.Username)
	}
}

func errOrNil(err error) error {
	if err == nil {
		return errors.New("nothing")
	}
	return err
}

// swapProjected writes files as the kubelet does: a new directory, then one rename of the ..data link.
func swapProjected(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	generation, err := os.MkdirTemp(dir, ".."+time.Now().Format("2006_01_02_15_04_05.")) //nolint:usetesting // Beside its link.
	must(t, err)
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(generation, name), content, 0o600))
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	temporary := filepath.Join(dir, "..data_tmp")
	must(t, os.Symlink(filepath.Base(generation), temporary))
	must(t, os.Rename(temporary, filepath.Join(dir, "..data")))
}
