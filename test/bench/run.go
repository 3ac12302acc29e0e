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
		measured, err := measure(ctx, o, body)
		if err != nil {
			return fmt.Errorf("measuring with %d bytes: %w", len(body), err)
		}
		all.Load = append(all.Load, measured...)
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

// rounds is in how many turns each of the servers is loaded: a machine is never as fast as it was a moment ago.
const rounds = 8

// measure starts all servers, and loads them in turns with each number of connections.
func measure(ctx context.Context, o options, body []byte) (measured []result, err error) {
	var servers []*process
	for _, kind := range o.servers {
		p, err := start(ctx, kind)
		if err != nil {
			return nil, err
		}
		defer p.stop()
		servers = append(servers, p)
	}
	for _, connections := range o.connections {
		var loaded []*loading
		for i, p := range servers {
			l := load{address: p.address, body: body, connections: connections}
			on := &loading{process: p, clients: l.clients(), result: result{
				Server: o.servers[i], Size: len(body), Connections: connections}}
			defer on.clients.close()
			if err := on.clients.warmUp(ctx, o.duration/rounds); err != nil {
				return nil, fmt.Errorf("%s: %w", o.servers[i], err)
			}
			loaded = append(loaded, on)
		}
		for range rounds {
			for _, on := range loaded {
				if err := on.turn(ctx, o.duration/rounds); err != nil {
					return nil, fmt.Errorf("%s: %w", on.result.Server, err)
				}
			}
		}
		for _, on := range loaded {
			on.clients.close()
			measured = append(measured, on.sum())
		}
	}
	return measured, nil
}

// warmUp waits until the server listens, and loads it for a while.
func (all clients) warmUp(ctx context.Context, duration time.Duration) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := all.apply(ctx, duration)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		all.close()
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
