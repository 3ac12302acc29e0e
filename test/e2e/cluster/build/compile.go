// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// compile builds one binary under a temporary name and renames it once it is complete.
func (b *builder) compile(ctx context.Context, t target) error {
	temp := t.path + ".partial"
	defer func() { _ = os.Remove(temp) }()

	began := b.now()
	output := &progress{}
	cmd := goBuild(ctx, t, temp)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return b.failure(ctx, t, output, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if err := b.await(done, t, output, began); err != nil {
		return b.failure(ctx, t, output, err)
	}
	if err := os.Rename(temp, t.path); err != nil {
		return fmt.Errorf("putting %s into its place: %w", t.path, err)
	}
	b.report(t, began)
	return nil
}

func goBuild(ctx context.Context, t target, out string) *exec.Cmd {
	args := append([]string{"build", "-v", "-trimpath", "-ldflags", t.ldflags, "-o", out}, t.flags...)
	cmd := goCommand(ctx, t.module, append(args, t.pkg)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func goCommand(ctx context.Context, module string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	// A workspace or somebody's -mod=vendor must not change what is built.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	return cmd
}

// await waits for the end of a build, with a sign of life at every heartbeat.
func (b *builder) await(done <-chan error, t target, output *progress, began time.Time) error {
	tick := time.NewTicker(b.heartbeat)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if !t.quiet {
				b.printf("      %s: %s", b.now().Sub(began).Round(time.Second), output)
			}
		}
	}
}

func (b *builder) failure(ctx context.Context, t target, output *progress, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted while building %s: run it again, what was compiled is kept", t.pkg)
	}
	return fmt.Errorf("building %s in %s failed (%w):\n%s", t.pkg, t.module, err, output.tail())
}

func (b *builder) report(t target, began time.Time) {
	if t.quiet {
		return
	}
	size := int64(0)
	if info, err := os.Stat(t.path); err == nil {
		size = info.Size()
	}
	b.printf("      done: %d MB in %s", size>>20, b.now().Sub(began).Round(time.Second))
}
