// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

import (
	"context"
	"errors"
	"testing"
	"time"
)

func start() time.Time { return time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC) }

// within reports whether d is the base delay plus the jitter that is allowed.
func within(d, base time.Duration) bool {
	return d >= base && d <= time.Duration(float64(base)*1.5)
}

func TestPaceOfFailures(t *testing.T) {
	var p Pace
	now := start()
	if p.Wait(now) != 0 {
		t.Error("the first write has to wait")
	}
	denied := errors.New("denied by a policy")
	for i, base := range []time.Duration{
		time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second,
		64 * time.Second, 128 * time.Second, 3 * time.Minute, 3 * time.Minute, 3 * time.Minute,
	} {
		p.Failed(now, denied)
		if got := p.Wait(now); !within(got, base) {
			t.Errorf("failure %d: waits %s, want %s and jitter", i+1, got, base)
		}
		now = now.Add(p.Wait(now))
	}
	if p.Wait(now) != 0 {
		t.Error("still waits after the delay")
	}
	p.Wrote(now, false)
	p.Failed(now, denied)
	if got := p.Wait(now); !within(got, time.Second) {
		t.Errorf("first failure after a success: waits %s", got)
	}
}

func TestPaceOfAFight(t *testing.T) {
	var p Pace
	now := start()
	p.Wrote(now, false)
	for i, base := range []time.Duration{0, 0, 0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second} {
		now = now.Add(p.Wait(now)).Add(10 * time.Millisecond) // spoiled again soon after we may write
		p.Wrote(now, true)
		if got := p.Wait(now); !within(got, base) {
			t.Errorf("repair %d: waits %s, want %s and jitter", i+1, got, base)
		}
	}
	for range 100 {
		now = now.Add(p.Wait(now))
		p.Wrote(now, true)
	}
	if got := p.Wait(now); !within(got, longestRepair) {
		t.Errorf("after a hundred repairs: waits %s, want %s and jitter", got, longestRepair)
	}
}

// A fight is news once, however long it lasts; after a quiet minute the next one is news again.
func TestPaceTellsAFightOnce(t *testing.T) {
	var p Pace
	now := start()
	p.Wrote(now, false)
	for fight := range 2 {
		var told []int
		for repair := range 20 {
			now = now.Add(p.Wait(now))
			if p.Wrote(now, true); p.Fights() {
				told = append(told, repair+1)
			}
		}
		if len(told) != 1 || told[0] != freeRepairs+1 {
			t.Errorf("fight %d: told with the repairs %v, want with number %d alone", fight+1, told, freeRepairs+1)
		}
		if over := p.Wait(now) + fightWindow; p.Fought(now) != over || p.Fought(now.Add(over)) != 0 {
			t.Errorf("fight %d is over after %s, want %s", fight+1, p.Fought(now), over)
		}
		now = now.Add(p.Wait(now)).Add(fightWindow)
	}
}

func TestPaceForgetsAFight(t *testing.T) {
	for name, calm := range map[string]func(*Pace, time.Time) time.Time{
		"a quiet minute":    func(p *Pace, now time.Time) time.Time { return now.Add(p.Wait(now)).Add(fightWindow) },
		"no repair: policy": func(p *Pace, now time.Time) time.Time { p.Wrote(now, false); return now },
	} {
		t.Run(name, func(t *testing.T) {
			var p Pace
			now := start()
			for range 10 {
				p.Wrote(now, true)
			}
			if p.Wait(now) == 0 {
				t.Fatal("ten repairs at once are not held back")
			}
			now = calm(&p, now)
			p.Wrote(now, true)
			if got := p.Wait(now); got != 0 {
				t.Errorf("the next repair waits %s", got)
			}
		})
	}
}

func TestReplicasDoNotRepairInStep(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 20 {
		var p Pace
		p.Failed(start(), context.DeadlineExceeded)
		seen[p.Wait(start())] = true
	}
	if len(seen) < 2 {
		t.Errorf("twenty delays are all alike: %v", seen)
	}
}
