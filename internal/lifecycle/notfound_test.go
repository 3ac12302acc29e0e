// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
)

// ask sends one request in these very bytes and returns the status.
func ask(t *testing.T, conn net.Conn, line string) int {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// TestUnknownPathsAreLogged: a path that nothing is served at is a mistake in somebody's configuration. It is said
// once; a client that makes up paths writes neither many lines nor a line of its own.
func TestUnknownPathsAreLogged(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/known", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/own/", lifecycle.NotFoundHandler())
	server, log, end := small(t, mux)
	for _, tt := range []struct {
		line   string
		status int
	}{
		{"GET /known", 200},
		{"POST /mutate?timeout=5s", 404},
		{"POST /mutate?timeout=5s", 404},
		{"GET /own/path", 404},
		{"GET /a%0aI1128%20forged%1b[2J", 404},
		{"GET /" + strings.Repeat("long", 1000), 404},
		{strings.Repeat("M", 5000) + " /method", 404},
	} {
		if status := ask(t, dial(t, server), tt.line); status != tt.status {
			t.Errorf("%.40s is answered with %d, want %d", tt.line, status, tt.status)
		}
	}
	for i := range 100 {
		ask(t, dial(t, server), fmt.Sprintf("GET /random/%d", i))
	}
	end()
	text := log.String()
	const said = "Nothing is served at this path"
	for path, want := range map[string]int{`"/mutate"`: 1, `"/own/path"`: 1, `/a%0aI1128%20forged%1b`: 1, `"/known"`: 0} {
		if got := strings.Count(text, "path="+strings.Replace(path, `/a`, `"/a`, 1)); got != want {
			t.Errorf("%d lines about %s, want %d", got, path, want)
		}
	}
	// Ten for the mux, and those of the other handler.
	if got := strings.Count(text, said); got != 11 {
		t.Errorf("%d lines about unknown paths, want 11", got)
	}
	for line := range strings.Lines(text) {
		if len(line) > 500 || strings.HasPrefix(line, "I1128 forged") {
			t.Errorf("a client has written the line %q", line)
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%s", text)
	}
}
