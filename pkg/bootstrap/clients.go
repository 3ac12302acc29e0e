// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/pkg/internal/refusal"
	"github.com/hookstrap/hookstrap/pkg/internal/tokenfile"
)

// The burst at start is about ten requests; client-go's default of 5 a second would make it wait for itself.
const (
	clientQPS   = 20
	clientBurst = 40
)

// clients share one connection to the API server: the TLS handshake is the dearest part of a fast start.
type clients struct {
	kubernetes kubernetes.Interface
	dynamic    dynamic.Interface
}

func newClients(cfg *rest.Config, requests *requestCounter, rights *refusal.Rights) (clients, error) {
	cfg = rest.CopyConfig(cfg)
	if cfg.QPS == 0 {
		cfg.QPS, cfg.Burst = clientQPS, clientBurst
	}
	tokenfile.Reread(cfg)
	requests.wrap(cfg)
	refusal.Watch(cfg, rights)
	transport, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return clients{}, fmt.Errorf("making the client for the API server %s: %w", cfg.Host, err)
	}
	typed, err := kubernetes.NewForConfigAndClient(cfg, transport)
	if err != nil {
		return clients{}, fmt.Errorf("making the client for the API server %s: %w", cfg.Host, err)
	}
	untyped, err := dynamic.NewForConfigAndClient(cfg, transport)
	if err != nil {
		return clients{}, fmt.Errorf("making the dynamic client for the API server %s: %w", cfg.Host, err)
	}
	return clients{kubernetes: typed, dynamic: untyped}, nil
}
