// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// TestAnotherReplicaIsFirst: a replica that is not the first waits, and does not write what the first has written.
func TestAnotherReplicaIsFirst(t *testing.T) {
	policy := Policy{Bundle: NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert), Exact: true}
	w := newWorking(policy)
	w.hold = func(types.UID) time.Duration { return 2 * time.Second }
	w.seen.set(w.live(t, "author", Bundle{}))
	if wait := w.step(t.Context()); wait != 2*time.Second || w.writes != 0 {
		t.Fatalf("waits %s after %d writes, want 2s and none", wait, w.writes)
	}
	w.clock.Step(time.Second)
	w.seen.set(w.live(t, DefaultFieldManager, policy.Bundle))
	if wait := w.step(t.Context()); wait != 0 || w.writes != 0 {
		t.Errorf("waits %s after %d writes of what another replica has written, want none", wait, w.writes)
	}
	w.seen.set(w.live(t, "spoiler", Bundle{}))
	w.wants(t, "when the first replica does not write", 2*time.Second, 1)
}

// TestWaitForTheLimit: what has changed while a write waited for its turn is not written as it was.
func TestWaitForTheLimit(t *testing.T) {
	policy := Policy{Bundle: NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert), Exact: true}
	w := newWorking(policy)
	w.admit = func(context.Context) error {
		right := webhooks(t, policy.Bundle.PEM())
		right.SetResourceVersion("written by another")
		w.seen.set(right)
		return nil
	}
	w.seen.set(webhooks(t, nil))
	if wait := w.step(t.Context()); wait != 0 || w.writes != 0 {
		t.Errorf("waits %s after %d writes, want none", wait, w.writes)
	}
	w.admit = func(context.Context) error { return context.Canceled }
	w.seen.set(webhooks(t, nil))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if wait := w.step(ended); wait != 0 || w.writes != 0 {
		t.Errorf("waits %s after %d writes when its context has ended, want none", wait, w.writes)
	}
}

// TestTrimChangesNoDecision: of what is trimmed nothing was looked at.
func TestTrimChangesNoDecision(t *testing.T) {
	policy := Policy{Bundle: NewBundle(newCA(t, "ours", noon().Add(time.Hour)).cert), Exact: true}
	const managed = `[{"manager": "helm", "operation": "Update", "time": "2026-06-01T00:00:00Z", "fieldsV1": {"f:webhooks": {".": {},
		"k:{\"name\":\"w0\"}": {".": {}, "f:rules": {}, "f:clientConfig": {".": {}, "f:caBundle": {}, "f:service": {}}}}}},
		{"manager": "hookstrap", "operation": "Apply", "fieldsV1": {"f:webhooks": {
		"k:{\"name\":\"w0\"}": {".": {}, "f:name": {}, "f:clientConfig": {"f:caBundle": {}}}}}}]`
	whole, trimmed := webhooks(t, nil, []byte("garbage")), webhooks(t, nil, []byte("garbage"))
	for _, obj := range []map[string]any{whole.Object, trimmed.Object} {
		var fields []any
		if err := json.Unmarshal([]byte(managed), &fields); err != nil {
			t.Fatal(err)
		}
		obj["metadata"].(map[string]any)["managedFields"] = fields
		obj["metadata"].(map[string]any)["annotations"] = map[string]any{
			"kubectl.kubernetes.io/last-applied-configuration": "long", "cert-manager.io/inject-ca-from": "a/b"}
	}
	Trim(Validating, trimmed)
	want, err := decideOf(ourScope(), whole, policy)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decideOf(ourScope(), trimmed, policy)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(want.patch)
	after, _ := json.Marshal(got.patch)
	if string(before) != string(after) || len(want.patch) == 0 {
		t.Errorf("the patch of a trimmed object is\n%s\nwant\n%s", after, before)
	}
	if injection(trimmed) != injection(whole) || injection(whole) == "" {
		t.Errorf("the injector of a trimmed object is %q, want %q", injection(trimmed), injection(whole))
	}
	before0, found0 := ourScope().owner(whole, "w0")
	after0, found1 := ourScope().owner(trimmed, "w0")
	if before0 != after0 || found0 != found1 || before0 != "helm" {
		t.Errorf("the owner of a trimmed object is %q, want %q", after0, before0)
	}
}
