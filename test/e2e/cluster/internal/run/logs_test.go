// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

func TestTail(t *testing.T) {
	tests := map[string]struct{ content, want string }{
		"shorter":  {content: "a\nb\n", want: "a\nb"},
		"longer":   {content: "a\nb\nc\nd\n", want: "b\nc\nd"},
		"no break": {content: "a\nb\nc\nd", want: "b\nc\nd"},
		"empty":    {},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := tail(file, 3); got != tt.want {
				t.Errorf("tail is %q, want %q", got, tt.want)
			}
		})
	}
	if got := tail("/no/such/log", 3); !strings.Contains(got, "no such file") {
		t.Errorf("tail of a missing file is %q, want the reason", got)
	}
}

func TestPortTaken(t *testing.T) {
	inUse := &ComponentError{Err: errors.New("ended"), Tail: "listen tcp 127.0.0.1:1: bind: address already in use"}
	tests := map[string]struct {
		err  error
		want *ComponentError
	}{
		"none":           {},
		"other error":    {err: errors.New("address already in use, says somebody else")},
		"other failure":  {err: &ComponentError{Err: errors.New("ended"), Tail: "unknown flag"}},
		"port":           {err: inUse, want: inUse},
		"port, wrapped":  {err: fmt.Errorf("starting: %w", inUse), want: inUse},
		"port, and more": {err: errors.Join(errors.New("x"), inUse), want: inUse},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := PortTaken(tt.err); got != tt.want {
				t.Errorf("PortTaken(%v) = %v, want %v", tt.err, got, tt.want)
			}
		})
	}
}

func TestLogsKeepAFileAndACopy(t *testing.T) {
	var copied bytes.Buffer
	l := NewLogs(t.TempDir(), &copied)
	for _, c := range []assets.Component{assets.Etcd, assets.APIServer, assets.Etcd} {
		w, err := l.Writer(c)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(w, "from %s\n", c)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := tail(l.path(assets.Etcd), 9), "from etcd\nfrom etcd"; got != want {
		t.Errorf("etcd's log is %q, want %q", got, want)
	}
	if got, want := copied.String(), "from etcd\nfrom kube-apiserver\nfrom etcd\n"; got != want {
		t.Errorf("the copy is %q, want %q", got, want)
	}
}
