// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// podUID is that of the servers' Pod, which no one has created: the API server does not look at what events are about.
const podUID = "00000000-0000-4000-8000-000000000000"

// withEvents are the options of a server that knows its Pod's UID.
func withEvents(t *testing.T, s *site.Site) bootstrap.Options {
	t.Helper()
	options := s.BootstrapOptions(t)
	options.PodUID = podUID
	return options
}

// eventsOf are the events about the server's Pod, as `kubectl describe pod` finds them, with that reason.
func eventsOf(ctx context.Context, s *site.Site, reason string) ([]corev1.Event, error) {
	list, err := s.Admin.CoreV1().Events(s.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": "hookstrap-0",
			"involvedObject.uid": podUID, "reason": reason}.String()})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// awaitEvent waits for exactly one event with the reason and returns it.
func awaitEvent(t *testing.T, s *site.Site, reason, kind string) corev1.Event {
	t.Helper()
	var event corev1.Event
	clustertest.Eventually(t, func(ctx context.Context) error {
		events, err := eventsOf(ctx, s, reason)
		if err != nil || len(events) != 1 {
			return fmt.Errorf("%d events %s, want 1: %w", len(events), reason, errOrNil(err))
		}
		event = events[0]
		return nil
	})
	if event.Type != kind || event.Source.Component != "hookstrap" || event.Source.Host != "hookstrap-0" {
		t.Errorf("event %s has type %s and source %v", reason, event.Type, event.Source)
	}
	return event
}

// awaitCount waits until the one event with the reason has happened so often.
func awaitCount(t *testing.T, s *site.Site, reason string, want int32) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		events, err := eventsOf(ctx, s, reason)
		if err != nil || len(events) != 1 || events[0].Count != want {
			return fmt.Errorf("events %v, want one that has happened %d times: %w", events, want, errOrNil(err))
		}
		return nil
	})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// writeFiles writes them one after the other, and so under the same names in every error.
func writeFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
}

// wantNoRight returns nil once the site's ServiceAccount may no longer write events.
func wantNoRight(ctx context.Context, t *testing.T, s *site.Site) error {
	t.Helper()
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Namespace: s.Namespace},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: s.Namespace}}
	client := mustClient(t, s.Config(t))
	_, err := client.CoreV1().Events(s.Namespace).Create(ctx, event, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		return fmt.Errorf("the ServiceAccount may still write events")
	}
	return nil
}
