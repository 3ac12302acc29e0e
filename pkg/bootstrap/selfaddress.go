// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
	"net/netip"
)

// listensAt notes where our own server listens, for readiness to shake hands with it.
func (f *flow) listensAt(address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // Which such a listener takes as well, whatever the families of the pod are.
	}
	address = net.JoinHostPort(host, port)
	f.listens.Store(&address)
}

// selfAddress is where our own listener is, or the other container's; "" if that is not known.
func (f *flow) selfAddress() string {
	if f.options.SelfAddress != "" || f.options.Sidecar {
		return f.options.SelfAddress
	}
	if address := f.listens.Load(); address != nil {
		return *address
	}
	return DefaultSelfAddress
}
