// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestAskedAboutOwnNamespace: a server whose configuration does not exempt its namespace says so once, in the log and as
// an event, with what to correct, and judges as usual. Asked about another namespace it says nothing.
func TestAskedAboutOwnNamespace(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	for name, own := range map[string]bool{"own namespace": true, "another namespace": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{WithoutConfiguration: true})
			if own {
				s.Target = s.Namespace
			}
			s.CreateConfiguration(t)
			server := startBinary(t, s, executable, "--health-probe-bind-address=0")
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(server.Log())
				}
			})
			clustertest.Eventually(t, func(ctx context.Context) error {
				if err := s.Admit(ctx, site.BadImage); !apierrors.IsForbidden(err) {
					return errors.Join(errors.New("a bad Pod was not denied yet"), err)
				}
				return s.Admit(ctx, site.GoodImage)
			})
			want := 0
			if own {
				want = 1
				event := awaitEvent(t, s, "OwnNamespaceNotExempt", corev1.EventTypeWarning)
				if !strings.Contains(event.Message, "add "+s.Namespace+" to the values of namespaceSelector") {
					t.Errorf("the event does not say what to correct: %s", event.Message)
				}
			}
			if got := strings.Count(server.Log(), `"msg":"Our own namespace is not exempt"`); got != want {
				t.Errorf("it was logged %d times, want %d:\n%s", got, want, server.Log())
			}
		})
	}
}
