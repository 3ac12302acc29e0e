// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "build: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	node := flags.Bool("node", false, "also build the components of a node")
	demo := flags.String("demo", "", "build the demo into this directory, and of the components only what it needs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	layout, err := assets.Locate()
	if err != nil {
		return err
	}
	b := builder{layout: layout, wanted: assets.Components(), out: out, now: time.Now, heartbeat: 15 * time.Second}
	if *node {
		b.wanted = append(b.wanted, assets.NodeComponents()...)
	}
	if *demo == "" {
		return b.build(ctx)
	}
	b.wanted = assets.DemoComponents()
	if err := b.build(ctx); err != nil {
		return err
	}
	return b.demo(ctx, *demo)
}

// builder builds what a layout lacks of what is wanted.
type builder struct {
	layout    assets.Layout
	wanted    []assets.Component
	out       io.Writer
	now       func() time.Time
	heartbeat time.Duration
}

func (b *builder) build(ctx context.Context) error {
	for _, dir := range []string{b.layout.Dir, b.layout.Pinned, filepath.Dir(b.layout.Supervise)} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("making a place for the binaries: %w", err)
		}
	}
	unlock, err := lock(filepath.Join(b.layout.Dir, ".lock"), func() {
		b.printf("another build is at work in %s; waiting for it", b.layout.Dir)
	})
	if err != nil {
		return err
	}
	defer unlock()
	return b.all(ctx)
}

// all builds everything that is not there. It asks only now, under the lock: the process that had it may have built it.
func (b *builder) all(ctx context.Context) error {
	if err := b.compile(ctx, b.supervise()); err != nil {
		return err
	}
	absent := b.layout.Absent(b.wanted)
	if err := b.makeModule(ctx, absent); err != nil {
		return err
	}
	for i, c := range absent {
		b.printf("[%d/%d] building %s (%s) ...", i+1, len(absent), c, typical(c))
		if err := b.compile(ctx, b.component(c)); err != nil {
			return err
		}
	}
	if e := b.layout.Existing; e.Dir != "" {
		b.printf("the test control plane is complete: Kubernetes %s; what is in %s is used (%s)", e.Kubernetes, e.Dir, e.From)
		return nil
	}
	v := b.layout.Versions
	b.printf("the test control plane is complete: Kubernetes %s and etcd %s in %s",
		v.Kubernetes, v.Etcd, b.layout.Dir)
	return nil
}

// demo compiles the demo and the server that it runs, with signs of life: from cold caches they take minutes.
func (b *builder) demo(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("making a place for the demo: %w", err)
	}
	for _, t := range b.demoTargets(dir) {
		b.printf("building %s (up to 2 minutes the first time, then a second) ...", filepath.Base(t.path))
		if err := b.compile(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.out, format+"\n", args...)
}
