// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build admission

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
	"github.com/hookstrap/hookstrap/test/sample"
)

// TestMeasureProcess prints what `webhook serve` and `webhook listen` take by themselves: the size of the program, the
// time from exec to ready with a stored pair (STARTS, 20, on a machine that does nothing else), and the resident memory
// idle and under reviews of 9.3 kB at 16 and 64 connections (SECONDS, 10, of each).
func TestMeasureProcess(t *testing.T) {
	s := site.New(t, shared, site.Options{})
	executable, err := binary()
	must(t, err)
	info, err := os.Stat(executable)
	must(t, err)
	t.Logf("the program has %.1f MB", float64(info.Size())/1e6)

	pair := "--cert-dir=" + filepath.Join(t.TempDir(), "serving")
	cfg := s.Config(t)
	start := func() (*process.Server, time.Duration) {
		began := time.Now()
		server := startProcess(t, s, cfg, pair)
		ready, err := server.AwaitPhase(t.Context(), "ready", 1)
		must(t, err)
		return server, ready.At.Sub(began)
	}
	server, took := start()
	t.Logf("the first start, without a pair, was ready after %s", took.Round(100*time.Microsecond))
	var times []time.Duration
	for range atoi(t, "STARTS", 20) {
		must(t, server.Stop())
		server, took = start()
		times = append(times, took)
	}
	slices.Sort(times)
	t.Logf("with a stored pair: ready after %s at best, %s in the middle, %s at worst of %d starts",
		times[0].Round(100*time.Microsecond), times[len(times)/2].Round(100*time.Microsecond),
		times[len(times)-1].Round(100*time.Microsecond), len(times))

	seconds := time.Duration(atoi(t, "SECONDS", 10)) * time.Second
	<-time.After(seconds)
	idle, own := resident(t, server.PID(), "VmRSS"), resident(t, server.PID(), "RssAnon")
	sendReviews(t, s, 16, seconds)
	sendReviews(t, s, 64, seconds)
	peak := resident(t, server.PID(), "VmHWM")
	t.Logf("webhook serve: %.1f MiB idle, of which %.1f are its own and the rest the program's file; %.1f MiB at the peak under load, "+
		"%.2f times that", idle, own, peak, peak/idle)

	holder, err := process.Start(context.WithoutCancel(t.Context()), process.Options{Binary: executable, Command: "listen",
		Args: []string{"--listener-socket=" + filepath.Join(t.TempDir(), "socket")}})
	must(t, err)
	t.Cleanup(holder.Kill)
	<-time.After(seconds)
	t.Logf("webhook listen: %.1f MiB idle, of which %.1f are its own", resident(t, holder.PID(), "VmRSS"),
		resident(t, holder.PID(), "RssAnon"))
}

// resident is what a process has, or has had, of the memory, in MiB; see proc(5).
func resident(t *testing.T, pid int, field string) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, rest, _ := strings.Cut(string(text), field+":")
	var kibibytes float64
	_, err = fmt.Sscan(rest, &kibibytes)
	must(t, err)
	return kibibytes / 1024
}

// sendReviews sends reviews of usual size over so many connections for a time.
func sendReviews(t *testing.T, s *site.Site, connections int, duration time.Duration) {
	t.Helper()
	body, err := sample.Review(8800)
	must(t, err)
	config := direct{s, liveBundle(t, s)}.config()
	config.NextProtos = []string{"http/1.1"}
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var running sync.WaitGroup
	for range connections {
		running.Go(func() {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: config.Clone()}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address(s)+"/validate?timeout=10s", bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/json")
				answer, err := client.Do(r)
				if err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					t.Errorf("answered %s", answer.Status)
					return
				}
			}
		})
	}
	running.Wait()
}
