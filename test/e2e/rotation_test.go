// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/cert"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// askForRotation does what docs/ca.md says: a new value of the annotation.
func askForRotation(t *testing.T, s *site.Site, value string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, authority.RotateAnnotation, value)
	_, err := s.Admin.CoreV1().Secrets(s.Namespace).Patch(t.Context(), site.Service+"-ca", types.MergePatchType,
		[]byte(patch), metav1.PatchOptions{})
	must(t, err)
}

// signingCA reads from the Secret which CA signs.
func signingCA(ctx context.Context, s *site.Site) (*x509.Certificate, error) {
	secret, err := s.Admin.CoreV1().Secrets(s.Namespace).Get(ctx, site.Service+"-ca", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	cas, err := cert.ParseCertsPEM(secret.Data["ca.crt"])
	if err != nil {
		return nil, err
	}
	return cas[0], nil
}

// rotate asks for a new CA and waits until all servers serve certificates of it.
func rotate(t *testing.T, s *site.Site, servers []*site.Server, value string) {
	t.Helper()
	before, err := signingCA(t.Context(), s)
	must(t, err)
	askForRotation(t, s, value)
	// Twenty servers need ten seconds for it when two processors have nothing else to do.
	clustertest.EventuallyWithin(t, time.Minute, func(ctx context.Context) error {
		now, err := signingCA(ctx, s)
		if err != nil {
			return err
		}
		if now.Equal(before) {
			return errors.New("the old CA still signs")
		}
		for i, server := range servers {
			if err := server.Leaf().CheckSignatureFrom(now); err != nil {
				return fmt.Errorf("server %d: %w", i, err)
			}
		}
		return nil
	})
}

// slowToPublish makes every write of a caBundle take its time: a certificate of a CA that is not published yet would be
// served for long enough to be noticed.
func slowToPublish(options *bootstrap.Options) {
	options.RESTConfig = intercept(options.RESTConfig, func(r *http.Request) {
		if r.Method != http.MethodPatch {
			return
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-r.Context().Done():
		}
	})
}

// TestSoak renews and rotates under a constant stream of admissions through the API server, with failurePolicy Fail:
// not one may fail. `make soak` runs the long form.
func TestSoak(t *testing.T) {
	t.Parallel()
	replicas, rotations, renewals := 2, atoi(t, "SOAK_ROTATIONS", 2), atoi(t, "SOAK_RENEWALS", 16)
	s := site.New(t, shared, site.Options{})
	s.Reconnect = true
	servers := s.Replicas(t, replicas, slowToPublish)
	load := startStream(t, s)
	renewed := 0
	for rotation := range rotations {
		rotate(t, s, servers, strconv.Itoa(rotation))
		renewed += replicas
		for renewed < renewals*(rotation+1)/rotations {
			renew(t, servers[renewed%replicas])
			renewed++
			load.atLeast(t, 1)
		}
	}
	load.atLeast(t, 20)
	load.end(t)
	cas, err := cert.ParseCertsPEM(liveBundle(t, s))
	must(t, err)
	if len(cas) != rotations+1 {
		t.Errorf("%d CAs in the caBundle, want %d: each may have certificates in use", len(cas), rotations+1)
	}
	for i, server := range servers {
		if failures := server.Failures(t); failures > 0 {
			t.Errorf("server %d counted %g failures", i, failures)
		}
	}
	t.Logf("soak: %d leaf renewals and %d CA rotations by %d servers, %d admissions, %d failed",
		renewed, rotations, replicas, load.admitted, len(load.failed))
}

// TestTwentyServersRotateTogether: the caBundle is written as often as it changes, which is once for a rotation.
func TestTwentyServersRotateTogether(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	servers := s.Replicas(t, 20)
	live, err := s.LiveConfiguration(t.Context())
	must(t, err)
	watch, err := s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Watch(t.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name=" + s.Configuration, ResourceVersion: live.ResourceVersion})
	must(t, err)
	defer watch.Stop()
	rotate(t, s, servers, "once")
	if writes := countWrites(t, s, watch.ResultChan()); writes != 1 {
		t.Errorf("the configuration was written %d times, want once", writes)
	}
	wantAdmission(t, s)
}

// TestSuccessorWaitsForTheLiveBundle: while no one can write the caBundle the old CA signs on, and renewals work.
func TestSuccessorWaitsForTheLiveBundle(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Replicas(t, 1)[0]
	before, err := signingCA(t.Context(), s)
	must(t, err)
	role := s.ClusterRole()
	for i := range role.Rules {
		if role.Rules[i].Verbs[0] == "patch" {
			role.Rules[i].Verbs = []string{"get"}
		}
	}
	_, err = s.Admin.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{})
	must(t, err)
	askForRotation(t, s, "while nobody may write")
	clustertest.Eventually(t, func(context.Context) error {
		if server.Failures(t) == 0 {
			return errors.New("nobody has tried to publish the successor")
		}
		return nil
	})
	renew(t, server)
	if err := server.Leaf().CheckSignatureFrom(before); err != nil {
		t.Errorf("the old CA no longer signs: %v", err)
	}
	wantAdmission(t, s)
	_, err = s.Admin.RbacV1().ClusterRoles().Update(t.Context(), s.ClusterRole(), metav1.UpdateOptions{})
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error {
		if now, err := signingCA(ctx, s); err != nil || now.Equal(before) {
			return fmt.Errorf("the old CA still signs: %w", errOrNil(err))
		}
		return server.Leaf().CheckSignatureFrom(mustSign(ctx, s))
	})
}

// mustSign is signingCA where an error shows soon enough: no certificate signed anything.
func mustSign(ctx context.Context, s *site.Site) *x509.Certificate {
	ca, err := signingCA(ctx, s)
	if err != nil {
		return &x509.Certificate{}
	}
	return ca
}

// TestDamagedSecretLosesNoAdmission: whatever somebody does to the CA's Secret, what is served stays trusted, the
// Secret becomes sound again, and so does everything else.
func TestDamagedSecretLosesNoAdmission(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	servers := s.Replicas(t, 2)
	foreign := newAuthorities(t)
	must(t, foreign.replica(t).Ensure(t.Context()))
	load := startStream(t, s)
	secrets := s.Admin.CoreV1().Secrets(s.Namespace)
	name := site.Service + "-ca"
	for _, damage := range []struct {
		what string
		do   func(*corev1.Secret)
	}{
		{"a key of garbage", func(secret *corev1.Secret) { secret.Data["ca.key"] = []byte("garbage") }},
		{"another CA's key", func(secret *corev1.Secret) { secret.Data["ca.key"] = foreign.secret(t).Data["ca.key"] }},
		{"a bundle of garbage", func(secret *corev1.Secret) { secret.Data["bundle.crt"] = []byte("garbage") }},
		{"emptied", func(secret *corev1.Secret) { secret.Data = nil }},
		{"another CA altogether", func(secret *corev1.Secret) { secret.Data = foreign.secret(t).Data }},
	} {
		before := servers[0].Leaf()
		var damaged *corev1.Secret
		clustertest.Eventually(t, func(ctx context.Context) error {
			live, err := secrets.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			damage.do(live)
			damaged, err = secrets.Update(ctx, live, metav1.UpdateOptions{})
			return err
		})
		load.atLeast(t, 10)
		clustertest.Eventually(t, func(ctx context.Context) error {
			repaired, err := secrets.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if repaired.ResourceVersion == damaged.ResourceVersion {
				return fmt.Errorf("%s: nobody has repaired the Secret", damage.what)
			}
			bundle, err := trust.ParseBundle(repaired.Data["bundle.crt"])
			if err != nil {
				return err
			}
			return bundle.Verify([]*x509.Certificate{before}, "hookstrap."+s.Namespace+".svc", time.Now())
		})
	}
	clustertest.Eventually(t, func(ctx context.Context) error {
		for _, server := range servers {
			if err := server.Leaf().CheckSignatureFrom(mustSign(ctx, s)); err != nil {
				return fmt.Errorf("the CA that was put in place is not used: %w", err)
			}
		}
		return nil
	})
	must(t, secrets.Delete(t.Context(), name, metav1.DeleteOptions{}))
	load.atLeast(t, 20)
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := secrets.Get(ctx, name, metav1.GetOptions{})
		return err
	})
	load.end(t)
}

// TestAuthorityRetiresWhenNothingIsInUse lets the clock of a replica run ahead, on the real API server.
func TestAuthorityRetiresWhenNothingIsInUse(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	var ahead atomic.Int64
	replica := s.ensured(t, func(o *authority.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		o.AwaitTrust = func(context.Context, *x509.Certificate) error { return nil }
	})
	background(t, replica.Run)
	old := replica.Signing()
	patch := []byte(`{"metadata":{"annotations":{"` + authority.RotateAnnotation + `":"1"}}}`)
	touch := func() {
		_, err := s.Admin.CoreV1().Secrets(s.Namespace).Patch(t.Context(), authority.DefaultSecretName,
			types.MergePatchType, patch, metav1.PatchOptions{})
		must(t, err)
	}
	touch()
	clustertest.Eventually(t, func(context.Context) error {
		if replica.Signing().Equal(old) {
			return errors.New("the successor does not sign yet")
		}
		return nil
	})
	if !replica.Bundle().Contains(old) {
		t.Fatal("the old CA has left while its certificates are valid")
	}
	ahead.Store(int64(authority.DefaultMaxDuration + 2*time.Hour))
	patch = []byte(`{"metadata":{"annotations":{"looked":"at"}}}`)
	touch()
	clustertest.Eventually(t, func(context.Context) error {
		if replica.Bundle().Contains(old) {
			return errors.New("the old CA is still trusted")
		}
		if bytes.Contains(s.secret(t).Data["bundle.crt"], encode("CERTIFICATE", old.Raw)) {
			return errors.New("the old CA is still in the Secret")
		}
		return nil
	})
}
