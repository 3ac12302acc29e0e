// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"cmp"
	"context"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// DefaultAddress is where a [Server] listens by default.
	DefaultAddress = ":9443"
	// DefaultHealthAddress is where it has its probes by default.
	DefaultHealthAddress = ":8081"
	// DefaultMaxConnections is how many connections a [Server] has open at a time by default. With their handshakes and
	// headers they take less than 100 MiB of memory in the worst case.
	DefaultMaxConnections = 1000
	// DefaultShutdownDelay is how long a [Server] goes on serving by default after it was told to end.
	DefaultShutdownDelay = 10 * time.Second

	// Disabled turns an endpoint of [ServerOptions] off, as in controller-runtime.
	Disabled = "0"
)

// ServerOptions configures a [Server]. The zero value has defaults for everything.
type ServerOptions struct {
	// Address is the host:port to listen on; the default is [DefaultAddress].
	Address string
	// Listen makes the listener, if something else than Address is to be listened on. An error ends the server.
	Listen func(ctx context.Context) (net.Listener, error)
	// ListenerSocket is the Unix socket of a holder of the listener, `webhook listen` for instance: connections wait while
	// the server restarts. See package listener.
	ListenerSocket string
	// MaxConnections is how many connections are open at a time; the default is [DefaultMaxConnections]. One remote
	// address can have three quarters of them. When there are more, the one that has waited longest for its client is
	// closed.
	MaxConnections int
	// HealthAddress is the host:port of /healthz and /readyz; the default is [DefaultHealthAddress], and [Disabled] is
	// none.
	HealthAddress string
	// MetricsAddress is the host:port of /metrics. The default is none, since a manager has a server of metrics, whose
	// connections are not bounded.
	MetricsAddress string
	// MetricsSecure serves the metrics by TLS, with the certificate that admission has, and to clients whose bearer token
	// has the right to get /metrics alone: the API server is asked, which takes the rights to create TokenReviews and
	// SubjectAccessReviews. What it allows counts for a minute, and for ten if it does not answer. Before there is a
	// certificate, handshakes fail. ClientCAFile does not apply.
	MetricsSecure bool
	// Gatherer has the metrics for MetricsAddress; the default is Options.Registerer.
	Gatherer prometheus.Gatherer
	// ShutdownDelay is how long to go on serving after the end was asked for, so that the API server finds the other
	// replicas; the default is [DefaultShutdownDelay], and a negative one is none. Requests may take up to 30 s more. A
	// manager waits for both together: its GracefulShutdownTimeout, 30 s by default, and the Pod's
	// terminationGracePeriodSeconds should be longer than the delay and the slowest request.
	ShutdownDelay time.Duration
}

func (o ServerOptions) withDefaults(registerer prometheus.Registerer) ServerOptions {
	o.Address = cmp.Or(o.Address, DefaultAddress)
	o.MaxConnections = cmp.Or(o.MaxConnections, DefaultMaxConnections)
	o.HealthAddress = cmp.Or(o.HealthAddress, DefaultHealthAddress)
	o.ShutdownDelay = cmp.Or(o.ShutdownDelay, DefaultShutdownDelay)
	if gatherer, ok := registerer.(prometheus.Gatherer); ok && o.Gatherer == nil {
		o.Gatherer = gatherer
	}
	return o
}

// enabled is an address, and "" for [Disabled].
func enabled(address string) string {
	if address == Disabled {
		return ""
	}
	return address
}
