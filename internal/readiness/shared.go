// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"sync"
	"time"
)

const (
	// goodFor is how long a success is an answer for others who ask, and badFor a failure: a server that has just become
	// ready must not be taken for one that is not, as its next probe may be a second away.
	goodFor, badFor = 500 * time.Millisecond, 50 * time.Millisecond
	// askPatience bounds a question whose askers may all have gone.
	askPatience = 5 * time.Second
)

// shared asks a question once for all who want to know the answer at about the same time, as anybody may who can reach
// the port of the probes. An answer is about a subject; another subject is another question. Set ask before use.
type shared[S comparable] struct {
	ask func(ctx context.Context) error
	// answered is told of each answer, also when the askers have gone: they may have less patience than the question.
	answered func(ctx context.Context, err error)

	mu      sync.Mutex
	asking  *answer[S] // nil unless a question is under way
	current answer[S]
}

// answer is one, once done is closed.
type answer[S comparable] struct {
	subject S
	done    chan struct{}
	err     error
	until   time.Time
}

// get returns an answer about the subject, or an error when ctx ends first.
func (s *shared[S]) get(ctx context.Context, subject S) error {
	s.mu.Lock()
	if s.current.subject == subject && time.Now().Before(s.current.until) {
		defer s.mu.Unlock()
		return s.current.err
	}
	a := s.asking
	if a == nil || a.subject != subject {
		a = &answer[S]{subject: subject, done: make(chan struct{})}
		s.asking = a
		go s.run(context.WithoutCancel(ctx), a) // One who leaves spoils nothing for the others.
	}
	s.mu.Unlock()
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *shared[S]) run(ctx context.Context, a *answer[S]) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	a.err = s.ask(ctx)
	s.answered(ctx, a.err)
	close(a.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking == a {
		s.asking = nil
		s.keep(a.subject, a.err)
	}
}

// set is for an answer that is known.
func (s *shared[S]) set(subject S, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(subject, err)
}

func (s *shared[S]) keep(subject S, err error) {
	period := goodFor
	if err != nil {
		period = badFor
	}
	s.current = answer[S]{subject: subject, err: err, until: time.Now().Add(period)}
}
