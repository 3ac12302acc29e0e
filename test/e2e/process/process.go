// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Options say how to run the server.
type Options struct {
	// Binary is the webhook's executable.
	Binary string
	// Command is the subcommand; the default is "serve".
	Command string
	// Args come behind "serve --logging-format=json".
	Args []string
	// Env are NAME=VALUE settings on top of this process's own environment.
	Env []string
	// Log gets a copy of every line; nil keeps them for [Server.Log] only.
	Log io.Writer
	// MemoryLimit is how many bytes of memory the server may take before the kernel ends it, as in a container; 0 sets
	// none. It needs root on Linux: without, [Server.PeakMemory] still tells how much it took.
	MemoryLimit int64
}

// Server is a running `webhook serve`.
type Server struct {
	cmd    *exec.Cmd
	log    *log
	group  memoryGroup
	exited chan struct{}
	err    error
}

// Build compiles the server into dir with the flags of a release and returns its path.
func Build(ctx context.Context, root, dir string) (string, error) {
	binary := filepath.Join(dir, "webhook")
	cmd := exec.CommandContext(ctx, "go", "build", "-modfile=release.mod", "-trimpath",
		"-ldflags=-s -w", "-o", binary, "./cmd/webhook")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building ./cmd/webhook: %w: %s", err, out)
	}
	return binary, nil
}

// Start runs the server. It ends with [Server.Stop], with ctx, or, on Linux, with this process.
func Start(ctx context.Context, options Options) (*Server, error) {
	var group memoryGroup
	if options.MemoryLimit > 0 {
		var err error
		if group, err = newMemoryGroup(options.MemoryLimit); err != nil {
			return nil, err
		}
	}
	command := group.enter(append([]string{options.Binary, cmp.Or(options.Command, "serve"), "--logging-format=json"},
		options.Args...))
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) // #nosec G204 -- the test's own binary
	cmd.Env = append(os.Environ(), options.Env...)
	cmd.SysProcAttr = attributes()
	s := &Server{cmd: cmd, group: group, log: newLog(options.Log), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = s.log, s.log // JSON goes to stdout, what precedes the logger's setup to stderr.
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", options.Binary, err), group.remove())
	}
	go func() {
		s.err = errors.Join(cmd.Wait(), group.remove())
		close(s.exited)
	}()
	return s, nil
}

// AwaitPhase blocks until the server has logged the phase for the nth time (1 is the first).
func (s *Server) AwaitPhase(ctx context.Context, name string, nth int) (Phase, error) {
	for {
		changed := s.log.changed()
		if phases := s.Phases(name); len(phases) >= nth {
			return phases[nth-1], nil
		}
		select {
		case <-changed:
		case <-s.exited:
			return Phase{}, fmt.Errorf("webhook serve ended before phase %q: %w\n%s", name, s.Wait(), s.Log())
		case <-ctx.Done():
			return Phase{}, fmt.Errorf("waiting for phase %q of webhook serve: %w\n%s", name, ctx.Err(), s.Log())
		}
	}
}

// Phases are the phases of that name so far, in order; "" means all.
func (s *Server) Phases(name string) []Phase { return s.log.phases(name) }

// Log is everything the server has logged so far.
func (s *Server) Log() string { return s.log.String() }

// PID is the process's number.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// PeakMemory is the most memory that the running server has taken so far, in bytes: what its control group was charged
// with if there is one, or else its resident memory. After the server has ended it is an error.
func (s *Server) PeakMemory() (int64, error) {
	if s.group.dir != "" {
		return s.group.peak()
	}
	return highWater(s.PID())
}

// Signal sends sig: SIGTERM drains, SIGHUP renews.
func (s *Server) Signal(sig syscall.Signal) error { return s.cmd.Process.Signal(sig) }

// Exited is closed when the process has ended.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Wait blocks until the process has ended, and returns nil for exit code 0.
func (s *Server) Wait() error {
	<-s.exited
	return s.err
}

// Stop ends the server in order, with SIGTERM, and returns nil if it left with exit code 0.
func (s *Server) Stop() error {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping webhook serve: %w", err)
	}
	return s.Wait()
}

// Kill ends the server at once, if it still runs, and waits until it is gone.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // It fails for a process that has ended, which is what is wanted.
	<-s.exited
}

// log keeps the lines of a process, and tells waiters about new ones.
type log struct {
	mu      sync.Mutex
	text    strings.Builder
	partial string
	lines   []Phase
	copy    io.Writer
	wake    chan struct{}
}

func newLog(to io.Writer) *log {
	if to == nil {
		to = io.Discard
	}
	return &log{copy: to, wake: make(chan struct{})}
}

// Write implements [io.Writer]; it is called by one goroutine of os/exec.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	lines := strings.Split(l.partial+string(p), "\n")
	l.partial = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		if phase, ok := ParsePhase(line); ok {
			l.lines = append(l.lines, phase)
		}
	}
	close(l.wake)
	l.wake = make(chan struct{})
	return l.copy.Write(p)
}

// changed is closed at the next write.
func (l *log) changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wake
}

func (l *log) phases(name string) []Phase {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Phase
	for _, phase := range l.lines {
		if name == "" || phase.Name == name {
			found = append(found, phase)
		}
	}
	return found
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
