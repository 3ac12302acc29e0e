// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo shows the main job on a real control plane of this machine: from nothing to the API server calling a
// webhook over TLS that the webhook bootstrapped by itself. `make demo` runs it; KEEP=1 leaves everything running.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		os.Exit(1) //nolint:gocritic // What was started ends with this process.
	}
}

// run is the story, one step a line.
func run(ctx context.Context) error {
	d, err := start(ctx)
	if err != nil {
		return err
	}
	defer d.end()
	for _, step := range []func(context.Context) error{
		d.install, d.serve, d.timeline, d.admissions, d.requests, d.renewal, d.healing, d.keep, d.shutdown,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
