// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
)

const selfName = "web.shop.svc"

// selfSigned is a CA that serves as well.
func selfSigned(t *testing.T, name string) *serving.Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	leaf, err := x509.ParseCertificate(der)
	check(t, err)
	pair, err := serving.NewPair([]*x509.Certificate{leaf}, key, []*x509.Certificate{leaf})
	check(t, err)
	return pair
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// demanding is a Bootstrapper with client CAs in a file, and a listener at its SelfAddress with its TLS, of that
// version.
func demanding(t *testing.T, version uint16) *Bootstrapper {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	path := filepath.Join(t.TempDir(), "clients.crt")
	check(t, os.WriteFile(path, selfSigned(t, "clients").CertPEM(), 0o600))
	options := Options{
		RESTConfig:   &rest.Config{Host: "https://127.0.0.1:1"},
		Environment:  Environment{Service: "web", Namespace: "shop", ServiceAccount: "web"},
		SelfAddress:  l.Addr().String(),
		ClientCAFile: path, ExternalTrust: true,
		Registerer: prometheus.NewRegistry(),
	}
	options.TLS.MinVersion = version
	b, err := New(options)
	check(t, err)
	config := &tls.Config{MaxVersion: version}
	b.TLSOption(config)
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
			b.state.Set(selfSigned(t, selfName))
			check(t, b.handshake(t.Context()))
			if len(b.own.last) != 1 {
				t.Errorf("%d addresses remembered, want 1", len(b.own.last))
			}
		})
	}
}

// TestOwnHandshakeStillFails for every reason but the missing client certificate.
func TestOwnHandshakeStillFails(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*testing.T, *Bootstrapper)
		want    string
	}{
		"no certificate": {func(*testing.T, *Bootstrapper) {}, "no certificate to shake hands with yet"},
		"another name": {func(t *testing.T, b *Bootstrapper) {
			t.Helper()
			b.state.Set(selfSigned(t, "another.shop.svc"))
		}, "another.shop.svc"},
		"nobody listens": {func(t *testing.T, b *Bootstrapper) {
			t.Helper()
			b.state.Set(selfSigned(t, selfName))
			b.options.SelfAddress = "127.0.0.1:1"
		}, "127.0.0.1:1"},
		"somebody else listens": {func(t *testing.T, b *Bootstrapper) {
			t.Helper()
			other := demanding(t, tls.VersionTLS13)
			other.state.Set(selfSigned(t, selfName))
			b.state.Set(selfSigned(t, selfName))
			b.options.SelfAddress = other.options.SelfAddress
		}, "signed by"},
		"a listener that has nothing": {func(t *testing.T, b *Bootstrapper) {
			t.Helper()
			b.state.Set(selfSigned(t, selfName))
			b.options.SelfAddress = demanding(t, tls.VersionTLS13).options.SelfAddress
		}, "TLS handshake with our own listener"},
	} {
		t.Run(name, func(t *testing.T) {
			b := demanding(t, tls.VersionTLS13)
			tc.prepare(t, b)
			if err := b.handshake(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("handshake = %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestABadClientCAFileHidesNothing: it is counted and logged once, the last good CAs stay, and readiness goes on to say
// what is wrong with the certificate.
func TestABadClientCAFileHidesNothing(t *testing.T) {
	b := demanding(t, tls.VersionTLS13)
	before := b.state.ClientAuth()
	b.report.Failed("certificate", errors.New("the signer does not answer"))
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	ended := make(chan error, 1)
	go func() { ended <- b.followClientAuth(klog.NewContext(t.Context(), logger)) }()
	check(t, os.WriteFile(b.options.ClientCAFile, []byte("garbage"), 0o600))
	await(t, func() error {
		if n := reloadErrors(t, b, report.FilesClientCA); n != 1 {
			return fmt.Errorf("%g failures counted, want 1", n)
		}
		return nil
	})
	if b.state.ClientAuth() != before {
		t.Error("the last good client CAs are gone")
	}
	if err := b.certificateNow(); err == nil || err.Error() != "the signer does not answer" {
		t.Errorf("readiness says %v", err)
	}
	next := selfSigned(t, "next")
	check(t, os.WriteFile(b.options.ClientCAFile, next.CertPEM(), 0o600))
	await(t, func() error {
		if cas := b.state.ClientAuth().CAs(); !cas[0].Equal(next.Leaf()) {
			return fmt.Errorf("the client CA is still %s", cas[0].Subject)
		}
		return nil
	})
	said := func() string { return logger.GetSink().(ktesting.Underlier).GetBuffer().String() }
	await(t, func() error { // It is said after it is done.
		if text := said(); !strings.Contains(text, "The client CAs have changed") {
			return fmt.Errorf("nothing is said about the good file:\n%s", text)
		}
		return nil
	})
	if n := strings.Count(said(), "Keeping the last good client CAs"); n != 1 {
		t.Errorf("%d lines about the bad file, want 1:\n%s", n, said())
	}
}

func reloadErrors(t *testing.T, b *Bootstrapper, what string) float64 {
	t.Helper()
	families, err := b.options.Registerer.(*prometheus.Registry).Gather()
	check(t, err)
	var sum float64
	for _, family := range families {
		if family.GetName() != "hookstrap_reload_errors_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "what" && label.GetValue() == what {
					sum += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return sum
}

// await polls for as long as a slow machine takes.
func await(t *testing.T, cond func() error) {
	t.Helper()
	timeout, tick := time.After(30*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil {
			return
		}
		select {
		case <-timeout:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

func TestNewReadsTheClientCAs(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	check(t, os.WriteFile(empty, nil, 0o600))
	garbage := filepath.Join(t.TempDir(), "garbage")
	check(t, os.WriteFile(garbage, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o600))
	for _, file := range []string{empty, garbage} {
		_, err := New(Options{
			RESTConfig:   &rest.Config{Host: "https://127.0.0.1:1"},
			Environment:  Environment{Service: "web", Namespace: "shop", ServiceAccount: "web"},
			ClientCAFile: file, ExternalTrust: true,
		})
		if err == nil || !strings.Contains(err.Error(), "ClientCAFile") || !strings.Contains(err.Error(), file) {
			t.Errorf("New = %v, want an error that names ClientCAFile and %s", err, file)
		}
	}
}

func TestAddressesAreForgotten(t *testing.T) {
	var a addresses
	for i := range 2 * mostAddresses {
		a.add(fmt.Sprint(i))
	}
	for address, want := range map[string]bool{"0": false, fmt.Sprint(mostAddresses): true, "unknown": false} {
		if got := a.take(address); got != want {
			t.Errorf("take(%s) = %t, want %t", address, got, want)
		}
	}
	if a.take(fmt.Sprint(mostAddresses)) || len(a.last) != mostAddresses-1 {
		t.Error("an address is taken twice, or too many are kept")
	}
}
