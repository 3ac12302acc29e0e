// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"errors"
	"testing"
	"time"
)

// within reports whether d is the base delay plus the jitter that is allowed.
func within(d, base time.Duration) bool {
	return d >= base && d <= time.Duration(float64(base)*1.5)
}

func TestPaceOfFailures(t *testing.T) {
	var p pace
	now := noon()
	if p.wait(now) != 0 {
		t.Error("the first write has to wait")
	}
	denied := errors.New("denied by a policy")
	for i, base := range []time.Duration{
		time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second,
		64 * time.Second, 128 * time.Second, 3 * time.Minute, 3 * time.Minute, 3 * time.Minute,
	} {
		p.failed(now, denied)
		if got := p.wait(now); !within(got, base) {
			t.Errorf("failure %d: waits %s, want %s and jitter", i+1, got, base)
		}
		now = now.Add(p.wait(now))
	}
	if p.wait(now) != 0 {
		t.Error("still waits after the delay")
	}
	p.wrote(now, false)
	p.failed(now, denied)
	if got := p.wait(now); !within(got, time.Second) {
		t.Errorf("first failure after a success: waits %s", got)
	}
}

func TestPaceOfAFight(t *testing.T) {
	var p pace
	now := noon()
	p.wrote(now, false)
	for i, base := range []time.Duration{0, 0, 0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second} {
		now = now.Add(p.wait(now)).Add(10 * time.Millisecond) // spoiled again soon after we may write
		p.wrote(now, true)
		if got := p.wait(now); !within(got, base) {
			t.Errorf("repair %d: waits %s, want %s and jitter", i+1, got, base)
		}
	}
	for range 100 {
		now = now.Add(p.wait(now))
		p.wrote(now, true)
	}
	if got := p.wait(now); !within(got, longestWait) {
		t.Errorf("after a hundred repairs: waits %s, want %s and jitter", got, longestWait)
	}
}

// A fight is news once, however long it lasts; after a quiet minute the next one is news again.
func TestPaceTellsAFightOnce(t *testing.T) {
	var p pace
	now := noon()
	p.wrote(now, false)
	for fight := range 2 {
		var told []int
		for repair := range 20 {
			now = now.Add(p.wait(now))
			if p.wrote(now, true); p.fights() {
				told = append(told, repair+1)
			}
		}
		if len(told) != 1 || told[0] != freeRepairs+1 {
			t.Errorf("fight %d: told with the repairs %v, want with number %d alone", fight+1, told, freeRepairs+1)
		}
		now = now.Add(p.wait(now)).Add(fightWindow)
	}
}

func TestPaceForgetsAFight(t *testing.T) {
	for name, calm := range map[string]func(*pace, time.Time) time.Time{
		"a quiet minute":    func(p *pace, now time.Time) time.Time { return now.Add(p.wait(now)).Add(fightWindow) },
		"no repair: policy": func(p *pace, now time.Time) time.Time { p.wrote(now, false); return now },
	} {
		t.Run(name, func(t *testing.T) {
			var p pace
			now := noon()
			for range 10 {
				p.wrote(now, true)
			}
			if p.wait(now) == 0 {
				t.Fatal("ten repairs at once are not held back")
			}
			now = calm(&p, now)
			p.wrote(now, true)
			if got := p.wait(now); got != 0 {
				t.Errorf("the next repair waits %s", got)
			}
		})
	}
}

func TestReplicasDoNotRetryInStep(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 20 {
		var p pace
		p.failed(noon(), context.DeadlineExceeded)
		seen[p.wait(noon())] = true
	}
	if len(seen) < 2 {
		t.Errorf("twenty delays are all alike: %v", seen)
	}
}
