// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/links"
)

// networks is how many nodes one machine can have.
const networks = 256

// network is the link between this machine and the node, and what depends on its number. The addresses are those that
// RFC 2544 sets aside for tests.
type network struct{ number int }

func (w network) device() string { return fmt.Sprintf("hookstrap%d", w.number) }
func (w network) host() string   { return fmt.Sprintf("198.18.%d.1", w.number) }
func (w network) node() string   { return fmt.Sprintf("198.18.%d.2", w.number) }
func (w network) pods() string   { return fmt.Sprintf("10.244.%d.0/24", w.number) }

// Address is the node's, at which the API server listens on port 6443.
func (n *Node) Address() string { return n.network.node() }

// Gateway is the address that this machine has on the link to the node: what listens there, the node can reach.
func (n *Node) Gateway() string { return n.network.host() }

// connect makes the first link whose number is free. A device's name is taken for as long as the node exists.
func (n *Node) connect(ctx context.Context) error {
	first := rand.IntN(networks) //nolint:gosec // Any number will do.
	var err error
	for i := range networks {
		n.network = network{number: (first + i) % networks}
		if err = n.reconnect(ctx); err == nil || !strings.Contains(err.Error(), "File exists") {
			return err
		}
	}
	return err
}

// reconnect makes the link of the node's number.
func (n *Node) reconnect(ctx context.Context) error {
	w := n.network
	pid, err := n.machinePID()
	if err != nil {
		return err
	}
	if err := ip(ctx, "link", "add", w.device(), "type", "veth", "peer", "name", "eth0", "netns", pid); err != nil {
		return err
	}
	if err := links.Claim(w.device(), n.Name()); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"address", "add", w.host() + "/30", "dev", w.device()},
		{"link", "set", w.device(), "up"},
		{"route", "add", w.pods(), "via", w.node()},
	} {
		if err := ip(ctx, args...); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"address", "add", w.node() + "/30", "dev", "eth0"},
		{"link", "set", "eth0", "up"},
		{"route", "add", "default", "via", w.host()},
	} {
		if err := output(n.Command(ctx, "ip", args...)); err != nil {
			return err
		}
	}
	return nil
}

func ip(ctx context.Context, args ...string) error {
	return output(exec.CommandContext(ctx, "ip", args...))
}

// output runs a command, and puts what it says into the error.
func output(cmd *exec.Cmd) error {
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("running %s: %w: %s", strings.Join(cmd.Args, " "), err, said)
	}
	return nil
}

// CutOff parts a pod from the API server, in both directions, whichever side opens a connection to the API server's
// port. The API server's own calls of the pod go through.
func (n *Node) CutOff(ctx context.Context, podIP string) error {
	return n.partition(ctx, "--insert", podIP)
}

// Restore undoes CutOff.
func (n *Node) Restore(ctx context.Context, podIP string) error {
	return n.partition(ctx, "--delete", podIP)
}

func (n *Node) partition(ctx context.Context, change, podIP string) error {
	rule := func(args ...string) error {
		return output(n.Command(ctx, "iptables", append([]string{"--wait", change}, args...)...))
	}
	return errors.Join(
		rule("INPUT", "--source", podIP, "--protocol", "tcp", "--dport", "6443", "--jump", "DROP"),
		rule("OUTPUT", "--destination", podIP, "--protocol", "tcp", "--sport", "6443", "--jump", "DROP"))
}
