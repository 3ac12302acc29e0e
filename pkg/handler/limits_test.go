// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func limitedHandler(t *testing.T, limits Limits, check Check) *Handler {
	t.Helper()
	return newHandlerOf(t, Options{
		Entries: []Entry{{Check: check}}, Limits: limits, Registerer: prometheus.NewRegistry(),
	})
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := limitedHandler(t, Limits{Concurrent: 1, Queued: 2}, stuck("slow", release))
		answers := make(chan *httptest.ResponseRecorder, 3)
		for range 3 { // one is answered, two wait
			go func() { answers <- send(t.Context(), h, "/", sampleReview(t, 0)) }()
			synctest.Wait()
		}
		refused := send(t.Context(), h, "/", sampleReview(t, 0))
		if code, retry := codeOf(t, refused); code != http.StatusTooManyRequests || !retry ||
			!strings.Contains(refused.Body.String(), "too busy: 1 reviews are being answered and 2 wait; try again") {
			t.Errorf("got %d %s", code, refused.Body)
		}
		close(release)
		for range 3 {
			if got := <-answers; got.Code != http.StatusOK {
				t.Errorf("one that waited got %d %s", got.Code, got.Body)
			}
		}
		if got := testutil.ToFloat64(h.gate.refused.WithLabelValues("queue")); got != 1 {
			t.Errorf("%v refusals were counted", got)
		}
		if n := h.gate.turns.taken; n != 0 || h.gate.turns.waiting.count != 0 || h.gate.inUse() != 0 {
			t.Errorf("not given back: %d turns, %d places, %d bytes", n, h.gate.turns.waiting.count, h.gate.inUse())
		}
	})
}

// A check that ignores its context keeps its review's memory and turn, or many of them would be without limits.
func TestChecksThatHangAreWithinTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := limitedHandler(t, Limits{Concurrent: 1}, stuck("slow", release))
		if got := send(t.Context(), h, "/?timeout=1s", sampleReview(t, 0)); got.Code != http.StatusOK {
			t.Errorf("the first got %d %s", got.Code, got.Body)
		}
		if n := h.gate.turns.taken; n != 1 || h.gate.inUse() == 0 {
			t.Errorf("its check goes on, with %d turns and %d bytes", n, h.gate.inUse())
		}
		got := send(t.Context(), h, "/?timeout=1s", sampleReview(t, 0))
		if code, retry := codeOf(t, got); code != http.StatusTooManyRequests || !retry {
			t.Errorf("another got %d %s", code, got.Body)
		}
		close(release)
		synctest.Wait()
		if n := h.gate.turns.taken; n != 0 || h.gate.inUse() != 0 {
			t.Errorf("not given back: %d turns, %d bytes", n, h.gate.inUse())
		}
	})
}

// Who waits for a turn waits no longer than the review's own timeout.
func TestWaitEndsWithTheReviewsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := limitedHandler(t, Limits{Concurrent: 1}, stuck("slow", release))
		first := make(chan *httptest.ResponseRecorder, 1)
		go func() { first <- send(t.Context(), h, "/?timeout=20s", sampleReview(t, 0)) }()
		synctest.Wait()
		got := send(t.Context(), h, "/?timeout=2s", []byte(minimalReview))
		if code, retry := codeOf(t, got); code != http.StatusTooManyRequests || !retry ||
			!strings.Contains(got.Body.String(), "the turn of this one did not come in time") {
			t.Errorf("got %d %s", code, got.Body)
		}
		if n := testutil.ToFloat64(h.gate.refused.WithLabelValues("wait")); n != 1 {
			t.Errorf("%v refusals were counted", n)
		}
		close(release)
		if got := <-first; got.Code != http.StatusOK {
			t.Errorf("the first got %d %s", got.Code, got.Body)
		}
	})
}

func TestMemoryForBodiesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := limitedHandler(t, Limits{Bytes: 1}, says("quiet")) // 20 MiB, the least there is
		var writers []*io.PipeWriter
		for range 2 {
			body, writer := io.Pipe()
			writers = append(writers, writer)
			go post(t.Context(), h, body, maxBody)
			_, _ = writer.Write(make([]byte, maxBody-1))
		}
		synctest.Wait()
		if got := post(t.Context(), h, strings.NewReader(strings.Repeat(" ", 3<<20)), 3<<20); got.Code != 503 ||
			!strings.Contains(got.Body.String(), "take up 15 MiB") {
			t.Errorf("got %d %s", got.Code, got.Body)
		}
		if got := send(t.Context(), h, "/", []byte(minimalReview)); got.Code != http.StatusOK {
			t.Errorf("a small one got %d %s", got.Code, got.Body)
		}
		for _, writer := range writers {
			_ = writer.Close()
		}
		synctest.Wait()
		if n := h.gate.inUse(); n != 0 {
			t.Errorf("%d bytes were not given back", n)
		}
	})
}

// Senders of much who stall must not keep out the usual reviews.
func TestStalledBodiesLeaveRoomForUsualOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := limitedHandler(t, Limits{Bytes: 28 << 20}, says("quiet"))
		var writers []*io.PipeWriter
		for range 20 { // more than there is room for
			body, writer := io.Pipe()
			writers = append(writers, writer)
			go func() {
				post(t.Context(), h, body, maxBody)
				_ = body.Close()
			}()
			_, _ = writer.Write(make([]byte, 1<<20+10))
			synctest.Wait()
		}
		if n := testutil.ToFloat64(h.gate.refused.WithLabelValues("memory")); n == 0 || n > 10 {
			t.Errorf("%v of 20 senders of 1 MiB were refused", n)
		}
		for _, size := range []int64{int64(len(minimalReview)), usualBody} {
			body := strings.NewReader(minimalReview + strings.Repeat(" ", int(size)-len(minimalReview)))
			if got := post(t.Context(), h, body, size); got.Code != http.StatusOK {
				t.Errorf("a usual review got %d %s", got.Code, got.Body)
			}
		}
		for _, writer := range writers {
			_ = writer.Close()
		}
	})
}

// Who announces much and sends little gets little memory.
func TestMemoryFollowsWhatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := limitedHandler(t, Limits{}, says("quiet"))
		body, writer := io.Pipe()
		go post(t.Context(), h, body, maxBody)
		synctest.Wait()
		if n := h.gate.inUse(); n != firstRead {
			t.Errorf("%d bytes before anything was sent", n)
		}
		_, _ = writer.Write(make([]byte, firstRead+1))
		synctest.Wait()
		if n := h.gate.inUse(); n > growth*(firstRead+1) {
			t.Errorf("%d bytes for %d", n, firstRead+1)
		}
		_ = writer.Close()
	})
}

func post(ctx context.Context, h http.Handler, body io.Reader, length int64) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", body)
	r.ContentLength = length
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestBodiesWithoutALength(t *testing.T) {
	tests := map[string]struct{ padding, code int }{
		"small": {0, 200}, "over the first read": {firstRead, 200}, "greatest": {maxBody - len(minimalReview), 200},
		"too large": {maxBody - len(minimalReview) + 1, 413}, "far too large": {3 * maxBody, 413},
		"longer than anything": {maxWire + maxBody, 413},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := strings.NewReader(minimalReview + strings.Repeat(" ", tt.padding))
			got := post(t.Context(), newHandler(t), struct{ io.Reader }{body}, -1)
			if code, _ := codeOf(t, got); code != tt.code {
				t.Errorf("got %d %s", code, got.Body)
			}
		})
	}
}

// A node has many processors, and the container a part of its memory.
func TestConcurrencyFollowsMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(230 << 20))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(64))
	if got := (Limits{}).complete().Concurrent; got != 57 {
		t.Errorf("%d at a time with 230 MiB and 64 processors", got)
	}
	runtime.GOMAXPROCS(2)
	if got := (Limits{}).complete().Concurrent; got != 8 {
		t.Errorf("%d at a time with 230 MiB and 2 processors", got)
	}
}

func TestLimitsHaveDefaults(t *testing.T) {
	if l := (Limits{}).complete(); l.Concurrent < 4 || l.Queued < l.Concurrent || l.Bytes < 20<<20 || l.Decoded < 50<<20 {
		t.Errorf("got %+v", l)
	}
	want := Limits{Concurrent: 3, Queued: 5, Bytes: 1 << 30, Decoded: 7}
	if got := want.complete(); got != want {
		t.Errorf("got %+v", got)
	}
}
