// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"fmt"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	testingclock "k8s.io/utils/clock/testing"
)

// written is the one object that a worker patches, and is told of at once.
type written struct {
	dynamic.ResourceInterface
	seen   *view
	writes int
}

// Patch implements [dynamic.ResourceInterface].
func (w *written) Patch(
	_ context.Context, _ string, _ types.PatchType, data []byte, _ metav1.PatchOptions, _ ...string,
) (*unstructured.Unstructured, error) {
	patch, err := jsonpatch.DecodePatch(data)
	if err != nil {
		return nil, err
	}
	before, err := w.seen.get().live.MarshalJSON()
	if err != nil {
		return nil, err
	}
	text, err := patch.Apply(before)
	if err != nil {
		return nil, err
	}
	after := &unstructured.Unstructured{}
	if err := after.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	w.writes++
	after.SetResourceVersion(fmt.Sprint("written ", w.writes))
	w.seen.set(after)
	return after, nil
}

// working is a worker whose time a test decides about.
type working struct {
	*worker
	*written
	clock *testingclock.FakeClock
}

func newWorking(policy Policy) working {
	v := &view{target: hookstrap(), changes: &broadcast{}, now: noon}
	var g goal
	g.setPolicy(policy)
	object, clock := &written{seen: v}, testingclock.NewFakeClock(noon())
	return working{&worker{view: v, patch: patchWhole(object, hookstrap()), scope: ourScope(), clock: clock, policy: g.current,
		named: g.knowsNames, called: map[string]string{}}, object, clock}
}

// wants takes a step, and after the wait that it asks for, which is to be this one, another.
func (w working) wants(t *testing.T, what string, wait time.Duration, writes int) {
	t.Helper()
	before := w.writes
	if got := w.step(t.Context()); got != wait || w.writes != before {
		t.Errorf("%s: waits %s after %d writes, want %s and none", what, got, w.writes-before, wait)
	}
	w.clock.Step(wait)
	w.step(t.Context())
	if w.writes != before+writes {
		t.Errorf("%s, after %s: %d writes, want %d", what, wait, w.writes-before, writes)
	}
}

// live is the object with these caBundles, in which manager owns that of the first entry.
func (w working) live(t *testing.T, manager string, bundles ...Bundle) *unstructured.Unstructured {
	t.Helper()
	texts := make([][]byte, 0, len(bundles))
	for _, b := range bundles {
		texts = append(texts, b.PEM())
	}
	obj := webhooks(t, texts...)
	obj.SetResourceVersion("by " + manager)
	obj.SetAPIVersion("admissionregistration.k8s.io/v1")
	obj.SetKind("ValidatingWebhookConfiguration")
	obj.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate,
		FieldsV1: &metav1.FieldsV1{Raw: []byte(
			`{"f:webhooks": {"k:{\"name\":\"w0\"}": {"f:clientConfig": {"f:caBundle": {}}}}}`)}}})
	return obj
}

func (w working) bundle(webhook string) string {
	for _, p := range placesOf(Validating, w.view.get().live) {
		if p.webhook == webhook {
			return string(caBundle(p.config))
		}
	}
	return "no entry"
}

// has checks the caBundles of the entries from w0 on.
func (w working) has(t *testing.T, when string, bundles ...Bundle) {
	t.Helper()
	for i, want := range bundles {
		if got, _ := ParseBundle([]byte(w.bundle(fmt.Sprint("w", i)))); !got.Equal(want) {
			t.Errorf("%s: w%d has %s, want %s", when, i, got.Describe(), want.Describe())
		}
	}
}

// TestWhatIsPutBackStays: a CA that is not ours leaves after a quarter of an hour. When another manager puts it back,
// it stays for an hour, and the observer is told whose it is.
func TestWhatIsPutBackStays(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	theirs := NewBundle(newCA(t, "theirs", noon().Add(time.Hour)).cert)
	w := newWorking(Policy{Bundle: ours, Exact: true})
	var told []string
	w.observer.Insists = func(_ Target, i Insistence) { told = append(told, i.Manager) }
	w.view.set(w.live(t, "installer", ours.Union(theirs)))
	w.wants(t, "at first", unknownDelay, 1)
	if got := w.bundle("w0"); got != string(ours.PEM()) || len(told) > 0 {
		t.Errorf("the caBundle is %q, and told was %q", got, told)
	}
	w.wants(t, "right", 0, 0)
	w.view.set(w.live(t, "cainjector", ours.Union(theirs)))
	w.wants(t, "put back", insistedFor, 0)
	if len(told) != 1 || told[0] != "cainjector" {
		t.Errorf("the managers %q were told of, want cainjector alone", told)
	}
	w.wants(t, "an hour later", unknownDelay, 1)
}

// TestWhatHasToWaitDelaysNothingElse: of two entries that were moved to another Service, the one with another CA beside
// ours loses ours after moments, and the one with ours alone when a rollout is over.
func TestWhatHasToWaitDelaysNothingElse(t *testing.T) {
	ours := NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert)
	theirs := NewBundle(newCA(t, "theirs", noon().Add(time.Hour)).cert)
	w := newWorking(Policy{Bundle: ours, Exact: true})
	live := w.live(t, DefaultFieldManager, ours, ours.Union(theirs), ours)
	for _, entry := range listField(live.Object, "webhooks")[1:3] {
		mapField(entry, "clientConfig")["service"] = map[string]any{"namespace": "apps", "name": "web2"}
	}
	w.called["w0"], w.called["w1"] = "apps/web", "apps/web"
	w.view.set(live)
	w.wants(t, "w1", surplusDelay, 1)
	if got := w.bundle("w1"); got != string(theirs.PEM()) {
		t.Errorf("the caBundle of w1 is %q, want theirs", got)
	}
	if got := w.bundle("w0"); got != string(ours.PEM()) {
		t.Errorf("the caBundle of w0 is %q, want ours for as long as a rollout may last", got)
	}
	w.wants(t, "w0", unknownDelay-surplusDelay, 1)
	if got := w.bundle("w0"); got != "" {
		t.Errorf("the caBundle of w0 is %q, want none", got)
	}
}

// decideOf is the decision about a live object at noon.
func decideOf(s scope, live *unstructured.Unstructured, p Policy) (decision, error) {
	return s.decide(live, s.slots(live), p, noon())
}

func leaveOf(
	s scope, live *unstructured.Unstructured, called map[string]string, trusted Bundle, exact bool,
) []slot {
	return s.leave(live, s.slots(live), called, trusted, exact)
}
