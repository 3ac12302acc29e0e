// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command dashboard draws the Grafana dashboard of manifests/monitoring with what two real servers say about
// themselves: `make dashboard`. They serve a real control plane, a real Prometheus scrapes them, and a few things go
// wrong. There is no Grafana in it. A page of its own reads dashboard.json, asks Prometheus for each panel what Grafana
// would ask, and draws the kinds of panel that the dashboard has; a headless Chromium takes the picture.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "dashboard: %v\n", err)
		os.Exit(1) //nolint:gocritic // What was started ends with this process.
	}
}

func run(ctx context.Context) (err error) {
	out := flag.String("o", "dashboard.png", "`file` for the picture")
	length := flag.Duration("for", 6*time.Minute, "how long the servers run")
	data := flag.String("data", "", "`directory` in which Prometheus keeps its data; what it holds already is drawn again")
	flag.Parse()
	if *data == "" {
		if *data, err = os.MkdirTemp("", "hookstrap-dashboard-"); err != nil {
			return fmt.Errorf("making a directory for Prometheus: %w", err)
		}
		defer os.RemoveAll(*data) //nolint:errcheck // A leftover below /tmp is no failure of the picture.
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	recorded := filepath.Join(*data, windowFile)
	if _, err := os.Stat(recorded); errors.Is(err, os.ErrNotExist) {
		if err := record(ctx, *data, *length); err != nil {
			return err
		}
	}
	prometheus, err := startPrometheus(ctx, *data)
	if err != nil {
		return err
	}
	defer prometheus.stop()
	return drawDashboard(ctx, prometheus, recorded, *out)
}

func say(format string, args ...any) {
	fmt.Printf("==> "+format+"\n", args...)
}
