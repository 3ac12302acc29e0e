// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// Replicas starts n servers behind the site's Service: connections of the API server go to one after the other. Their
// options are those of the site, each with a pod name and an address of its own, and what change makes of them.
func (s *Site) Replicas(t testing.TB, n int, change ...func(*bootstrap.Options)) []*Server {
	t.Helper()
	servers := make([]*Server, 0, n)
	addresses := make([]string, 0, n)
	for i := range n {
		options := s.BootstrapOptions(t)
		options.PodName = fmt.Sprintf("%s-%d", Service, i)
		options.SelfAddress = net.JoinHostPort("127.0.0.1", strconv.Itoa(clustertest.FreePort(t)))
		for _, alter := range change {
			alter(&options)
		}
		servers, addresses = append(servers, s.Start(t, options)), append(addresses, options.SelfAddress)
	}
	for _, server := range servers {
		server.AwaitReady(t)
	}
	s.balance(t, addresses)
	return servers
}

// balance listens where the Service leads and passes connections on, as kube-proxy does.
func (s *Site) balance(t testing.TB, addresses []string) {
	t.Helper()
	must(t, Balance(t.Context(), net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), addresses))
}

// Balance listens on address until ctx ends, and passes connections on to one backend after the other.
func Balance(ctx context.Context, address string, backends []string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("balancing connections: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	var turn atomic.Uint64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // Closed: there are no more connections.
			}
			go forward(ctx, conn, backends[turn.Add(1)%uint64(len(backends))])
		}
	}()
	return nil
}

// forward copies both ways until either side ends. What goes wrong is the API server's to notice.
func forward(ctx context.Context, conn net.Conn, address string) {
	defer conn.Close() //nolint:errcheck // Both ends are gone by then.
	backend, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer backend.Close() //nolint:errcheck // As above.
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{conn, backend}, {backend, conn}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
}
