// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"testing"
	"time"
)

// TestAnUnusedSuccessorIsNotKept: of what a Secret lacks, only CAs whose certificates may be in use are put back.
func TestAnUnusedSuccessorIsNotKept(t *testing.T) {
	now := start().Add(time.Hour)
	held := testState(t)
	prepared := advanced(t, held, at(t, now).asking("1"), StepPrepared)
	if !prepared.bundle.Contains(prepared.next.cert) {
		t.Fatal("the successor is not trusted: this test proves nothing")
	}
	read := must(newDraft(must(newCA("other", DefaultCADuration, now))(t), testLeaf).encoded())(t).edit()
	lost := read.keepAll(prepared, now)
	if len(lost) != 1 || !lost[0].Equal(held.cert) {
		t.Errorf("%d CAs were put back, want the one that signs alone", len(lost))
	}
	if read.bundle.Contains(prepared.next.cert) {
		t.Error("a successor that has signed nothing is trusted")
	}
}
