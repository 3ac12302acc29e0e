// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// server is what the flags say about the ports and the end of the server.
func (o *serveOptions) server() bootstrap.ServerOptions {
	return bootstrap.ServerOptions{
		Address: o.admissionAddress(), ListenerSocket: o.listenerSocket,
		HealthAddress: cmp.Or(o.healthAddress, bootstrap.Disabled), MetricsAddress: o.metricAddress,
		MetricsSecure: o.bootstrap.Server.MetricsSecure,
		ShutdownDelay: cmp.Or(o.shutdownDelay, -1), // Or the default would be meant.
	}
}

// namingFlags adds the flags that say where to listen to an error about that.
func namingFlags(err error) error {
	if errors.As(err, new(*net.OpError)) {
		return fmt.Errorf("--bind-address, --secure-port, --health-probe-bind-address or --metrics-bind-address: %w", err)
	}
	return err
}

// listenOptions are where admission is served, which serve and listen have to agree upon.
type listenOptions struct {
	bindAddress    string
	securePort     int
	listenerSocket string
}

func newListenOptions() listenOptions {
	return listenOptions{bindAddress: "0.0.0.0", securePort: 9443}
}

func (o *listenOptions) admissionAddress() string {
	return net.JoinHostPort(o.bindAddress, strconv.Itoa(o.securePort))
}
