// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package run

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
	// LogExtension ends the names of the files.
	LogExtension = ".log"
	tailLines    = 20
)

// Logs holds one log file per component. It is safe for concurrent use.
type Logs struct {
	dir  string
	copy io.Writer // nil for none

	mu    sync.Mutex
	files map[assets.Component]*os.File
}

// NewLogs keeps logs in dir. Output, unless nil, receives a copy of all.
func NewLogs(dir string, output io.Writer) *Logs {
	l := &Logs{dir: dir, files: map[assets.Component]*os.File{}}
	if output != nil {
		l.copy = &lockedWriter{to: output}
	}
	return l
}

func (l *Logs) path(c assets.Component) string {
	return filepath.Join(l.dir, string(c)+LogExtension)
}

// Writer returns where a component's output goes. Without a copy that is the file itself: the component then writes to
// it without this process in between, and cannot be blocked by it.
func (l *Logs) Writer(c assets.Component) (io.Writer, error) {
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

// Close closes the files.
func (l *Logs) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	clear(l.files)
	return errors.Join(errs...)
}

// ComponentError is that of a component, with what the component itself said about it.
type ComponentError struct {
	Component assets.Component
	Err       error
	// Log is the file, Tail its last lines.
	Log  string
	Tail string
}

func (e *ComponentError) Error() string {
	return fmt.Sprintf("%s did not become ready: %v; its log %s ends with:\n%s", e.Component, e.Err, e.Log, e.Tail)
}

func (e *ComponentError) Unwrap() error { return e.Err }

// Failure wraps a component's error together with the end of its log.
func (l *Logs) Failure(c assets.Component, err error) error {
	return &ComponentError{Component: c, Err: err, Log: l.path(c), Tail: tail(l.path(c), tailLines)}
}

// PortTaken returns the failure of a component whose port another process has, or nil for any other error.
func PortTaken(err error) *ComponentError {
	var failed *ComponentError
	if errors.As(err, &failed) && strings.Contains(failed.Tail, "address already in use") {
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
