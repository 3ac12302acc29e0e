// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
	"net/netip"
)

// listensAt notes where our own server listens, for readiness to shake hands with it.
func (b *Bootstrapper) listensAt(address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // Which such a listener takes as well, whatever the families of the pod are.
	}
	address = net.JoinHostPort(host, port)
	b.listens.Store(&address)
}

// selfAddress is where our own listener is, or the other container's; "" if that is not known.
func (b *Bootstrapper) selfAddress() string {
	if b.options.SelfAddress != "" || b.options.Sidecar {
		return b.options.SelfAddress
	}
	if address := b.listens.Load(); address != nil {
		return *address
	}
	return DefaultSelfAddress
}
