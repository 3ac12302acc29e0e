// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

const serverName = "bench.hookstrap.svc"

// process is a server that was started by this program.
type process struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Reader
	address string
}

func start(ctx context.Context, kind string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := []string{self, "-serve", kind}
	if taskset, err := exec.LookPath("taskset"); err == nil {
		command = append([]string{taskset, "-c", "0"}, command...)
	}
	p := &process{cmd: exec.CommandContext(ctx, command[0], command[1:]...)} //nolint:gosec // it is this program
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOMEMLIMIT=230MiB")    // which is what the manifests have
	p.cmd.Stderr = os.Stderr
	if p.orders, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = bufio.NewReader(output)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	port, err := p.answers.ReadString('\n')
	p.address = "127.0.0.1:" + strings.TrimSpace(port)
	return p, err
}

func (p *process) stop() {
	_ = p.orders.Close()
	_ = p.cmd.Wait()
}

// order tells the server what to do, and waits for its answer.
func (p *process) order(word string) (string, error) {
	if _, err := fmt.Fprintln(p.orders, word); err != nil {
		return "", fmt.Errorf("the server at %s is gone: %w", p.address, err)
	}
	return p.answers.ReadString('\n')
}

func (p *process) usage() (usage, error) {
	var u usage
	answer, err := p.order("usage")
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal([]byte(answer), &u)
}
