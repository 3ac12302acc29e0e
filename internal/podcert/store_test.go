// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func podNamed(name string, change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "1", Labels: map[string]string{"app": "web"},
			Annotations: map[string]string{"large": strings.Repeat("x", 1000)}},
		Spec: corev1.PodSpec{NodeName: "a", ServiceAccountName: "web", Containers: []corev1.Container{{Name: "web"}}},
	}
	change(pod)
	trim(pod)
	return pod
}

// TestStoreTellsWhatCounts: a change that no decision looks at wakes no request.
func TestStoreTellsWhatCounts(t *testing.T) {
	t.Parallel()
	var told []string
	tell := func(key types.NamespacedName) { told = append(told, key.Name) }
	c := newCluster(tell, tell)
	same := func(*corev1.Pod) {}
	for _, row := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"a list", func() error { return c.pods.Replace([]any{podNamed("a", same), podNamed("b", same)}, "1") },
			[]string{"a", "b"}},
		{"nothing that counts", func() error {
			return c.pods.Update(podNamed("a", func(p *corev1.Pod) { p.ResourceVersion, p.Status.PodIP = "2", "10.0.0.7" }))
		}, nil},
		{"labels", func() error { return c.pods.Update(podNamed("a", func(p *corev1.Pod) { p.Labels = nil })) }, []string{"a"}},
		{"the end", func() error {
			return c.pods.Update(podNamed("b", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }))
		}, []string{"b"}},
		{"deleted", func() error { return c.pods.Delete(podNamed("a", same)) }, []string{"a"}},
		{"a shorter list", func() error { return c.pods.Replace(nil, "3") }, []string{"b"}},
		{"a Service without a selector", func() error {
			return c.services.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "none"}})
		}, nil},
		{"a name for another host", func() error {
			return c.services.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "away"},
				Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, Selector: map[string]string{"app": "web"}}})
		}, nil},
	} {
		told = nil
		if err := row.do(); err != nil {
			t.Fatal(err)
		}
		if slices.Sort(told); !slices.Equal(told, row.want) {
			t.Errorf("%s: told of %v, want %v", row.name, told, row.want)
		}
	}
	if n := c.pods.len() + c.services.len(); n != 0 {
		t.Errorf("%d objects are left, want none", n)
	}
}

// TestTrimLeavesBookmarks: their annotation says that a streamed list is complete.
func TestTrimLeavesBookmarks(t *testing.T) {
	t.Parallel()
	bookmark := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "7",
		Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}}
	trim(bookmark)
	if bookmark.Annotations[metav1.InitialEventsAnnotationKey] != "true" || bookmark.ResourceVersion != "7" {
		t.Errorf("the bookmark became %+v", bookmark)
	}
	if pod := podNamed("a", func(*corev1.Pod) {}); pod.Annotations != nil || pod.Spec.Containers != nil {
		t.Errorf("%+v was kept of a Pod", pod)
	}
}

// TestRefreshAt is where the API server wants it: ten minutes at least from both ends.
func TestRefreshAt(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for _, lifetime := range []time.Duration{ShortestLifetime, ShortestLifetime + time.Second, DefaultLifetime, LongestLifetime} {
		at, end := refreshAt(begin, begin.Add(lifetime)), begin.Add(lifetime)
		if at.Sub(begin) < 10*time.Minute || end.Sub(at) < 10*time.Minute || !at.Equal(at.Truncate(time.Second)) {
			t.Errorf("of %s, the refresh is after %s", lifetime, at.Sub(begin))
		}
	}
}
