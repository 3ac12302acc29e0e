// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// drain runs a drainer on its own goroutine inside a synctest bubble.
type drain struct {
	*lifecycle.Drainer

	signal  context.CancelFunc
	stopped chan struct{}
	done    chan error
}

func startDrain(t *testing.T, drainer *lifecycle.Drainer) *drain {
	t.Helper()
	_, ctx := ktesting.NewTestContext(t)
	ctx, signal := context.WithCancel(ctx)
	d := &drain{Drainer: drainer, signal: signal, stopped: make(chan struct{}), done: make(chan error, 1)}
	go func() { d.done <- drainer.Run(ctx, func() { close(d.stopped) }) }()
	return d
}

func (d *drain) hasStopped() bool {
	select {
	case <-d.stopped:
		return true
	default:
		return false
	}
}

func (d *drain) isDone() bool { return len(d.done) > 0 }

// request sends a request through the middleware; it is answered when the
// channel is closed. The answer is ready when the returned channel gives it.
func (d *drain) request(t *testing.T, answer <-chan struct{}) <-chan *http.Response {
	t.Helper()
	handler := d.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		w.WriteHeader(http.StatusOK)
	}))
	answered := make(chan *http.Response, 1)
	go func() {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate", nil))
		answered <- recorder.Result()
	}()
	return answered
}

// wantConnectionClosed sends a request, which has to be answered at once and for the last time on its connection.
func (d *drain) wantConnectionClosed(t *testing.T) {
	t.Helper()
	at := make(chan struct{})
	close(at)
	if response := <-d.request(t, at); response.StatusCode != 200 || response.Header.Get("Connection") != "close" {
		t.Errorf("during the delay: %d, Connection %q", response.StatusCode, response.Header.Get("Connection"))
	}
}

func TestDrainOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDrain(t, lifecycle.NewDrainer(10*time.Second))
		readyz := lifecycle.ReadyzHandler(d.Condition())
		synctest.Wait()
		if status, body := probe(t, readyz, "/readyz"); status != 200 || d.Draining() || d.hasStopped() {
			t.Fatalf("before the signal: %d %s, draining %v, stopped %v", status, body, d.Draining(), d.hasStopped())
		}

		slow := make(chan struct{})
		slowAnswered := d.request(t, slow)
		d.signal()
		synctest.Wait()
		if status, body := probe(t, readyz, "/readyz"); status != 200 || !d.Draining() {
			t.Errorf("right after the signal: %d %s, draining %v", status, body, d.Draining())
		}
		d.wantConnectionClosed(t)

		<-time.After(5*time.Second - time.Nanosecond)
		synctest.Wait()
		if status, body := probe(t, readyz, "/readyz"); status != 200 {
			t.Errorf("before half of the delay was over: %d %s", status, body)
		}
		<-time.After(time.Nanosecond)
		synctest.Wait()
		status, body := probe(t, readyz, "/readyz")
		if status != 503 || !strings.Contains(body, "[-]not-draining failed: the server is shutting down") {
			t.Errorf("after half of the delay: %d %s", status, body)
		}

		<-time.After(5*time.Second - time.Nanosecond)
		synctest.Wait()
		if d.hasStopped() {
			t.Error("the server was stopped before the delay was over")
		}
		d.wantConnectionClosed(t)

		<-time.After(time.Nanosecond)
		synctest.Wait()
		if !d.hasStopped() || d.isDone() {
			t.Errorf("after the delay: stopped %v, done %v, want stopped and waiting", d.hasStopped(), d.isDone())
		}

		close(slow)
		if err := <-d.done; err != nil {
			t.Error(err)
		}
		if response := <-slowAnswered; response.Header.Get("Connection") != "close" {
			t.Error("the answer to a request from before the signal keeps its connection alive")
		}
	})
}

func TestDrainWithoutRequestsOrDelay(t *testing.T) {
	for name, drainer := range map[string]*lifecycle.Drainer{
		"zero value": {}, "negative delay": lifecycle.NewDrainer(-time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := startDrain(t, drainer)
				began := time.Now()
				d.signal()
				if err := <-d.done; err != nil || !d.hasStopped() || time.Since(began) != 0 {
					t.Errorf("%v, stopped %v, took %s", err, d.hasStopped(), time.Since(began))
				}
			})
		})
	}
}

func TestDrainGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDrain(t, lifecycle.NewDrainer(time.Second))
		stuck := make(chan struct{})
		answers := []<-chan *http.Response{d.request(t, stuck), d.request(t, stuck)}
		synctest.Wait()

		began := time.Now()
		d.signal()
		err := <-d.done
		if err == nil || !strings.Contains(err.Error(), "2 requests") {
			t.Errorf("error %v, want it to count 2 requests", err)
		}
		if took := time.Since(began); took != 31*time.Second {
			t.Errorf("gave up after %s, want 31s", took)
		}
		close(stuck)
		for _, answer := range answers {
			<-answer
		}
	})
}

// TestDrainWaitsForTheLastRequest: one that ends is not enough.
func TestDrainWaitsForTheLastRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDrain(t, lifecycle.NewDrainer(0))
		first, second := make(chan struct{}), make(chan struct{})
		firstAnswered, secondAnswered := d.request(t, first), d.request(t, second)
		synctest.Wait()
		d.signal()
		synctest.Wait() // now it waits for the requests
		close(first)
		<-firstAnswered
		synctest.Wait()
		if d.isDone() {
			t.Error("done though a request is in flight")
		}
		close(second)
		<-secondAnswered
		if err := <-d.done; err != nil {
			t.Error(err)
		}
	})
}

// TestPanickingHandlerIsCounted: net/http recovers from it, and so the request
// must not be waited for.
func TestPanickingHandlerIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDrain(t, lifecycle.NewDrainer(0))
		handler := d.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a fault") }))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not reach the server")
				}
			}()
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
			handler.ServeHTTP(httptest.NewRecorder(), request)
		}()
		d.signal()
		if err := <-d.done; err != nil {
			t.Error(err)
		}
	})
}
