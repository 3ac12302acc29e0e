// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

func TestProgressReadsGoBuild(t *testing.T) {
	const said = "go: downloading k8s.io/api v0.37.2\ninternal/cpu\nk8s.io/api/core/v1\n" +
		"# k8s.io/broken\nbroken/x.go:3:1: undefined: nope\nruntime"
	tests := map[string]int{"at once": len(said), "byte by byte": 1, "torn": 7}
	for name, size := range tests {
		t.Run(name, func(t *testing.T) {
			p := &progress{}
			for rest := said; rest != ""; {
				n, err := p.Write([]byte(rest[:min(size, len(rest))]))
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if got, want := p.String(), "1 modules downloaded, 2 packages compiled"; got != want {
				t.Errorf("progress %q, want %q", got, want)
			}
			want := "# k8s.io/broken\nbroken/x.go:3:1: undefined: nope\nruntime"
			if got := p.tail(); got != want {
				t.Errorf("complaints %q, want %q", got, want)
			}
		})
	}
}

func TestProgressKeepsTheLastComplaints(t *testing.T) {
	p := &progress{}
	for i := range 10 * keep {
		_, _ = fmt.Fprintf(p, "x.go:%d: wrong\n", i)
	}
	lines := strings.Split(strings.TrimSpace(p.tail()), "\n")
	if len(lines) != keep || lines[keep-1] != fmt.Sprintf("x.go:%d: wrong", 10*keep-1) {
		t.Errorf("%d complaints that end with %q, want the last %d", len(lines), lines[len(lines)-1], keep)
	}
}

func TestHeartbeat(t *testing.T) {
	for name, tt := range map[string]struct {
		quiet bool
		want  int
	}{"long build": {want: 4}, "quick one": {quiet: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				b := &builder{out: &out, now: time.Now, heartbeat: 15 * time.Second}
				failed := errors.New("exit status 1")
				done := make(chan error, 1)
				time.AfterFunc(61*time.Second, func() { done <- failed })
				err := b.await(done, target{quiet: tt.quiet}, &progress{}, time.Now())
				if !errors.Is(err, failed) {
					t.Errorf("error %v, want the build's", err)
				}
				if got := strings.Count(out.String(), "\n"); got != tt.want {
					t.Errorf("printed\n%swant %d signs of life in a minute", out.String(), tt.want)
				}
				if tt.want > 0 && !strings.Contains(out.String(), "1m0s: ") {
					t.Errorf("printed\n%swant the elapsed time", out.String())
				}
			})
		})
	}
}

func TestStamp(t *testing.T) {
	got := stamp("v1.37.2")
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.37.2 ",
		"-X k8s.io/component-base/version.gitMajor=1 ",
		"-X k8s.io/component-base/version.gitMinor=37 ",
		"-X k8s.io/client-go/pkg/version.gitVersion=v1.37.2",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("linker flags %s, want %q in them", got, want)
		}
	}
}

func TestEveryComponentHasATypicalDuration(t *testing.T) {
	for _, c := range assets.Components() {
		if got := typical(c); !strings.Contains(got, "minute") {
			t.Errorf("%s takes %q", c, got)
		}
	}
}
