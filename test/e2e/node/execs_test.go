// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// execs are when processes became our server. runc makes a process early and keeps it waiting, so that neither the age of
// the process nor when the container was started, which is reported late and in whole seconds, tells.
type execs struct {
	mu    sync.Mutex
	known map[int]bool // processes that cannot become it any more
	at    map[int]time.Time
}

// watchExecs looks every 5 ms, until the test is over.
func watchExecs(t *testing.T) *execs {
	t.Helper()
	e := &execs{known: map[int]bool{}, at: map[int]time.Time{}}
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for t.Context().Err() == nil {
			e.look()
			<-tick.C
		}
	})
	t.Cleanup(watcher.Wait)
	return e
}

func (e *execs) look() {
	processes, _ := filepath.Glob("/proc/[0-9]*") // Its only error is that of a bad pattern.
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, process := range processes {
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil || e.known[pid] {
			continue
		}
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		switch {
		case err != nil: // It has ended.
		case strings.HasPrefix(string(name), "webhook"):
			e.at[pid], e.known[pid] = time.Now(), true
		case !strings.HasPrefix(string(name), "runc"):
			e.known[pid] = true
		}
	}
}

// of is when the server of a pod was executed.
func (e *execs) of(t *testing.T, pod *corev1.Pod) time.Time {
	t.Helper()
	pid, err := process1(pod, serverContainer)
	must(t, err)
	e.mu.Lock()
	defer e.mu.Unlock()
	at, found := e.at[pid]
	if !found {
		t.Fatalf("process %d of pod %s was not seen to start", pid, pod.Name)
	}
	return at
}
