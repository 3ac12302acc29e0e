// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

const (
	logExtension = ".log"
	tailLines    = 20
)

// logs holds one log file per component.
type logs struct {
	dir  string
	copy io.Writer // nil when nobody wants one

	mu    sync.Mutex
	files map[assets.Component]*os.File
}

func newLogs(dir string, output io.Writer) *logs {
	l := &logs{dir: dir, files: map[assets.Component]*os.File{}}
	if output != nil {
		l.copy = &lockedWriter{to: output}
	}
	return l
}

func (l *logs) path(c assets.Component) string {
	return filepath.Join(l.dir, string(c)+logExtension)
}

// writer returns where a component's output goes. Without a copy that is the file itself: the component then writes to
// it without this process in between, and cannot be blocked by it.
func (l *logs) writer(c assets.Component) (io.Writer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.files[c]
	if f == nil {
		var err error
		if f, err = os.OpenFile(l.path(c), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return nil, fmt.Errorf("opening the log of %s: %w", c, err)
		}
		l.files[c] = f
	}
	if l.copy == nil {
		return f, nil
	}
	return io.MultiWriter(f, l.copy), nil
}

func (l *logs) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	clear(l.files)
	return errors.Join(errs...)
}

// componentError is a failure of a component, with what the component itself said about it.
type componentError struct {
	component assets.Component
	err       error
	log       string
	tail      string
}

func (e *componentError) Error() string {
	return fmt.Sprintf("%s did not become ready: %v; its log %s ends with:\n%s", e.component, e.err, e.log, e.tail)
}

func (e *componentError) Unwrap() error { return e.err }

// failure wraps a component's error together with the end of its log.
func (l *logs) failure(c assets.Component, err error) error {
	return &componentError{component: c, err: err, log: l.path(c), tail: tail(l.path(c), tailLines)}
}

// portTaken returns the failure of a component whose port another process has, or nil for any other error.
func portTaken(err error) *componentError {
	var failed *componentError
	if errors.As(err, &failed) && strings.Contains(failed.tail, "address already in use") {
		return failed
	}
	return nil
}

// tail returns the last n lines of a file, or why it cannot.
func tail(file string, n int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// lockedWriter keeps the writes of several components apart.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
