// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"
)

// recorded is a logger, and what it has logged so far.
func recorded(t *testing.T) (klog.Logger, func() string) {
	t.Helper()
	logger := ktesting.NewLogger(t, ktesting.NewConfig(ktesting.BufferLogs(true)))
	sink, ok := logger.GetSink().(ktesting.Underlier)
	if !ok {
		t.Fatal("the logger keeps nothing")
	}
	return logger, sink.GetBuffer().String
}

// serveHTTP runs net/http's server, as controller-runtime does, with an ErrorLog of its own, until the test ends.
func serveHTTP(t *testing.T, state *State, logger klog.Logger, own func(string) bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &http.Server{
		TLSConfig:   configOf(state.TLSOption(TLSOptions{MinVersion: tls.VersionTLS12})),
		BaseContext: func(net.Listener) context.Context { return klog.NewContext(context.Background(), logger) },
		ErrorLog:    log.New(NewErrorLog(logger, own), "", 0), //nolint:forbidigo // It ends in klog.
		Handler:     http.NotFoundHandler(),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended: %v", err)
		}
	})
	return l.Addr().String()
}

// get makes one request and is an error when the handshake fails, on whichever side.
func get(t *testing.T, address string, c *tls.Config) error {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport, Timeout: patiently}).Get("https://" + address + "/")
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// eventually waits for the condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patiently)
	for !cond() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal(what)
		}
	}
}

// TestARefusedClientIsLoggedOnce: one line says who was refused and why, however often the client tries, and net/http
// adds none.
func TestARefusedClientIsLoggedOnce(t *testing.T) {
	root, ca, other := newRoot(t, "root"), newRoot(t, "clients"), newRoot(t, "others")
	for name, tc := range map[string]struct {
		certificates []tls.Certificate
		want         []string
	}{
		"of another CA": {[]tls.Certificate{other.caller(t, "intruder", func(c *x509.Certificate) {
			c.DNSNames = []string{"intruder.example"}
		})}, []string{`subject="CN=intruder"`, `issuer="CN=others"`, `["intruder.example"]`, "no client CA verifies it"}},
		"of another name": {[]tls.Certificate{ca.caller(t, "stranger", nil)},
			[]string{`subject="CN=stranger"`, `issuer="CN=clients"`, `[\"api-server\"]`, "letter by letter"}},
		"none": {nil, []string{"didn't provide a certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			logger, logged := recorded(t)
			state := &State{}
			state.Set(newPair(t, root))
			state.SetClientAuth(admitting(t, []string{"api-server"}, ca))
			address := serveHTTP(t, state, logger, nil)
			for range 5 {
				if err := get(t, address, presenting(root, tc.certificates...)); err == nil {
					t.Fatal("the client gets in")
				}
			}
			eventually(t, "nothing is logged", func() bool { return strings.Contains(logged(), "Refused a client") })
			must(t, get(t, address, presenting(root, ca.caller(t, "api-server", nil))))
			text := logged()
			if lines := strings.Count(text, "\n"); lines != 1 {
				t.Errorf("%d lines, want 1:\n%s", lines, text)
			}
			for _, want := range append(tc.want, `client="127.0.0.1:`) {
				if !strings.Contains(text, want) {
					t.Errorf("the log does not say %s:\n%s", want, text)
				}
			}
		})
	}
}

func TestOwnHandshakesAreNotLogged(t *testing.T) {
	root := newRoot(t, "root")
	logger, logged := recorded(t)
	state := &State{}
	state.Set(newPair(t, root))
	state.SetClientAuth(admitting(t, nil, newRoot(t, "clients")))
	asked := make(chan string, 1)
	address := serveHTTP(t, state, logger, func(client string) bool {
		asked <- client
		return true
	})
	if err := get(t, address, presenting(root)); err == nil {
		t.Fatal("a client without a certificate gets in")
	}
	if client := <-asked; !strings.HasPrefix(client, "127.0.0.1:") {
		t.Errorf("asked about %q, want the client's address", client)
	}
	// What follows the question is over only when Write returns.
	_, err := NewErrorLog(logger, func(client string) bool { return client == "10.0.0.1:1" }).
		Write([]byte("http: TLS handshake error from 10.0.0.1:1: EOF\n"))
	must(t, err)
	if text := logged(); text != "" {
		t.Errorf("the log says:\n%s", text)
	}
}

// told passes on what is written, and says what it was once that was read.
type told struct {
	log  *ErrorLog
	text chan string
}

func (w told) Write(p []byte) (int, error) {
	n, err := w.log.Write(p)
	w.text <- string(p)
	return n, err
}

// Who was in the middle of a handshake when the server ended is no one's fault. These are net/http's own words for it.
func TestErrorLogIsQuietAtTheEnd(t *testing.T) {
	logger, logged := recorded(t)
	writer := told{log: NewErrorLog(logger, nil), text: make(chan string, 1)}
	ctx, end := context.WithCancel(t.Context())
	state := &State{}
	state.Set(newPair(t, newRoot(t, "root")))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &http.Server{
		TLSConfig:   configOf(state.TLSOption(TLSOptions{MinVersion: tls.VersionTLS12})),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(writer, "", 0), //nolint:forbidigo // It ends in klog.
	}
	go func() { _ = server.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	client, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer client.Close()
	end()
	if text := <-writer.text; !strings.HasSuffix(text, ": context canceled\n") || logged() != "" {
		t.Errorf("of %q the log says:\n%s", text, logged())
	}
}

func TestErrorLogKeepsWhatElseIsSaid(t *testing.T) {
	const handshake = "http: TLS handshake error from "
	for text, want := range map[string]string{
		handshake + "[fd00::1]:4711: EOF\n":                       `client="[fd00::1]:4711" reason="EOF"`,
		"2026/01/31 12:00:00 " + handshake + "10.0.0.1:1: a: b\n": `client="10.0.0.1:1" reason="a: b"`,
		handshake + "10.0.0.1:1":                                  `client="10.0.0.1:1"`,
		"http: panic serving 10.0.0.1:1: oh\ngoroutine 1\n":       `goroutine 1`,
	} {
		logger, logged := recorded(t)
		if n, err := NewErrorLog(logger, nil).Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write = %d, %v, want %d", n, err, len(text))
		}
		if !strings.Contains(logged(), want) {
			t.Errorf("%q becomes\n%swithout %s", text, logged(), want)
		}
	}
}

func TestLongNamesAreClipped(t *testing.T) {
	root, ca := newRoot(t, "root"), newRoot(t, "clients")
	logger, logged := recorded(t)
	state := &State{}
	state.Set(newPair(t, root))
	state.SetClientAuth(admitting(t, nil, ca))
	address := serveHTTP(t, state, logger, nil)
	long := newRoot(t, "others").caller(t, strings.Repeat("é", 5000), func(c *x509.Certificate) {
		for range 100 {
			c.DNSNames = append(c.DNSNames, strings.Repeat("a", 500))
		}
	})
	if err := get(t, address, presenting(root, long)); err == nil {
		t.Fatal("the client gets in")
	}
	eventually(t, "nothing is logged", func() bool { return strings.Contains(logged(), "Refused a client") })
	if n := len(logged()); n > 5000 {
		t.Errorf("the line has %d bytes", n)
	}
}
