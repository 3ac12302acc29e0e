// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"context"
	"fmt"
	"net"
	"os"
)

// socket is a listening TCP socket. It is a bare descriptor because Go would watch a [net.Listener] for connections,
// and a holder that never accepts one would wake up for each.
type socket struct{ fd int }

// none is no socket.
func none() socket { return socket{fd: -1} }

func (s socket) closeUnlessNone() {
	if s != none() {
		s.close()
	}
}

// bind opens address, a "host:port".
func bind(ctx context.Context, address string) (socket, error) {
	listener, err := bindListener(ctx, address)
	if err != nil {
		return socket{}, err
	}
	defer listener.Close() //nolint:errcheck // The copy stays open.
	return copyOf(listener)
}

func bindListener(ctx context.Context, address string) (*net.TCPListener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w: free the port or choose another address", address, err)
	}
	return listener.(*net.TCPListener), nil
}

// listener turns a socket that was checked into something that accepts. The socket is used up, whatever comes of it.
func (s socket) listener() (*net.TCPListener, error) {
	file := os.NewFile(uintptr(s.fd), "listener") // #nosec G115 -- A descriptor is not negative.
	defer file.Close()                            //nolint:errcheck // The listener has a copy.
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("using the listener that was passed: %w", err)
	}
	return listener.(*net.TCPListener), nil
}

// check returns an error unless the socket listens on the port of address. Port 0 stands for any.
func (s socket) check(address string) error {
	got, err := s.listensOn()
	if err != nil {
		return err
	}
	want, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return fmt.Errorf("the address to listen on: %w", err)
	}
	if want.Port != 0 && want.Port != got {
		return fmt.Errorf("the socket that was passed listens on port %d instead of %d: "+
			"give server and holder the same address", got, want.Port)
	}
	return nil
}
