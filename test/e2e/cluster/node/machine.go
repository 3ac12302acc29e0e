// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/belongings"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/poll"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

// machineName is that of the machine's process 1, in the names of its log and its file.
const machineName = "machine"

var errNoBoot = errors.New("the machine ended while it started")

func (n *Node) machineFile() string { return run.PIDFile(n.dir.Path, machineName) }

func (n *Node) machinePID() (string, error) {
	content, err := os.ReadFile(n.machineFile())
	if err != nil {
		return "", fmt.Errorf("reading the id of the machine's process 1: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// boot starts process 1 in new namespaces, which mounts what a machine has, and connects it with this machine.
func (n *Node) boot(ctx context.Context) error {
	if err := n.writeBootFiles(); err != nil {
		return err
	}
	_ = os.Remove(n.path("booted")) // There is none before the first boot.
	out, err := n.logs.Writer(machineName)
	if err != nil {
		return err
	}
	s := run.Supervisor{Supervise: n.layout.Supervise, Dir: n.dir.Path, Unshare: true}
	args := append(s.Command(machineName, "/bin/sh"), "-eu", n.path("conf", "boot.sh"), n.dir.Path, n.path("pause"))
	if n.machine, err = run.Start(args, out); err != nil {
		return err
	}
	if err := n.awaitBoot(ctx); err != nil {
		return n.logs.Failure(machineName, err)
	}
	if n.network != (network{}) {
		return n.reconnect(ctx)
	}
	return n.connect(ctx)
}

func (n *Node) awaitBoot(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go endWith(ctx, end, n.machine, errNoBoot)
	return poll.Until(ctx, func(context.Context) error {
		_, err := os.Stat(n.path("booted"))
		return err
	})
}

// endWith ends a wait when the process which is waited for has ended.
func endWith(ctx context.Context, end context.CancelCauseFunc, p *run.Process, cause error) {
	select {
	case <-p.Done():
		end(cause)
	case <-ctx.Done():
	}
}

// Command returns a command that runs on the node, in all of its namespaces. Paths must be absolute.
func (n *Node) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	s := run.Supervisor{Supervise: n.layout.Supervise, Dir: n.dir.Path, Join: n.machineFile()}
	return s.Cmd(ctx, name, args...)
}

// PowerOff cuts the power of the whole machine: the control plane, the node and all pods end at once, without a word.
// The disks stay: what etcd, containerd and the kubelet have stored.
func (n *Node) PowerOff() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return errors.Join(n.cutPower(), n.Suspend())
}

// cutPower needs n.mu.
func (n *Node) cutPower() error {
	if n.machine == nil {
		return nil
	}
	if err := n.machine.Stop(); err != nil {
		return err
	}
	n.machine = nil
	var errs []error
	for c, p := range n.running {
		errs = append(errs, p.Stop()) // Its supervisor has yet to notice.
		delete(n.running, c)
	}
	return errors.Join(append(errs, belongings.Remove(n.Name()))...)
}

// PowerOn starts the machine again after PowerOff, at the same addresses, and returns once the node is Ready.
func (n *Node) PowerOn(ctx context.Context) error {
	n.mu.Lock()
	err := n.boot(ctx)
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if err := n.Resume(ctx); err != nil {
		return err
	}
	if err := n.StartComponent(ctx, Containerd); err != nil {
		return err
	}
	return n.startRest(ctx)
}
