// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hookstrap/hookstrap/test/ports"
)

// scrapeInterval is far shorter than anybody's: the run lasts minutes.
const scrapeInterval = 3 * time.Second

// target is what Prometheus scrapes, and the pod that it would be.
type target struct{ address, pod string }

// prometheus is a running server.
type prometheus struct {
	url  string
	stop func()
}

// startPrometheus runs the server on the data in dir, with nothing to scrape but the targets, and waits until it is
// ready.
func startPrometheus(ctx context.Context, dir string, targets ...target) (*prometheus, error) {
	binary := os.Getenv("PROMETHEUS")
	if binary == "" {
		return nil, errors.New("PROMETHEUS is not set: name the server's binary, or run `make dashboard`")
	}
	config := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(config, []byte(scrapeConfig(targets)), 0o600); err != nil {
		return nil, fmt.Errorf("configuring Prometheus: %w", err)
	}
	free, err := ports.Free(ctx, 1)
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", free[0])
	log, err := os.Create(filepath.Join(dir, "prometheus.log"))
	if err != nil {
		return nil, fmt.Errorf("opening Prometheus' log: %w", err)
	}
	// #nosec G702 -- who runs this says which Prometheus.
	cmd := exec.CommandContext(ctx, binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "tsdb"),
		"--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	ctx, cancel := context.WithCancel(ctx)
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	p := &prometheus{url: "http://" + address, stop: func() {
		_ = cmd.Cancel() // It fails if the server has ended already.
		_ = cmd.Wait()
		cancel()
		_ = log.Close()
	}}
	if err := p.awaitReady(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w; its log is %s", err, log.Name())
	}
	return p, nil
}

func scrapeConfig(targets []target) string {
	config := fmt.Sprintf("global: {scrape_interval: %s}\n", scrapeInterval)
	if len(targets) == 0 {
		return config
	}
	config += "scrape_configs:\n- job_name: hookstrap-system/hookstrap\n  static_configs:\n"
	for _, t := range targets {
		config += fmt.Sprintf("  - targets: [%q]\n    labels: {namespace: %s, pod: %s}\n", t.address, namespace, t.pod)
	}
	return config
}

func (p *prometheus) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		if p.ready(ctx) {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for Prometheus at %s: %w", p.url, ctx.Err())
		}
	}
}

func (p *prometheus) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/-/ready", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
