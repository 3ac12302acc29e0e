// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/inforce"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestEntriesComeIntoForce: before a server is ready nothing is denied, whatever the entries say, and from then on they
// hold without one too. No apply of the manifest changes that.
func TestEntriesComeIntoForce(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Waits: true})
	wantOpen(t, s)
	start := time.Now()
	server := s.Start(t, withEvents(t, s))
	awaitEvent(t, s, "WebhookInForce", corev1.EventTypeNormal)
	if took := time.Since(start); took < inforce.Settle {
		t.Errorf("the entries are in force %s after the start, want %s after the server is ready", took, inforce.Settle)
	}
	awaitDenied(t, s)
	if got := server.Value(t, "hookstrap_in_force"); got != 1 {
		t.Errorf("hookstrap_in_force is %v, want 1", got)
	}
	server.Stop()
	wantClosed(t, s)

	manifest := fmt.Sprintf("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n"+
		"metadata: {name: %[1]s}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s}\n", s.InForceBinding())
	for _, flags := range [][]string{
		nil, {"--server-side", "--field-manager=gitops"}, {"--server-side", "--field-manager=gitops", "--force-conflicts"},
	} {
		cmd := shared.Kubectl(t.Context(), append([]string{"apply", "-f", "-"}, flags...)...)
		cmd.Stdin = strings.NewReader(manifest)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		wantSubjects(t, s, 1)
	}
	wantClosed(t, s)
}

// TestInForceHeals: what replaces the binding as a whole loses the subject, and a server that is ready puts it back.
func TestInForceHeals(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Waits: true})
	server := s.Start(t, withEvents(t, s))
	awaitDenied(t, s)
	patch := []byte(`{"subjects":null}`)
	_, err := s.Admin.RbacV1().ClusterRoleBindings().Patch(t.Context(), s.InForceBinding(), types.MergePatchType, patch,
		metav1.PatchOptions{})
	must(t, err)
	clustertest.Eventually(t, func(ctx context.Context) error { return subjects(ctx, s, 1) })

	must(t, s.Admin.RbacV1().ClusterRoleBindings().Delete(t.Context(), s.InForceBinding(), metav1.DeleteOptions{}))
	event := awaitEvent(t, s, "WebhookNotInForce", corev1.EventTypeWarning)
	if want := s.InForceBinding() + `" does not exist: apply the manifests again`; !strings.Contains(event.Message, want) {
		t.Errorf("the event does not say what to do: %s", event.Message)
	}
	clustertest.Eventually(t, func(ctx context.Context) error { return s.Admit(ctx, site.BadImage) })
	if got := server.Value(t, "hookstrap_in_force"); got != 0 {
		t.Errorf("hookstrap_in_force is %v, want 0", got)
	}
	s.CreateInForceBinding(t)
	awaitDenied(t, s)
}

// TestInForceSaysWhichRightIsMissing: a server that may not write the binding is ready, denies nothing, and says why.
func TestInForceSaysWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{Waits: true, Edit: func(shipped *site.Shipped) {
		shipped.ClusterRole.Rules = slices.DeleteFunc(shipped.ClusterRole.Rules, func(rule rbacv1.PolicyRule) bool {
			return slices.Contains(rule.Verbs, "bind")
		})
	}})
	server := s.Start(t, withEvents(t, s))
	event := awaitEvent(t, s, "WebhookNotInForce", corev1.EventTypeWarning)
	if want := "resources: [clusterroles], resourceNames: [" + s.InForceBinding() + "], verbs: [bind]"; !strings.Contains(
		event.Message, want) {
		t.Errorf("the event does not say %q: %s", want, event.Message)
	}
	server.AwaitReady(t)
	wantOpen(t, s)
}

func wantOpen(t *testing.T, s *site.Site) {
	t.Helper()
	for _, image := range []string{site.BadImage, site.GoodImage} {
		if err := s.Admit(t.Context(), image); err != nil {
			t.Errorf("a Pod with image %s before the entries are in force: %v", image, err)
		}
	}
	wantSubjects(t, s, 0)
}

func awaitDenied(t *testing.T, s *site.Site) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		if err := s.Admit(ctx, site.BadImage); !apierrors.IsForbidden(err) {
			return errors.Join(errors.New("a bad Pod was not denied yet"), err)
		}
		return s.Admit(ctx, site.GoodImage)
	})
}

func wantClosed(t *testing.T, s *site.Site) {
	t.Helper()
	err := s.Admit(t.Context(), site.GoodImage)
	if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
		t.Errorf("a Pod without any server, though the entries are in force: %v", err)
	}
}

func wantSubjects(t *testing.T, s *site.Site, n int) {
	t.Helper()
	if err := subjects(t.Context(), s, n); err != nil {
		t.Error(err)
	}
}

// subjects wants n of them, all ours.
func subjects(ctx context.Context, s *site.Site, n int) error {
	binding, err := s.Admin.RbacV1().ClusterRoleBindings().Get(ctx, s.InForceBinding(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	if got := binding.Subjects; len(got) != n || n == 1 && got[0] != inforce.Subject() {
		return fmt.Errorf("ClusterRoleBinding %s has the subjects %v, want %d of ours", binding.Name, got, n)
	}
	return nil
}
