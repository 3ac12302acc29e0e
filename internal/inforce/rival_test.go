// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package inforce

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// contested is a binding that another client replaces as a whole, 5 ms after each write of ours, until it stops.
type contested struct {
	dynamic.NamespaceableResourceInterface
	k      *keeper
	stops  time.Time
	writes int
}

// Resource implements [dynamic.Interface].
func (c *contested) Resource(schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return c
}

// Patch implements [dynamic.ResourceInterface].
func (c *contested) Patch(
	context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string,
) (*unstructured.Unstructured, error) {
	c.writes++
	c.k.set(func() { c.k.binding = writtenBy(manager, Subject()) })
	if time.Now().Before(c.stops) {
		time.AfterFunc(5*time.Millisecond, func() { c.k.set(func() { c.k.binding = writtenBy("replacer") }) })
	}
	return nil, nil //nolint:nilnil // Nothing looks at it.
}

// writtenBy is the binding as a field manager has written it now.
func writtenBy(name string, subjects ...rbacv1.Subject) *unstructured.Unstructured {
	now := metav1.Now()
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
			{Manager: name, Operation: metav1.ManagedFieldsOperationUpdate, Time: &now}}},
		Subjects: subjects,
	})
	if err != nil {
		panic(err)
	}
	return &unstructured.Unstructured{Object: object}
}

// TestAFightIsSlowedDown: a client that takes the subject away again and again costs a write a minute in the end, and
// one warning that names it. When it has stopped for a minute, the entries are in force.
func TestAFightIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reporter, err := report.New(report.Options{Trusted: func() error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		ctx := klog.NewContext(t.Context(), funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{}))
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		c := &contested{stops: time.Now().Add(time.Hour / 2)}
		c.k = &keeper{changed: timing.NewSignal(), known: true, binding: writtenBy("installer"), Options: Options{
			Client: c, Binding: "b", Callable: func(context.Context) error { return nil }, Report: &reporter.InForce}}
		for err == nil { // as Run does
			_, err = timing.SleepOr(ctx, c.k.step(ctx), c.k.changed)
		}
		// Four at once, seven until they are a minute apart, and 30 in half an hour.
		if c.writes < 20 || c.writes > 41 {
			t.Errorf("%d writes in half an hour", c.writes)
		}
		count := func(text string) int { return strings.Count(strings.Join(lines, "\n"), text) }
		if got := count(`field manager \"replacer\" takes the subject`); got != 1 || count("again and again") != got {
			t.Errorf("it is told %d times who takes the subject away, want once:\n%s", got, strings.Join(lines, "\n"))
		}
		if got := count("is in force"); got > 5 || !strings.Contains(lines[len(lines)-1], "is in force") {
			t.Errorf("%d times it is in force, want not more than 5, and at the end:\n%s", got, strings.Join(lines, "\n"))
		}
	})
}

// TestRival: the field manager that has written last, and not before our last write.
func TestRival(t *testing.T) {
	at := func(manager string, second int64) metav1.ManagedFieldsEntry {
		when := metav1.Unix(second, 0)
		return metav1.ManagedFieldsEntry{Manager: manager, Time: &when}
	}
	for name, tc := range map[string]struct {
		right, live []metav1.ManagedFieldsEntry
		want        string
	}{
		"in the same second": {[]metav1.ManagedFieldsEntry{at("installer", 1), at(manager, 7)},
			[]metav1.ManagedFieldsEntry{at("installer", 1), at("replacer", 7)}, "replacer"},
		"no trace": {[]metav1.ManagedFieldsEntry{at("installer", 1), at(manager, 7)},
			[]metav1.ManagedFieldsEntry{at("installer", 1)}, ""},
		"the last of two": {[]metav1.ManagedFieldsEntry{at(manager, 7)},
			[]metav1.ManagedFieldsEntry{at("replacer", 9), at("labels", 8)}, "replacer"},
		"ourselves": {[]metav1.ManagedFieldsEntry{at(manager, 7)}, []metav1.ManagedFieldsEntry{at(manager, 9)}, ""},
		"no times":  {nil, []metav1.ManagedFieldsEntry{{Manager: "replacer"}}, ""},
	} {
		right, live := &unstructured.Unstructured{}, &unstructured.Unstructured{}
		right.Object, live.Object = map[string]any{}, map[string]any{}
		right.SetManagedFields(tc.right)
		live.SetManagedFields(tc.live)
		if got := rival(right, live); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
