// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestImmutableSecretIsSaid: a rotation that cannot be written happens in no log alone: it has an event and is counted,
// and so it is when it is over.
func TestImmutableSecretIsSaid(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	server := s.Start(t, withEvents(t, s))
	server.AwaitReady(t)
	ca, err := signingCA(t.Context(), s)
	must(t, err)
	secrets, name := s.Admin.CoreV1().Secrets(s.Namespace), site.Service+"-ca"
	_, err = secrets.Patch(t.Context(), name, types.MergePatchType, []byte(`{"immutable":true}`), metav1.PatchOptions{})
	must(t, err)
	failures := func(reason string) float64 { // The labels are sorted by name: reason, task.
		return server.Value(t, "hookstrap_bootstrap_failures_total", reason, "authority")
	}
	if n := failures("Invalid"); n != 0 {
		t.Fatalf("%g failures before anything is due", n)
	}
	askForRotation(t, s, "1")
	event := awaitEvent(t, s, "CANotUpdated", corev1.EventTypeWarning)
	if !strings.Contains(event.Message, "immutable") || !strings.Contains(event.Message, "delete it") {
		t.Errorf("the event says %q", event.Message)
	}
	if failures("Invalid") == 0 {
		t.Error("the failure was not counted")
	}
	must(t, secrets.Delete(t.Context(), name, metav1.DeleteOptions{}))
	awaitEvent(t, s, "CAUpdated", corev1.EventTypeNormal)
	clustertest.Eventually(t, func(ctx context.Context) error {
		now, err := signingCA(ctx, s)
		if err == nil && !now.Equal(ca) {
			err = errors.New("another CA signs than before")
		}
		return err
	})
}
