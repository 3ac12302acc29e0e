// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
	"github.com/hookstrap/hookstrap/test/sample"
)

// stranger is where the connections of these tests come from that want no answer.
const stranger = "127.0.0.2"

// TestConnectionsCostLittle: somebody without credentials opens connections of every kind, on every port. Others are
// answered on the connection that they have and on new ones, and the memory stays within the limit of the manifests.
func TestConnectionsCostLittle(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	s := site.New(t, shared, site.Options{})
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	metrics := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server := startBinary(t, s, executable, "--health-probe-bind-address="+health, "--metrics-bind-address="+metrics)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	target := &hostileTarget{address: fmt.Sprintf("127.0.0.1:%d", s.Port), server: server}
	kept := newKeptConnection(t, target.address)
	kept.ask(t, "before", false)

	long := "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 1<<20)
	for _, crowd := range []struct {
		name, address string
		n             int
		tls           bool
		says          string
	}{
		{"endless headers", target.address, 300, true, long},
		{"idle before the handshake", target.address, 5000, false, ""},
		{"unfinished handshakes", target.address, 1000, false, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		{"idle after the handshake", target.address, 5000, true, ""},
		{"endless headers for probes", health, 300, false, long},
		{"endless headers for metrics", metrics, 300, false, long},
		{"idle at probes", health, 1000, false, ""},
	} {
		open := openCrowd(t, crowd.address, crowd.n, crowd.tls, crowd.says)
		kept.ask(t, crowd.name, true)
		target.answers(t, crowd.name)
		must(t, readyz(t.Context(), health))
		if status, body, err := fetch(t.Context(), "http://"+metrics+"/metrics"); err != nil || status != http.StatusOK ||
			!strings.Contains(body, `hookstrap_connections{server="admission"}`) {
			t.Errorf("%s: metrics: %d, %v", crowd.name, status, err)
		}
		for _, conn := range open {
			_ = conn.Close()
		}
	}
	if !strings.Contains(server.Log(), "Closed a connection") {
		t.Error("the log says nothing of connections that were closed")
	}
}

// openCrowd opens n connections of the stranger, says something on each, and leaves them open.
func openCrowd(t *testing.T, address string, n int, overTLS bool, says string) (open []net.Conn) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(stranger)}, Timeout: 10 * time.Second}
	var mu sync.Mutex
	var crowd sync.WaitGroup
	next := make(chan struct{})
	for range 16 {
		crowd.Go(func() {
			for range next {
				conn, err := dialer.DialContext(t.Context(), "tcp", address)
				if err != nil {
					t.Errorf("connecting: %v", err)
					continue
				}
				mu.Lock()
				open = append(open, conn)
				mu.Unlock()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				if overTLS {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				}
				// The server may close it at any time: it is for the server to say what becomes of it.
				_, _ = io.WriteString(conn, says)
				if handshake, ok := conn.(*tls.Conn); ok {
					_ = handshake.HandshakeContext(t.Context())
				}
			}
		})
	}
	for range n {
		next <- struct{}{}
	}
	close(next)
	crowd.Wait()
	return open
}

// keptConnection is one that stays open between reviews, as the API server's.
type keptConnection struct {
	client  *http.Client
	address string
}

func newKeptConnection(t *testing.T, address string) *keptConnection {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	return &keptConnection{client: &http.Client{Transport: transport, Timeout: 30 * time.Second}, address: address}
}

// ask wants an answer, on the same connection as before or not.
func (k *keptConnection) ask(t *testing.T, when string, same bool) {
	t.Helper()
	review, err := sample.Review(8800)
	must(t, err)
	var reused bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+k.address+"/validate?timeout=10s",
		bytes.NewReader(review))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	response, err := k.client.Do(r)
	if err != nil {
		t.Errorf("%s: %v", when, err)
		return
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(answer), `"allowed":true`) || reused != same {
		t.Errorf("%s: %s %.200q, %v; on the connection of before: %t, want %t", when, response.Status, answer, err, reused,
			same)
	}
}
