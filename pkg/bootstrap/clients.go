// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/tokenfile"
)

// The burst at start is about ten requests; client-go's default of 5 a second would make it wait for itself.
const (
	clientQPS   = 20
	clientBurst = 40
)

// Who reads metrics is asked for at this rate: Prometheus takes a token once a minute, and others who send tokens that
// are not known must not keep us, or the API server, from anything else.
const (
	reviewQPS   = 5
	reviewBurst = 10
)

// clients share one connection to the API server: the TLS handshake is the dearest part of a fast start.
type clients struct {
	kubernetes kubernetes.Interface
	dynamic    dynamic.Interface
}

// events is the client for the events of a namespace, nil where no API server is known.
func (c clients) events(namespace string) typedcorev1.EventInterface {
	if c.kubernetes == nil {
		return nil
	}
	return c.kubernetes.CoreV1().Events(namespace)
}

// newClients makes the clients of an API server, none for a nil configuration. They count their requests.
func newClients(cfg *rest.Config, requests *atomic.Int64, rights *refusal.Rights) (clients, error) {
	if cfg == nil {
		return clients{}, nil
	}
	cfg = rest.CopyConfig(cfg)
	if cfg.QPS == 0 {
		cfg.QPS, cfg.Burst = clientQPS, clientBurst
	}
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return promhttp.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			requests.Add(1)
			return next.RoundTrip(req)
		})
	})
	refusal.Watch(cfg, rights) // It looks at the token that was sent, so that it is below what sends it.
	tokenfile.Reread(cfg)
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

// reviewer is a client for questions about other people's tokens.
func (f *flow) reviewer() (kubernetes.Interface, error) {
	cfg := rest.CopyConfig(f.options.RESTConfig)
	cfg.QPS, cfg.Burst, cfg.RateLimiter = reviewQPS, reviewBurst, nil
	c, err := newClients(cfg, &f.requests, f.rights)
	return c.kubernetes, err
}
