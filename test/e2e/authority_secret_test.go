// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// ensureAtOnce lets many replicas make sure of the CA at the same time, and wants them to agree.
func ensureAtOnce(t *testing.T, s *authorities, replicas int) {
	t.Helper()
	all := make([]*authority.Authority, replicas)
	for i := range all {
		all[i] = s.replica(t)
	}
	var group sync.WaitGroup
	begin := make(chan struct{})
	for _, a := range all {
		group.Go(func() {
			<-begin
			if err := a.Ensure(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	group.Wait()
	want := s.secret(t).Data["bundle.crt"]
	for i, a := range all {
		if diff := cmp.Diff(string(want), string(a.Bundle().PEM())); diff != "" {
			t.Errorf("replica %d trusts something else than the Secret says:\n%s", i, diff)
		}
	}
	if got := all[0].Bundle().Len(); got != 1 {
		t.Errorf("%d CAs came out, want 1", got)
	}
}

func TestAuthorityCreatesOneCA(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	ensureAtOnce(t, s, 20)
	secret := s.secret(t)
	if secret.Type != authority.SecretType {
		t.Errorf("the Secret's type is %q", secret.Type)
	}
	if secret.ResourceVersion == "" || len(secret.ManagedFields) != 1 {
		t.Errorf("the Secret was written %d times, want once: %v", len(secret.ManagedFields), secret.ManagedFields)
	}
}

func TestAuthorityFillsEmptySecret(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	s.createSecret(t, map[string][]byte{"note": []byte("made by GitOps")})
	ensureAtOnce(t, s, 8)
	secret := s.secret(t)
	if secret.Type != corev1.SecretTypeOpaque || secret.Annotations["kept"] != "yes" || len(secret.Data["note"]) == 0 {
		t.Errorf("somebody else's part of the Secret was changed: type %s, annotations %v, note %q",
			secret.Type, secret.Annotations, secret.Data["note"])
	}
}

// TestAuthorityRepairsUnreadableSecret: no one remembers the key, so that there is a new CA.
func TestAuthorityRepairsUnreadableSecret(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	s.createSecret(t, map[string][]byte{"ca.crt": []byte("garbage"), "note": []byte("not ours")})
	ensureAtOnce(t, s, 8)
	if secret := s.secret(t); secret.Annotations["kept"] != "yes" || len(secret.Data["note"]) == 0 {
		t.Errorf("somebody else's part of the Secret was changed: %v, %q", secret.Annotations, secret.Data["note"])
	}
}

func TestAuthorityLeavesAnotherReleaseAlone(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	s.createSecret(t, map[string][]byte{"version": []byte("2"), "ca.crt": []byte("of a later release")})
	before := s.secret(t)
	err := s.replica(t).Ensure(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Secret "+s.Namespace+"/hookstrap-ca does not hold a usable CA") {
		t.Errorf("Ensure: %v", err)
	}
	if after := s.secret(t); after.ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was written")
	}
}

func TestAuthorityRequestsOfEnsure(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	first, second := s.replica(t), s.replica(t)
	for _, step := range []struct {
		name string
		of   *authority.Authority
		want []string
	}{
		{"absent", first, []string{"GET watch=", "POST watch="}},
		{"again", first, []string{"GET watch="}},
		{"present", second, []string{"GET watch="}},
	} {
		must(t, step.of.Ensure(t.Context()))
		if diff := cmp.Diff(step.want, s.requests.take()); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestAuthorityExplainsMissingRights(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	must(t, s.Admin.RbacV1().RoleBindings(s.Namespace).Delete(t.Context(), s.Shipped.Role.Name, metav1.DeleteOptions{}))
	a := s.replica(t)
	clustertest.Eventually(t, func(ctx context.Context) error {
		err := a.Ensure(ctx)
		if err == nil || !strings.Contains(err.Error(), "resourceNames [hookstrap-ca]") {
			return fmt.Errorf("Ensure: %w, want an error that names the missing rule", errOrNil(err))
		}
		return nil
	})
}

func TestAuthorityFollowsSecret(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	var changes atomic.Int32
	follower := s.ensured(t, func(o *authority.Options) { o.OnChange = func() { changes.Add(1) } })
	s.requests.take()
	background(t, follower.Run)
	first := follower.Bundle()

	// Another installation's CA is put in its place, with the old one still trusted: what a rotation writes.
	other := newAuthorities(t)
	next := other.ensured(t).Bundle()
	secret, data := s.secret(t), other.secret(t).Data
	data["bundle.crt"] = first.Union(next).PEM()
	secret.Data = data
	_, err := s.Admin.CoreV1().Secrets(s.Namespace).Update(t.Context(), secret, metav1.UpdateOptions{})
	must(t, err)
	want := []string{"GET watch=true"}
	if !streamsLists(t) {
		want = []string{"GET watch=true", "GET watch=", "GET watch=true"} // refused, and then one after the other
	}
	want = append(want, "PUT watch=") // of when the old CA may leave, which the other installation did not know
	var requests []string
	clustertest.Eventually(t, func(context.Context) error {
		if !follower.Bundle().Equal(first.Union(next)) {
			return errors.New("the follower has " + follower.Bundle().Describe())
		}
		if got := changes.Load(); got != 2 {
			return fmt.Errorf("OnChange was called %d times, want 2: by Ensure and for the new CA", got)
		}
		requests = append(requests, s.requests.take()...)
		if diff := cmp.Diff(want, requests); diff != "" {
			return fmt.Errorf("requests of Run (-want +got):\n%s", diff)
		}
		return nil
	})
}

func TestAuthorityRestoresDeletedSecret(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	for range 3 {
		background(t, s.ensured(t).Run)
	}
	before := s.secret(t)
	secrets := s.Admin.CoreV1().Secrets(s.Namespace)
	must(t, secrets.Delete(t.Context(), before.Name, metav1.DeleteOptions{}))
	clustertest.Eventually(t, func(ctx context.Context) error {
		after, err := secrets.Get(ctx, before.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if diff := cmp.Diff(before.Data["bundle.crt"], after.Data["bundle.crt"]); diff != "" {
			t.Errorf("another CA was put back:\n%s", diff)
		}
		return nil
	})
}

// TestAuthorityRunCreatesCA: Run alone is enough, whatever the order of events.
func TestAuthorityRunCreatesCA(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	a := s.replica(t)
	background(t, a.Run)
	clustertest.Eventually(t, func(context.Context) error {
		if a.Bundle().Empty() {
			return errors.New("there is no CA")
		}
		return nil
	})
	if s.secret(t).Labels["app.kubernetes.io/managed-by"] != site.Service {
		t.Errorf("labels %v", s.secret(t).Labels)
	}
}
