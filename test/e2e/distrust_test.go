// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// distrust does what `webhook distrust --fingerprint` does, as the servers' ServiceAccount.
func distrust(t *testing.T, s *site.Site, ca *x509.Certificate) {
	t.Helper()
	client, err := kubernetes.NewForConfig(s.Config(t))
	must(t, err)
	secret := types.NamespacedName{Namespace: s.Namespace, Name: site.Service + "-ca"}
	must(t, authority.AskForDistrust(t.Context(), client, secret, func([]authority.Member) ([]string, error) {
		return []string{trust.Fingerprint(ca)}, nil
	}))
}

// trustedNowhere says where a CA is still trusted.
func trustedNowhere(ctx context.Context, s *site.Site, ca *x509.Certificate) error {
	live, err := s.LiveConfiguration(ctx)
	if err != nil {
		return err
	}
	published, err := s.Admin.CertificatesV1().ClusterTrustBundles().Get(ctx, s.TrustBundle(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	secret, err := s.Admin.CoreV1().Secrets(s.Namespace).Get(ctx, site.Service+"-ca", metav1.GetOptions{})
	if err != nil {
		return err
	}
	places := map[string][]byte{
		"the ClusterTrustBundle": []byte(published.Spec.TrustBundle), "the Secret": secret.Data["bundle.crt"],
		"the Secret, as the CA that signs": secret.Data["ca.crt"],
	}
	for _, webhook := range live.Webhooks {
		places["the caBundle of "+webhook.Name] = webhook.ClientConfig.CABundle
	}
	for place, pem := range places {
		if bundle, err := trust.ParseBundle(pem); err != nil || bundle.Empty() || bundle.Contains(ca) {
			return fmt.Errorf("%s has %s: %w", place, bundle.Describe(), errOrNil(err))
		}
	}
	return nil
}

// awaitDistrusted waits until a CA is trusted nowhere and every server serves certificates of the one that signs.
func awaitDistrusted(t *testing.T, s *site.Site, servers []*site.Server, ca *x509.Certificate) {
	t.Helper()
	clustertest.EventuallyWithin(t, time.Minute, func(ctx context.Context) error {
		for i, server := range servers {
			if err := server.Leaf().CheckSignatureFrom(mustSign(ctx, s)); err != nil {
				return fmt.Errorf("server %d: %w", i, err)
			}
		}
		return trustedNowhere(ctx, s, ca)
	})
}

// watchFor counts, until the returned function is called, the states of the configuration whose caBundle has a CA.
func watchFor(t *testing.T, s *site.Site, ca *x509.Certificate) func() int {
	t.Helper()
	live, err := s.LiveConfiguration(t.Context())
	must(t, err)
	configurations := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	watch, err := configurations.Watch(t.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name=" + s.Configuration, ResourceVersion: live.ResourceVersion})
	must(t, err)
	return func() int {
		defer watch.Stop()
		const end = "hookstrap.test/end-of-watch"
		_, err := configurations.Patch(t.Context(), s.Configuration, types.MergePatchType,
			[]byte(`{"metadata":{"annotations":{"`+end+`":"true"}}}`), metav1.PatchOptions{})
		must(t, err)
		seen := 0
		for event := range watch.ResultChan() {
			configuration, ok := event.Object.(*admissionv1.ValidatingWebhookConfiguration)
			if !ok {
				t.Fatalf("the watch ended: %v", event.Object)
			}
			if bundle, _ := trust.ParseBundle(configuration.Webhooks[0].ClientConfig.CABundle); bundle.Contains(ca) {
				seen++
			}
			if _, ended := configuration.Annotations[end]; ended {
				break
			}
		}
		return seen
	}
}

// TestDistrustedCALeaves: the CA that signs is distrusted, while admissions go on. Each replica renews, and then the CA
// is trusted nowhere. Nothing brings it back: the Secret's deletion, an old backup, a restart with an old stored pair.
func TestDistrustedCALeaves(t *testing.T) {
	t.Parallel()
	s := publishing(t)
	s.Reconnect = true
	stored, old := t.TempDir(), t.TempDir()
	servers := s.Replicas(t, 2, func(options *bootstrap.Options) {
		options.PublishTrustBundle = true
		if strings.HasSuffix(options.PodName, "-1") {
			options.CertDir = stored + "/serving"
		}
	})
	secrets := s.Admin.CoreV1().Secrets(s.Namespace)
	backup, err := secrets.Get(t.Context(), site.Service+"-ca", metav1.GetOptions{})
	must(t, err)
	clustertest.Eventually(t, func(context.Context) error {
		return os.CopyFS(old+"/"+strconv.FormatInt(time.Now().UnixNano(), 36), os.DirFS(stored))
	})
	stolen := mustSign(t.Context(), s)

	load := startStream(t, s)
	distrust(t, s, stolen)
	awaitDistrusted(t, s, servers, stolen)
	load.atLeast(t, 20)
	load.end(t)

	returned := watchFor(t, s, stolen)
	must(t, secrets.Delete(t.Context(), backup.Name, metav1.DeleteOptions{}))
	awaitDistrusted(t, s, servers, stolen)
	writeBack(t, s, backup)
	awaitDistrusted(t, s, servers, stolen)
	restartWith(t, s, old, stolen)
	awaitDistrusted(t, s, servers, stolen)
	wantAdmission(t, s)
	if seen := returned(); seen > 0 {
		t.Errorf("the distrusted CA was in the caBundle again %d times", seen)
	}
}

// writeBack puts the data of an old Secret into the live one.
func writeBack(t *testing.T, s *site.Site, backup *corev1.Secret) {
	t.Helper()
	secrets := s.Admin.CoreV1().Secrets(s.Namespace)
	var written *corev1.Secret
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := secrets.Get(ctx, backup.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		live.Data, live.Annotations = maps.Clone(backup.Data), backup.Annotations
		written, err = secrets.Update(ctx, live, metav1.UpdateOptions{})
		return err
	})
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := secrets.Get(ctx, backup.Name, metav1.GetOptions{})
		if err == nil && live.ResourceVersion == written.ResourceVersion {
			err = errors.New("nobody has put the Secret right")
		}
		return err
	})
}

// restartWith starts one more server with the stored pair of an old certificate.
func restartWith(t *testing.T, s *site.Site, old string, stolen *x509.Certificate) {
	t.Helper()
	copies, err := os.ReadDir(old)
	must(t, err)
	options := s.BootstrapOptions(t)
	options.PodName, options.CertDir = "hookstrap-2", old+"/"+copies[0].Name()+"/serving"
	options.SelfAddress = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server := s.Start(t, options)
	clustertest.Eventually(t, func(context.Context) error {
		if server.Leaf() == nil {
			return errors.New("the stored certificate is not served")
		}
		return nil
	})
	server.AwaitReady(t)
	if server.Leaf().CheckSignatureFrom(stolen) == nil {
		t.Error("the server is ready with a certificate of the distrusted CA")
	}
}

// foreignPair is a CA that somebody else has made, as the data of a Secret.
func foreignPair(t *testing.T, lifetime time.Duration) (map[string][]byte, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "somebody else's"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(lifetime),
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	ca := certify(t, template, template, key, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return map[string][]byte{
		"version": []byte("1"), "ca.crt": encode("CERTIFICATE", ca.Raw), "ca.key": encode("PRIVATE KEY", der),
	}, ca
}

// TestForeignCAOfACenturyIsRefused: the last good one signs on, and a Warning event says what to look for.
func TestForeignCAOfACenturyIsRefused(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, withEvents(t, s))
	server.AwaitReady(t)
	before := mustSign(t.Context(), s)
	data, foreign := foreignPair(t, 100*365*24*time.Hour)
	backup, err := s.Admin.CoreV1().Secrets(s.Namespace).Get(t.Context(), site.Service+"-ca", metav1.GetOptions{})
	must(t, err)
	returned := watchFor(t, s, foreign)
	backup.Data = data
	writeBack(t, s, backup)
	clustertest.Eventually(t, func(ctx context.Context) error {
		events, err := eventsOf(ctx, s, "CARotation")
		for _, event := range events {
			if event.Type == corev1.EventTypeWarning && strings.Contains(event.Message, "valid for 36500 days") {
				return err
			}
		}
		return fmt.Errorf("no event tells of the CA: %v: %w", events, errOrNil(err))
	})
	if now := mustSign(t.Context(), s); !now.Equal(before) {
		t.Errorf("the CA that signs is %s, want the last good one", now.Subject)
	}
	renew(t, server)
	wantAdmission(t, s)
	if seen := returned(); seen > 0 {
		t.Errorf("the foreign CA was in the caBundle %d times", seen)
	}
}

// TestForeignCAIsReported, though it is bounded as ours are and used; and it can be distrusted.
func TestForeignCAIsReported(t *testing.T) {
	t.Parallel()
	s := publishing(t)
	options := withEvents(t, s)
	options.PublishTrustBundle = true
	server := s.Start(t, options)
	server.AwaitReady(t)
	if n := server.Value(t, "hookstrap_ca_foreign"); n != 0 {
		t.Errorf("%g CAs are foreign before anybody has put one there", n)
	}
	data, foreign := foreignPair(t, 24*time.Hour*365)
	backup, err := s.Admin.CoreV1().Secrets(s.Namespace).Get(t.Context(), site.Service+"-ca", metav1.GetOptions{})
	must(t, err)
	backup.Data = data
	writeBack(t, s, backup)
	event := awaitEvent(t, s, "CANotMadeHere", corev1.EventTypeWarning)
	if want := fmt.Sprintf("%.12s", trust.Fingerprint(foreign)); !strings.Contains(event.Message, want) {
		t.Errorf("the event does not name %s: %s", want, event.Message)
	}
	clustertest.Eventually(t, func(context.Context) error {
		if n := server.Value(t, "hookstrap_ca_foreign"); n != 1 {
			return fmt.Errorf("%g CAs are foreign, want 1", n)
		}
		return nil
	})
	distrust(t, s, foreign)
	awaitDistrusted(t, s, []*site.Server{server}, foreign)
	clustertest.Eventually(t, func(context.Context) error {
		if n := server.Value(t, "hookstrap_ca_foreign"); n != 0 {
			return fmt.Errorf("%g CAs are foreign, want none", n)
		}
		return nil
	})
}

// TestRotationsAreBounded: forty changes of the annotation leave six CAs, and one event.
func TestRotationsAreBounded(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, withEvents(t, s))
	server.AwaitReady(t)
	for i := range 40 {
		before := mustSign(t.Context(), s)
		askForRotation(t, s, strconv.Itoa(i))
		clustertest.Eventually(t, func(ctx context.Context) error {
			if waiting, err := eventsOf(ctx, s, "CARotationWaits"); err != nil || len(waiting) > 0 {
				return err
			}
			if now, err := signingCA(ctx, s); err != nil || now.Equal(before) {
				return fmt.Errorf("rotation %d: the old CA still signs: %w", i, errOrNil(err))
			}
			return nil
		})
	}
	if event := awaitEvent(t, s, "CARotationWaits", corev1.EventTypeWarning); event.Count != 1 {
		t.Errorf("it was told of %d times, want once", event.Count)
	}
	bundle, err := trust.ParseBundle(liveBundle(t, s))
	must(t, err)
	if bundle.Len() != 6 {
		t.Errorf("%d CAs are trusted, want 6", bundle.Len())
	}
	wantAdmission(t, s)
}
