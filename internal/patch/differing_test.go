// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/lean"
)

// What is the same is not written.
func TestDiffering(t *testing.T) {
	pod := func(edit func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{
			NodeName: "node", SecurityContext: &corev1.PodSecurityContext{RunAsUser: new(int64), FSGroup: new(int64)},
			Containers: []corev1.Container{{Name: "c",
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": resource.MustParse("1")}}}}}}
		edit(p)
		return p
	}
	for name, tc := range map[string]struct {
		edit    func(*corev1.Pod)
		was, is string
	}{
		"nothing": {func(*corev1.Pod) {}, "", ""},
		"a label": {func(p *corev1.Pod) { p.Labels["c"] = "d" },
			`{"metadata":{"labels":{"a":"b"}},"spec":{"containers":null},"status":{}}`,
			`{"metadata":{"labels":{"a":"b","c":"d"}},"spec":{"containers":null},"status":{}}`},
		"behind a pointer": {func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsUser = nil },
			`{"metadata":{},"spec":{"containers":null,"securityContext":{"runAsUser":0,"fsGroup":0}},"status":{}}`,
			`{"metadata":{},"spec":{"containers":null,"securityContext":{"fsGroup":0}},"status":{}}`},
		"a pointer": {func(p *corev1.Pod) { p.Spec.SecurityContext = nil },
			`{"metadata":{},"spec":{"containers":null,"securityContext":{"runAsUser":0,"fsGroup":0}},"status":{}}`,
			`{"metadata":{},"spec":{"containers":null},"status":{}}`},
		"a quantity": {func(p *corev1.Pod) { p.Spec.Containers[0].Resources.Limits["cpu"] = resource.MustParse("2") },
			`{"metadata":{},"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"1"}}}]},"status":{}}`,
			`{"metadata":{},"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"2"}}}]},"status":{}}`},
		"a time": {func(p *corev1.Pod) { p.CreationTimestamp.Time = time.Unix(0, 0).UTC() },
			`{"metadata":{},"spec":{"containers":null},"status":{}}`,
			`{"metadata":{"creationTimestamp":"1970-01-01T00:00:00Z"},"spec":{"containers":null},"status":{}}`},
		"the status": {func(p *corev1.Pod) { p.Status.Phase = "Running" },
			`{"metadata":{},"spec":{"containers":null},"status":{}}`,
			`{"metadata":{},"spec":{"containers":null},"status":{"phase":"Running"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := Differing(pod(func(*corev1.Pod) {}), pod(tc.edit))
			if tc.was == "" {
				if before != nil || after != nil {
					t.Errorf("got %v and %v, want nothing", before, after)
				}
				return
			}
			for want, got := range map[string]any{tc.was: before, tc.is: after} {
				text, err := json.Marshal(got)
				if err != nil {
					t.Fatal(err)
				}
				if differences := Diff(withoutNull(t, want), withoutNull(t, string(text))); len(differences) > 0 {
					t.Errorf("got  %s\nwant %s", text, want)
				}
			}
		})
	}
}

// What is left of a struct must not be left out.
func TestDifferingKeepsWhatMayBeLeftOut(t *testing.T) {
	type inner struct {
		A, B string `json:",omitempty"`
	}
	type outer struct {
		Kept inner `json:"kept"`
		Zero inner `json:"zero,omitzero"`
	}
	both, one := inner{"a", "b"}, inner{"", "b"}
	_, after := Differing(&outer{both, both}, &outer{one, one})
	if text, err := json.Marshal(after); err != nil || string(text) != `{"kept":{},"zero":{"B":"b"}}` {
		t.Errorf("got %s, %v", text, err)
	}
}

// What decodes itself is no object of its fields.
func TestDifferingLeavesWhatDecodesItself(t *testing.T) {
	later := &corev1.Event{FirstTimestamp: metav1.Unix(1, 0), EventTime: metav1.NowMicro()}
	was, is := Differing(&corev1.Event{}, later)
	before, after := was.(*corev1.Event), is.(*corev1.Event)
	if !before.FirstTimestamp.IsZero() || after.FirstTimestamp != later.FirstTimestamp || after.EventTime != later.EventTime {
		t.Errorf("got %v and %v", before, after)
	}
}

// withoutNull is a Pod without the creation timestamp, which some versions of its type write as null.
func withoutNull(t *testing.T, text string) any {
	t.Helper()
	document := parse(t, text)
	if metadata, ok := document.(map[string]any)["metadata"].(map[string]any); ok && metadata["creationTimestamp"] == nil {
		delete(metadata, "creationTimestamp")
	}
	return document
}

// room keeps what was set aside.
type room struct{ afforded int64 }

func (*room) Guess(int64) bool       { return false }
func (r *room) Afford(n int64) error { r.afforded += n; return nil }
func (*room) Types() *lean.Types     { return new(lean.Types) }

func many(n int, format string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(format, "%", strconv.Itoa(i))
	}
	return strings.Join(items, ",")
}

// Reading all levels of a document takes no more memory than is set aside for that, and much of that.
func TestLevelsTakeWhatIsSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"objects": `[` + many(10_000, `{}`) + `]`, "lists": `[` + many(10_000, `[[]]`) + `]`, "members": `{` + many(7_500, `"%":0`) + `}`,
		"objects of one": `{` + many(7_500, `"%":{"a":0}`) + `}`, "levels": strings.Repeat(`{"a":`, 60) + `0` + strings.Repeat(`}`, 60),
		"escaped": `["` + strings.Repeat(`\n`, 100_000) + `"]`, "no UTF-8": `["` + strings.Repeat("\xff", 100_000) + `"]`,
	} {
		for how, read := range map[string]func(any){"by level": openLevels, "whole": func(part any) { _ = whole(part) }} {
			r, document := &room{}, lazy(t, text)
			if err := (lean.Object{Memory: r}).BoundLevels([]byte(text)); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			read(document)
			runtime.ReadMemStats(&after)
			takes := int64(after.TotalAlloc - before.TotalAlloc) // #nosec G115 -- a few megabytes.
			t.Logf("%s, %s: %d of %d bytes", name, how, takes, r.afforded)
			if takes > r.afforded {
				t.Errorf("%s, %s: %d bytes are set aside, and it takes %d", name, how, r.afforded, takes)
			}
		}
	}
}

func openLevels(part any) {
	switch level := open(part).(type) {
	case map[string]any:
		for _, field := range level {
			openLevels(field)
		}
	case []any:
		for _, item := range level {
			openLevels(item)
		}
	}
}
