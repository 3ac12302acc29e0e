// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// A check that only returns after the answer is not asked about the old object as well.
func TestNothingBeginsAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, release := 0, make(chan struct{})
		h := newHandler(t, Entry{Check: checkFunc{"late", func(context.Context, *Request) ([]Violation, error) {
			asked++
			<-release
			return []Violation{{Message: "no"}}, nil
		}}})
		if got := askAt(t.Context(), t, h, "/?timeout=1s", updatePod(t, webPod(), webPod())); got.Allowed {
			t.Error("it is allowed")
		}
		close(release)
		synctest.Wait()
		if asked != 1 {
			t.Errorf("it was asked %d times", asked)
		}
	})
}

// Violations may share their parts, which must not be compared as often as there are violations.
func TestSharedPartsAreBounded(t *testing.T) {
	parts := make([]string, 10_000)
	for i := range parts {
		parts[i] = fmt.Sprint(i)
	}
	var before []Violation
	for i := range 10_000 {
		before = append(before, Violation{Identity: fmt.Sprint(i), Parts: parts})
	}
	r := recall(before)
	if !r.has(before[0]) || r.has(before[len(before)-1]) || r.compared > 2*maxParts {
		t.Errorf("%d parts were compared", r.compared)
	}
	for _, v := range before {
		r.has(v)
	}
	if r.has(before[0]) {
		t.Error("it is still comparing")
	}
}

// An answer is of bounded size, however many checks find however much.
func TestAnswersOfManyChecksAreBounded(t *testing.T) {
	var entries []Entry
	for i := range 30 {
		var found []Violation
		for j := range 1000 {
			found = append(found, Violation{Field: fmt.Sprint(j), Message: strings.Repeat("<", 5000)})
		}
		for mode, name := range map[Mode]string{Deny: "denies", Audit: "audits"} {
			entries = append(entries, Entry{Check: says(fmt.Sprint(name, i), found...), Mode: mode})
		}
	}
	req := createPod(t, webPod())
	body := raw(t, review{TypeMeta: reviewV1, Request: &req}).Raw
	if got := send(t.Context(), newHandler(t, entries...), "/", body); got.Body.Len() > 5<<20 {
		t.Errorf("it has %d bytes", got.Body.Len())
	}
}
