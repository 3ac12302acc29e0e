// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookstrap/hookstrap/test/sample"
)

// result is one measurement.
type result struct {
	Server      string        `json:"server"`
	Size        int           `json:"size"` // of the review, in bytes
	Connections int           `json:"connections"`
	Requests    int           `json:"requests"`
	PerSecond   float64       `json:"perSecond"`
	CPU         float64       `json:"cpu"` // microseconds of the server for each request
	Allocations float64       `json:"allocations"`
	Bytes       float64       `json:"bytes"` // allocated
	P50         time.Duration `json:"p50"`
	P99         time.Duration `json:"p99"`
	P999        time.Duration `json:"p999"`
	RSS         int           `json:"rss"` // in KiB
	Peak        int           `json:"peak"`
}

func run(o options) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	var all results
	for _, size := range o.sizes {
		body, err := sample.Review(size)
		if err != nil {
			return err
		}
		for _, kind := range o.servers {
			measured, err := measure(ctx, o, kind, body)
			if err != nil {
				return fmt.Errorf("measuring %s with %d bytes: %w", kind, len(body), err)
			}
			all.Load = append(all.Load, measured...)
		}
	}
	all.printLoad()
	all.printTargets()
	if o.rotation {
		var err error
		if all.Rotation, err = measureRotation(ctx, o); err != nil {
			return fmt.Errorf("measuring rotations: %w", err)
		}
		all.printRotation()
	}
	return all.save(o.output)
}

// measure starts a server and loads it with each number of connections.
func measure(ctx context.Context, o options, kind string, body []byte) (measured []result, err error) {
	p, err := start(ctx, kind)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	for _, connections := range o.connections {
		l := load{address: p.address, body: body, connections: connections}
		r, err := l.measure(ctx, p, o.duration)
		if err != nil {
			return nil, err
		}
		r.Server = kind
		measured = append(measured, r)
	}
	return measured, nil
}

func (l load) measure(ctx context.Context, p *process, duration time.Duration) (result, error) {
	if err := l.warmUp(ctx, duration/8); err != nil {
		return result{}, err
	}
	before, err := p.usage()
	if err != nil {
		return result{}, err
	}
	begin := time.Now()
	took, err := l.apply(ctx, duration)
	elapsed := time.Since(begin)
	if err != nil {
		return result{}, err
	}
	after, err := p.usage()
	n := float64(len(took))
	return result{
		Size: len(l.body), Connections: l.connections, Requests: len(took), PerSecond: n / elapsed.Seconds(),
		CPU:         float64((after.CPU - before.CPU).Microseconds()) / n,
		Allocations: float64(after.Mallocs-before.Mallocs) / n, Bytes: float64(after.Bytes-before.Bytes) / n,
		P50: percentile(took, 500), P99: percentile(took, 990), P999: percentile(took, 999),
		RSS: after.RSS, Peak: after.Peak,
	}, err
}

// warmUp waits until the server listens, and loads it for a while.
func (l load) warmUp(ctx context.Context, duration time.Duration) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := l.apply(ctx, duration)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func percentile(sorted []time.Duration, perMille int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*perMille/1000, len(sorted)-1)]
}
