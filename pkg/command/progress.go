// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

const (
	progressAfter = time.Second            // before that, a user does not wonder yet
	progressEvery = 100 * time.Millisecond // often enough to look alive
)

// progress says on a terminal how far a long run has come, in one line that it takes away again. It belongs to one
// goroutine.
type progress struct {
	w     io.Writer // nil: not a terminal
	now   func() time.Time
	next  time.Time
	shown bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{now: time.Now, next: time.Now().Add(progressAfter)}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.w = w
	}
	return p
}

func (p *progress) update(done, all int) { p.say("%d of %d objects checked", done, all) }

// read is for a number that is not known before the end.
func (p *progress) read(objects int) { p.say("%d objects read", objects) }

// step is for a part of a run.
func (p *progress) step(what string) { p.say("%s", what) }

func (p *progress) say(format string, numbers ...any) {
	if p.w == nil || p.now().Before(p.next) {
		return
	}
	p.next, p.shown = p.now().Add(progressEvery), true
	_, _ = fmt.Fprintf(p.w, "\r\x1b[K"+format, numbers...)
}

func (p *progress) clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
}
