// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/source"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/pairs"
)

const selfName = "web.shop.svc"

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tested is a Readiness whose state and whose address a test decides about.
type tested struct {
	*Readiness
	state   serving.State
	address string
}

func newTested(t *testing.T, o Options) *tested {
	t.Helper()
	b := &tested{}
	injector, err := trust.NewInjector(trust.InjectorOptions{})
	check(t, err)
	o.Report, err = report.New(report.Options{})
	check(t, err)
	o.ServerName, o.State, o.Injector, o.ExternalTrust = selfName, &b.state, injector, true
	o.Service = source.NewService(types.NamespacedName{Namespace: "shop", Name: "web"})
	o.Address = func() string { return b.address }
	b.Readiness = New(o)
	return b
}

// demanding is a Readiness with a listener that demands a client certificate, of that version of TLS.
func demanding(t *testing.T, version uint16) *tested {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	path := filepath.Join(t.TempDir(), "clients.crt")
	check(t, os.WriteFile(path, pairs.SelfSigned(t, "clients").CertPEM(), 0o600))
	b := newTested(t, Options{})
	b.address = l.Addr().String()
	check(t, source.ClientCAs{File: path, State: &b.state}.Load())
	config := &tls.Config{MaxVersion: version}
	b.state.TLSOption(serving.TLSOptions{MinVersion: version})(config)
	serve(t, l, config)
	return b
}

// serve shakes hands until the test ends.
func serve(t *testing.T, l net.Listener, config *tls.Config) {
	t.Helper()
	var connections sync.WaitGroup
	connections.Go(func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			connections.Go(func() {
				_ = tls.Server(conn, config).HandshakeContext(t.Context())
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); connections.Wait() })
}

// TestOwnHandshakeWithoutAClientCertificate: readiness sees what the server presents although it demands what we do not
// have, in both versions, and remembers where it called from.
func TestOwnHandshakeWithoutAClientCertificate(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			b := demanding(t, version)
			b.state.Set(pairs.SelfSigned(t, selfName))
			check(t, b.own.handshake(t.Context()))
			if b.own.addresses.Len() != 1 {
				t.Errorf("%d addresses remembered, want 1", b.own.addresses.Len())
			}
		})
	}
}

// TestOwnHandshakeStillFails for every reason but the missing client certificate.
func TestOwnHandshakeStillFails(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*testing.T, *tested)
		want    string
	}{
		"no certificate": {func(*testing.T, *tested) {}, "no certificate to shake hands with yet"},
		"another name": {func(t *testing.T, b *tested) {
			t.Helper()
			b.state.Set(pairs.SelfSigned(t, "another.shop.svc"))
		}, "another.shop.svc"},
		"nobody listens": {func(t *testing.T, b *tested) {
			t.Helper()
			b.state.Set(pairs.SelfSigned(t, selfName))
			b.address = "127.0.0.1:1"
		}, "127.0.0.1:1"},
		"somebody else listens": {func(t *testing.T, b *tested) {
			t.Helper()
			other := demanding(t, tls.VersionTLS13)
			other.state.Set(pairs.SelfSigned(t, selfName))
			b.state.Set(pairs.SelfSigned(t, selfName))
			b.address = other.address
		}, "signed by"},
		"a listener that has nothing": {func(t *testing.T, b *tested) {
			t.Helper()
			b.state.Set(pairs.SelfSigned(t, selfName))
			b.address = demanding(t, tls.VersionTLS13).address
		}, "TLS handshake with our own listener"},
	} {
		t.Run(name, func(t *testing.T) {
			b := demanding(t, tls.VersionTLS13)
			tc.prepare(t, b)
			if err := b.own.handshake(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("handshake = %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestOwnHandshakeEnds: a listener that accepts and never says a word does not keep readiness waiting.
func TestOwnHandshakeEnds(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = l.Close() }) // The kernel accepts; there is no one to answer.
	b := newTested(t, Options{})
	b.address = l.Addr().String()
	b.state.Set(pairs.SelfSigned(t, selfName))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.own.handshake(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), b.address) {
		t.Errorf("handshake = %v, want that the time for %s was up", err, b.address)
	}
	check(t, ctx.Err()) // The handshake has a time of its own.
}

func TestAddressesAreForgotten(t *testing.T) {
	a := newHandshakes(Options{}).addresses
	for i := range 2 * mostAddresses {
		a.Add(fmt.Sprint(i), nil)
	}
	for address, want := range map[string]bool{"0": false, fmt.Sprint(mostAddresses): true, "unknown": false} {
		if got := a.take(address); got != want {
			t.Errorf("take(%s) = %t, want %t", address, got, want)
		}
	}
	if a.take(fmt.Sprint(mostAddresses)) || a.Len() != mostAddresses-1 {
		t.Error("an address is taken twice, or too many are kept")
	}
}
