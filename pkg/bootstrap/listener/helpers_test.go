// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package listener_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/listener"
)

// The test's own executable is the server and the holder as well, in processes that can be killed.
const (
	roleVariable    = "LISTENER_TEST_ROLE"
	socketVariable  = "LISTENER_TEST_SOCKET"
	addressVariable = "LISTENER_TEST_ADDRESS"
)

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "server":
		err = serve(stdout(), os.Getenv(socketVariable), os.Getenv(addressVariable))
	case "holder":
		err = hold(stdout(), os.Getenv(socketVariable), os.Getenv(addressVariable))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// stdout logs where the test reads.
func stdout() context.Context {
	return klog.NewContext(context.Background(), textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(os.Stdout))))
}

// serve answers with the number of its process.
func serve(ctx context.Context, socket, address string) error {
	l, err := listener.Acquire(ctx, listener.Options{Socket: socket, Address: address, Patience: 200 * time.Millisecond})
	if err != nil {
		return err
	}
	go l.Share(ctx)
	return lifecycle.NewServer(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, os.Getpid())
	}), lifecycle.ServerOptions{}).Serve(ctx)
}

func hold(ctx context.Context, socket, address string) error {
	holder, err := listener.Hold(ctx, listener.HolderOptions{Socket: socket, Address: address, ReleaseAfter: time.Minute})
	if err != nil {
		return err
	}
	return holder.Run(ctx)
}

// place is where a holder and servers meet.
type place struct{ socket, address string }

// newPlace picks a port that is free now.
func newPlace(t *testing.T) place {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	dir, err := os.MkdirTemp("", "l") //nolint:usetesting // The path of a Unix socket must be short.
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return place{socket: filepath.Join(dir, "socket"), address: l.Addr().String()}
}

// program is one of the two, in a process of its own.
type program struct {
	cmd  *exec.Cmd
	logs *logs
	gone chan struct{}
}

// start returns when the program has logged a line with each of the texts.
func (p place) start(t *testing.T, role string, until ...string) *program {
	t.Helper()
	executable, err := os.Executable()
	must(t, err)
	cmd := exec.Command(executable)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, socketVariable+"="+p.socket, addressVariable+"="+p.address)
	output, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	prog := &program{cmd: cmd, logs: newLogs(), gone: make(chan struct{})}
	go func() {
		defer close(prog.gone)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			_, _ = prog.logs.Write(append(lines.Bytes(), '\n'))
		}
		_ = cmd.Wait() // It is killed.
	}()
	t.Cleanup(prog.kill)
	for _, text := range until {
		prog.logs.await(t, text)
	}
	return prog
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill() // It may have been killed already.
	<-p.gone
}

func (p *program) pid() string { return fmt.Sprint(p.cmd.Process.Pid) }

// logs is what somebody has logged, for waiting.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func newLogs() *logs { return &logs{more: make(chan struct{})} }

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.more)
	l.more = make(chan struct{})
	return l.text.Write(p)
}

func (l *logs) so() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.more
}

func (l *logs) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		logged, more := l.so()
		if strings.Contains(logged, text) {
			return
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("%q was not logged:\n%s", text, logged)
		}
	}
}

// caller is a connection that was made, and its request. The answer comes when somebody accepts it.
type caller struct{ conn net.Conn }

func (p place) call(t *testing.T) caller {
	t.Helper()
	conn, err := net.DialTimeout("tcp", p.address, 10*time.Second)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
	must(t, err)
	return caller{conn}
}

// answer is the number of the process that answers.
func (c caller) answer() (string, error) {
	response, err := http.ReadResponse(bufio.NewReader(c.conn), nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func (c caller) want(t *testing.T, server *program) {
	t.Helper()
	if got, err := c.answer(); err != nil || got != server.pid() {
		t.Errorf("process %q answers (%v), want %s", got, err, server.pid())
	}
}

// refuses reports whether no one listens there.
func (p place) refuses() bool {
	conn, err := net.DialTimeout("tcp", p.address, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err != nil && strings.Contains(err.Error(), syscall.ECONNREFUSED.Error())
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	late, tick := time.After(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not happen: " + what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
