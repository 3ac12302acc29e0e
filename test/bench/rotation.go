// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookstrap/hookstrap/test/sample"
)

const (
	// rotationTurns is how often the two are measured, and rotationPeriod how often a certificate is replaced during that
	// time.
	rotationTurns, rotationPeriod = 8, 100 * time.Millisecond

	// perConnection is after how many reviews clients connect again, so that the new certificates are used.
	perConnection = 200
)

// rotation is what a server did in all turns of one kind.
type rotation struct {
	result
	Rotations int `json:"rotations"`
	// The lowest and the highest P99 of a turn. What is within them for the other kind, too, is no difference.
	Lowest  time.Duration `json:"lowest"`
	Highest time.Duration `json:"highest"`
}

// measureRotation loads our server without and with new certificates, in turns: a machine is never as busy as it was a
// moment ago.
func measureRotation(ctx context.Context, o options) ([]rotation, error) {
	body, err := sample.Review(8800)
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, "check")
	if err != nil {
		return nil, err
	}
	defer p.stop()
	l := load{address: p.address, body: body, connections: 16, perDial: perConnection}
	all := l.clients()
	defer all.close()
	if err := all.warmUp(ctx, o.duration/8); err != nil {
		return nil, err
	}
	turn := max(o.duration/2, 500*time.Millisecond)
	var still, rotating turns
	for range rotationTurns {
		took, err := all.apply(ctx, turn)
		if err != nil {
			return nil, err
		}
		still.add(took, 0)
		took, n, err := all.applyRotating(ctx, p, turn)
		if err != nil {
			return nil, err
		}
		rotating.add(took, n)
	}
	return []rotation{still.sum("as it is", l, turn), rotating.sum("rotating", l, turn)}, nil
}

// applyRotating is as apply, while the certificate is replaced all the time. It also returns how often that was.
func (all clients) applyRotating(ctx context.Context, p *process, duration time.Duration) (
	took []time.Duration, rotations int, err error,
) {
	loaded, done := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer done()
		var err error
		took, err = all.apply(ctx, duration)
		return err
	})
	group.Go(func() error {
		ticks := time.NewTicker(rotationPeriod)
		defer ticks.Stop()
		for {
			select {
			case <-loaded.Done():
				return nil
			case <-ticks.C:
			}
			if _, err := p.order("rotate"); err != nil {
				return err
			}
			rotations++
		}
	})
	err = group.Wait() // which both of the others come from
	return took, rotations, err
}

// turns are what reviews took, in all turns of one kind.
type turns struct {
	took      []time.Duration
	p99       []time.Duration // of each turn
	rotations int
}

func (t *turns) add(took []time.Duration, rotations int) {
	slices.Sort(took)
	t.took = append(t.took, took...)
	t.p99 = append(t.p99, percentile(took, 990))
	t.rotations += rotations
}

func (t *turns) sum(name string, l load, turn time.Duration) rotation {
	slices.Sort(t.took)
	return rotation{
		result: result{
			Server: name, Size: len(l.body), Connections: l.connections, Requests: len(t.took),
			PerSecond: float64(len(t.took)) / (rotationTurns * turn).Seconds(),
			P50:       percentile(t.took, 500), P99: percentile(t.took, 990), P999: percentile(t.took, 999),
		},
		Rotations: t.rotations, Lowest: slices.Min(t.p99), Highest: slices.Max(t.p99),
	}
}
