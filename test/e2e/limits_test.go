// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
	"github.com/hookstrap/hookstrap/test/sample"
)

const (
	// cutOff is when a slow caller has been cut off: after 31 or 32 seconds, and some for a busy machine.
	cutOff = 45 * time.Second
	// mostMemory is what the container may take up, in the manifests.
	mostMemory = 256 << 20
)

// TestHostileCallersOfTheBinary: whatever callers send, do not send or send slowly, the server answers others during that time,
// and its memory stays bounded.
func TestHostileCallersOfTheBinary(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	s := site.New(t, shared, site.Options{})
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server := startBinary(t, s, executable, "--health-probe-bind-address="+health)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	target := &hostileTarget{address: fmt.Sprintf("127.0.0.1:%d", s.Port), server: server}
	target.answers(t, "before")

	var slow sync.WaitGroup
	for name, caller := range slowCallers() {
		slow.Go(func() { target.cutsOff(t, name, caller) })
	}
	target.survivesIdle(t, 1000)
	for name, r := range hugeRequests(t) {
		target.refuses(t, name, r)
	}
	target.answers(t, "after huge requests")
	target.survivesCrowd(t, 32)
	target.answers(t, "after a crowd")
	slow.Wait()
	target.answers(t, "after slow callers")
}

// hostileTarget is the server that is tried.
type hostileTarget struct {
	address string
	server  *process.Server
}

// answers wants the server to answer a review in good time, and to have its memory bounded.
func (h *hostileTarget) answers(t *testing.T, when string) {
	t.Helper()
	review, err := sample.Review(8800)
	must(t, err)
	begin := time.Now()
	code, answer, err := h.post(t.Context(), review)
	if err != nil || code != http.StatusOK || !strings.Contains(answer, `"allowed":true`) {
		t.Errorf("%s: got %d %q, %v", when, code, answer, err)
	}
	memory := h.memory(t)
	t.Logf("%s: a review takes %s, the server %d MiB at most", when, time.Since(begin).Round(time.Millisecond), memory>>20)
	if memory > mostMemory {
		t.Errorf("%s: the server has taken %d MiB, more than %d", when, memory>>20, mostMemory>>20)
	}
}

func (h *hostileTarget) post(ctx context.Context, body []byte) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+h.address+"/validate?timeout=10s", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

// memory is the most that the process has taken up so far, in bytes.
func (h *hostileTarget) memory(t *testing.T) int64 {
	t.Helper()
	peak, err := h.server.PeakMemory()
	must(t, err)
	return peak
}

// survivesIdle opens connections on which nothing is sent after the handshake, from another address than others have.
func (h *hostileTarget) survivesIdle(t *testing.T, n int) {
	t.Helper()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(stranger)}},
		Config: &tls.Config{InsecureSkipVerify: true}}
	for range n {
		conn, err := dialer.DialContext(t.Context(), "tcp", h.address)
		must(t, err)
		defer conn.Close()
	}
	h.answers(t, fmt.Sprintf("with %d idle connections", n))
}

// slowCaller sends its head at once, and then its drop over and over, one a second.
type slowCaller struct {
	plain      bool // without TLS
	head, drop string
}

func slowCallers() map[string]slowCaller {
	post := "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 100000\r\n\r\n{"
	return map[string]slowCaller{
		"silent before the handshake": {plain: true},
		"slow handshake":              {plain: true, head: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", drop: "x"},
		"slow header":                 {head: "POST /validate HTTP/1.1\r\nHost: x\r\nX-Slow: ", drop: "x"},
		"slow body":                   {head: fmt.Sprintf(post, "/validate", "application/json"), drop: " "},
		"slow body of a wrong type":   {head: fmt.Sprintf(post, "/validate", "text/plain"), drop: " "},
		"slow body of another path":   {head: fmt.Sprintf(post, "/other", "application/json"), drop: " "},
	}
}

// cutsOff wants the server to end the connection of a slow caller. It may be called from any goroutine.
func (h *hostileTarget) cutsOff(t *testing.T, name string, caller slowCaller) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cutOff)
	defer cancel()
	var dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	if caller.plain {
		dialer = &net.Dialer{}
	}
	begin := time.Now()
	conn, err := dialer.DialContext(ctx, "tcp", h.address)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer conn.Close()
	go caller.drip(ctx, conn)
	_ = conn.SetReadDeadline(begin.Add(cutOff))
	answer, err := io.ReadAll(conn)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		t.Errorf("%s: not cut off after %s", name, cutOff)
		return
	}
	line, _, _ := strings.Cut(string(answer), "\r\n")
	t.Logf("%s: cut off after %s, with %q", name, time.Since(begin).Round(100*time.Millisecond), line)
}

func (c slowCaller) drip(ctx context.Context, conn net.Conn) {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	_, err := io.WriteString(conn, c.head)
	for err == nil && c.drop != "" {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			_, err = io.WriteString(conn, c.drop)
		}
	}
}

// hugeRequest is one that costs much and deserves little.
type hugeRequest struct {
	body    []byte
	code    int
	allowed bool
}

func hugeRequests(t *testing.T) map[string]hugeRequest {
	t.Helper()
	const head = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE",` +
		`"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},"object":`
	object := func(text string) []byte { return []byte(head + text + "}}") }
	uid := func(text string) []byte {
		return []byte(strings.Replace(strings.TrimSuffix(head, `,"object":`)+"}}", `"u"`, `"`+text+`"`, 1))
	}
	deep := func(open, shut string, levels int) string {
		return strings.Repeat(open, levels) + "1" + strings.Repeat(shut, levels)
	}
	fill := func(text string) string {
		return "[" + strings.Repeat(text+",", (7<<20-1000)/(len(text)+1)-1) + text + "]"
	}
	return map[string]hugeRequest{
		"8 MiB":                       {bytes.Repeat([]byte(" "), 8<<20), http.StatusRequestEntityTooLarge, false},
		"garbage":                     {[]byte("garbage"), http.StatusBadRequest, false},
		"7 MiB of brackets":           {bytes.Repeat([]byte("["), 7<<20), http.StatusBadRequest, false},
		"a review, 10,001 levels":     {object(deep("[", "]", 10_001)), 200, false},
		"a Pod, 9,900 levels":         {object(`{"spec":` + deep(`{"a":`, "}", 9_900) + "}"), 200, true},
		"7 MiB, lists of 9,000":       {object(fill(deep("[", "]", 9_000))), 200, false},
		"7 MiB, a Pod of containers":  {object(`{"spec":{"containers":` + fill(`{}`) + "}}"), 200, false},
		"7 MiB, a Pod without images": {object(`{"spec":{"containers":` + fill(`{"name":"a","image":"b"}`) + "}}"), 200, false},
		"7 MiB of groups": {
			[]byte(strings.TrimSuffix(head, `"object":`) + `"userInfo":{"groups":` + fill(`""`) + "}}}"), 200, false,
		},
		"7 MiB of a UID that is not UTF-8": {uid(strings.Repeat("\xff", 7<<20-1000)), 413, false},
		"4 MiB of a UID that is not UTF-8": {uid(strings.Repeat("\xff", 4<<20)), 400, false},
		"36 MiB, a Pod of characters that are escaped": {
			object(`{"spec":{"containers":[{"name":"` + strings.Repeat(`\u003c`, 6<<20) + `"}]}}`), 200, false,
		},
		"7 MiB, a Pod of labels": {object(`{"metadata":{"labels":{` + strings.Trim(fill(`"a":"b"`), "[]") + "}}}"), 200, false},
	}
}

// survivesCrowd sends updates all at once none of which is large, while what they become is. Each is answered in time.
func (h *hostileTarget) survivesCrowd(t *testing.T, n int) {
	t.Helper()
	object := `{"spec":{"containers":[` + strings.Repeat(`{},`, 9_999) + `{}]}}`
	body := []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"UPDATE",` +
		`"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},` +
		`"object":` + object + `,"oldObject":` + object + `}}`)
	var crowd sync.WaitGroup
	for range n {
		crowd.Go(func() {
			code, answer, err := h.post(t.Context(), body)
			if err != nil || code != http.StatusOK || strings.Contains(answer, "no answer in time") {
				t.Errorf("one of a crowd: got %d %.200q, %v", code, answer, err)
			}
		})
	}
	crowd.Wait()
}

// refuses wants an answer in good time, of the right sort, and not too long itself.
func (h *hostileTarget) refuses(t *testing.T, name string, r hugeRequest) {
	t.Helper()
	begin := time.Now()
	code, answer, err := h.post(t.Context(), r.body)
	if err != nil || code != r.code || !r.allowed && strings.Contains(answer, `"allowed":true`) {
		t.Errorf("%s: got %d %.200q, %v; want %d", name, code, answer, err, r.code)
	}
	memory := h.memory(t)
	t.Logf("%s: %d after %s, with %d MiB: %.120q", name, code, time.Since(begin).Round(time.Millisecond), memory>>20, answer)
	if len(answer) > 200_000 || memory > 2*mostMemory {
		t.Errorf("%s: an answer of %d bytes, and %d MiB", name, len(answer), memory>>20)
	}
}
