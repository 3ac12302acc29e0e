// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

const (
	// streamClients ask at the same time, each on a connection of its own.
	streamClients = 8
	// streamRate is what they ask for in a second, all together. They ask in bursts, all at once, so that the API server
	// needs as many connections as there are clients: one after the other they would share the one that was used last, and
	// a pod could leave unnoticed.
	streamRate = 160
	// calmRate is what comes of it on a machine that has time for it. A stream waits for that before the test goes on, for
	// calmPatience at most, and goes on until it has leastAdmissions: a test that has seen a few has seen nothing.
	calmRate        = 100
	calmPatience    = 20 * time.Second
	leastAdmissions = 400
)

// admission is one request of a stream, which went through the API server to our webhook.
type admission struct {
	began, ended time.Time
	denied       bool
	err          error // why there was no right verdict
}

// stream asks for admissions all the time, until it is stopped: three of four pods are good, the fourth has to be denied.
type stream struct {
	cancel  context.CancelFunc
	workers sync.WaitGroup
	began   time.Time

	mu         sync.Mutex
	admissions []admission
}

// asker makes one request, which is to be denied if it is bad.
type asker func(ctx context.Context, bad bool) admission

// startStream asks about Pods.
func startStream(t *testing.T) *stream {
	t.Helper()
	return startStreamOf(t, func() asker {
		client := ownClient(t)
		return func(ctx context.Context, bad bool) admission { return ask(ctx, client, bad) }
	})
}

// startStreamOf returns once admissions are answered, on a busy machine in a calm moment. Each client asks with an asker
// of its own. The stream ends with the test at the latest.
func startStreamOf(t *testing.T, newAsker func() asker) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &stream{cancel: cancel, began: time.Now()}
	t.Cleanup(s.end)
	turns := make(chan bool)
	for range streamClients {
		ask := newAsker()
		s.workers.Go(func() { s.work(ctx, ask, turns) })
	}
	s.workers.Go(func() { pace(ctx, turns) })
	s.awaitCalm(t)
	return s
}

// awaitCalm returns when admissions come at the rate of a calm machine, or when that was waited for long enough.
func (s *stream) awaitCalm(t *testing.T) {
	t.Helper()
	const bursts = 5
	asked, rate := time.Now(), 0.0
	for time.Since(asked) < calmPatience {
		before, began := len(s.so()), time.Now()
		s.await(t, before+bursts*streamClients)
		if rate = float64(len(s.so())-before) / time.Since(began).Seconds(); rate >= calmRate {
			return
		}
	}
	t.Logf("the machine is busy: %.0f admissions/s, and no more than that for %s; the test goes on", rate, calmPatience)
}

// await waits until there are so many admissions.
func (s *stream) await(t *testing.T, n int) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(context.Context) error {
		if got := len(s.so()); got < n {
			return fmt.Errorf("%d admissions, want %d", got, n)
		}
		return nil
	})
}

// ownClient shares its connection with no other client.
func ownClient(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(ownConfig())
	must(t, err)
	return client
}

// ownConfig is for one client: with a dialer of its own it shares no connection.
func ownConfig() *rest.Config {
	cfg := shared.Config()
	cfg.Dial = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	cfg.Timeout = 30 * time.Second
	return cfg
}

// pace hands out the turns, one to each client at a time. A burst that has to wait is late, and so are those behind it.
func pace(ctx context.Context, turns chan<- bool) {
	defer close(turns)
	tick := time.NewTicker(time.Second * streamClients / streamRate)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for i := range streamClients {
			select {
			case turns <- i%4 == 3:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (s *stream) work(ctx context.Context, ask asker, turns <-chan bool) {
	for bad := range turns {
		a := ask(context.WithoutCancel(ctx), bad)
		s.mu.Lock()
		s.admissions = append(s.admissions, a)
		s.mu.Unlock()
	}
}

// ask wants a verdict, and the right one.
func ask(ctx context.Context, client kubernetes.Interface, bad bool) admission {
	pod := goodPod()
	if bad {
		pod = badPod()
	}
	a := admission{began: time.Now(), denied: bad}
	_, err := create(ctx, client, pod, metav1.DryRunAll)
	a.ended = time.Now()
	switch {
	case bad && err == nil:
		a.err = fmt.Errorf("a bad pod was admitted")
	case bad && !isDenial(err), !bad && err != nil:
		a.err = err
	}
	return a
}

func isDenial(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "denied the request") &&
		strings.Contains(err.Error(), "hostNetwork")
}

// so is what has been asked so far.
func (s *stream) so() []admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]admission(nil), s.admissions...)
}

// end waits for the answers that are due.
func (s *stream) end() {
	s.cancel()
	s.workers.Wait()
}

// stop ends the stream, if it has seen enough, and prints what it saw: one line.
func (s *stream) stop(t *testing.T) figures {
	t.Helper()
	s.await(t, leastAdmissions)
	s.end()
	f := figuresOf(s.so(), time.Since(s.began))
	t.Log(f)
	return f
}

// wantNoneFailed stops the stream. Nothing of it may have failed.
func (s *stream) wantNoneFailed(t *testing.T) {
	t.Helper()
	f := s.stop(t)
	f.report(t, f.failed)
}
