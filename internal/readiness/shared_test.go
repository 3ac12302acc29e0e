// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// TestManyProbesFewHandshakes: a thousand calls of /readyz at once are one handshake with the listener, or two when the
// moment passes for which one is good.
func TestManyProbesFewHandshakes(t *testing.T) {
	b := demanding(t, tls.VersionTLS13)
	b.state.Set(pairs.SelfSigned(t, selfName))
	var handshakes atomic.Int64
	ask := b.shared.ask
	b.shared.ask = func(ctx context.Context) error {
		handshakes.Add(1)
		return ask(ctx)
	}
	conditions := b.Conditions()
	condition := conditions[len(conditions)-1]
	readyz := lifecycle.ReadyzHandler(condition)
	const calls = 1000
	begin := time.Now()
	var probes sync.WaitGroup
	for range calls {
		probes.Go(func() {
			answer := httptest.NewRecorder()
			readyz.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
			if answer.Code != http.StatusOK {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		})
	}
	probes.Wait()
	most := 1 + int64(time.Since(begin)/goodFor) // However slow the machine is.
	if n := handshakes.Load(); n < 1 || n > most {
		t.Errorf("%d calls of /readyz made %d handshakes, want %d at most", calls, n, most)
	}
	// Another certificate is another question.
	before := handshakes.Load()
	b.state.Set(pairs.SelfSigned(t, "another.shop.svc"))
	if err := condition.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "another.shop.svc") {
		t.Errorf("after a change of the certificate: %v", err)
	}
	if handshakes.Load() != before+1 {
		t.Error("a change of the certificate made no handshake")
	}
}

// TestSharedAnswers: who leaves spoils nothing for others, successes are good for a while, failures for a moment.
func TestSharedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, outcome := 0, errors.New("not yet")
		var answers []error
		s := shared[int]{answered: func(_ context.Context, err error) { answers = append(answers, err) }}
		s.ask = func(ctx context.Context) error {
			asked++
			select {
			case <-time.After(100 * time.Millisecond):
				return outcome
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		want := func(subject, times int, want error) {
			t.Helper()
			if err := s.get(t.Context(), subject); !errors.Is(err, want) || asked != times {
				t.Errorf("got %v after %d questions, want %v after %d", err, asked, want, times)
			}
		}
		impatient, leave := context.WithCancel(t.Context())
		leave()
		if err := s.get(impatient, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("who leaves hears %v", err)
		}
		want(1, 1, outcome) // The same question, which goes on.
		want(1, 1, outcome)
		<-time.After(badFor)
		outcome = nil
		want(1, 2, nil)
		<-time.After(goodFor - time.Millisecond)
		want(1, 2, nil)
		want(2, 3, nil)
		<-time.After(goodFor)
		want(2, 4, nil)
		s.set(3, nil)
		want(3, 4, nil)
		if len(answers) != 4 {
			t.Errorf("%d answers were told of, want 4", len(answers))
		}
	})
}

// TestAnswersWithoutAskers: who has less patience than the question hears nothing, but the answer is told of.
func TestAnswersWithoutAskers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told error
		s := shared[int]{answered: func(_ context.Context, err error) { told = err }}
		s.ask = func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		impatient, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if err := s.get(impatient, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who leaves hears %v", err)
		}
		<-time.After(askPatience)
		synctest.Wait()
		if !errors.Is(told, context.DeadlineExceeded) {
			t.Errorf("the answer that was told is %v, want the end of its time", told)
		}
	})
}
