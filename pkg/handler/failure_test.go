// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// nilable is an error that panics when it is nil and somebody asks for more than whether it is.
type nilable struct{ cause error }

func (n *nilable) Error() string { return "because " + n.cause.Error() }

func (n *nilable) Unwrap() error { return n.cause }

// nameless has a text even when it is nil, and still no cause.
type nameless struct{ nilable }

func (n *nameless) Error() string { return "no name" }

func TestErrorThatPanicsIsTheChecksFailure(t *testing.T) {
	const panicked = "it panicked; the webhook's log has the stack"
	for title, tt := range map[string]struct {
		entry Entry
		err   error
		want  string
	}{
		"deny": {Entry{}, (*nilable)(nil), `Pod "web" in namespace "shop" denied by 1 check: half: bad` + "\n" +
			`check "half" failed: ` + panicked},
		"deny, admit on errors": {Entry{FailurePolicy: Ignore}, (*nilable)(nil), `Pod "web" in namespace "shop" denied by 1 check: half: bad`},
		"warn":                  {Entry{Mode: Warn}, (*nilable)(nil), "half: bad|half failed: " + panicked},
		"audit":                 {Entry{Mode: Audit}, (*nilable)(nil), "bad; failed: " + panicked},
		"without a cause":       {Entry{Mode: Warn}, (*nameless)(nil), "half: bad|half failed: no name"},
	} {
		t.Run(title, func(t *testing.T) {
			tt.entry.Check = checkFunc{"half", func(context.Context, *Request) ([]Violation, error) {
				return []Violation{{Message: "bad"}}, tt.err
			}}
			h := newHandler(t, tt.entry)
			response := ask(t.Context(), t, h, createPod(t, webPod()))
			if got := told(response, "half"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			for _, finding := range h.Judge(t.Context(), NewRequest(createPod(t, webPod()))).Findings {
				if text := finding.Text(); text != "bad" && text != "failed: "+panicked && text != "failed: no name" {
					t.Errorf("got the finding %q", text)
				}
			}
		})
	}
}

// A check that fails alone, and admits what it cannot tell.
func TestErrorThatPanicsAdmitsOnRequest(t *testing.T) {
	h := newHandler(t, Entry{Check: fails("broken", (*nilable)(nil)), FailurePolicy: Ignore})
	got := ask(t.Context(), t, h, createPod(t, webPod()))
	if !got.Allowed || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "broken failed: it panicked") {
		t.Errorf("got %+v", got)
	}
}

// Who judges in a program may look into a check's error.
func TestFindingHasTheChecksError(t *testing.T) {
	h := newHandler(t, Entry{Check: fails("broken", fmt.Errorf("reading it: %w", fs.ErrNotExist))})
	verdict := h.Judge(t.Context(), NewRequest(createPod(t, webPod())))
	if len(verdict.Findings) != 1 || !errors.Is(verdict.Findings[0].Err, fs.ErrNotExist) {
		t.Errorf("got %+v", verdict)
	}
}
