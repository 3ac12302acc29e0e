// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo shows the main job on a real control plane of this machine: from nothing to the API server calling a
// webhook over TLS that the webhook bootstrapped by itself. `make demo` compiles the server and runs this with the
// paths of the server and of the repository; KEEP=1 leaves everything running.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", err)
		os.Exit(1) //nolint:gocritic // What was started ends with this process.
	}
}

// run is the story, one step a line.
func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("give the paths of the server's binary and of the repository, as `make demo` does")
	}
	d, err := start(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	defer d.end()
	for _, step := range []func(context.Context) error{
		d.install, d.serve, d.timeline, d.comesIntoForce, d.admissions, d.requests, d.renewal, d.healing, d.keep, d.shutdown,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
