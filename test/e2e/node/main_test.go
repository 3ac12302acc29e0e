// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// shared is the node of all tests, with our image on it under the name that the manifests have.
var shared *node.Node

func TestMain(m *testing.M) {
	// Ctrl-C has to end in an orderly way while the node starts; afterwards its supervisors see to it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	n, err := start(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = n
	code := m.Run()
	if code != 0 {
		explain()
	}
	if err := n.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// start starts a node with our image on it.
func start(ctx context.Context) (*node.Node, error) {
	began := time.Now()
	n, err := node.Start(ctx, node.Options{ControllerManagerArgs: map[string][]string{
		// A node is taken for lost sooner than in a cluster where that matters.
		"node-monitor-grace-period": {"8s"}, "node-monitor-period": {"1s"},
	}})
	if err != nil {
		return nil, err
	}
	fmt.Printf("node %s Ready in %s\n", n.Name(), since(began))
	if err := importImage(ctx, n); err != nil {
		_ = n.Stop() // Why it failed matters more.
		return nil, err
	}
	return n, nil
}

// importImage builds our image under the name that the manifests have, and puts it on the node.
func importImage(ctx context.Context, n *node.Node) error {
	name, err := imageName(ctx, n)
	if err != nil {
		return err
	}
	dir, err := imageDir(n)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary, err := process.Build(ctx, site.Root(), dir)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "webhook.tar")
	size, err := node.WebhookImage(name, binary).Write(file)
	if err != nil {
		return err
	}
	fmt.Printf("image %s: %.1f MB compressed\n", name, float64(size)/1e6)
	return n.ImportImage(ctx, file)
}

// imageDir makes a directory for an image. It goes with the node at the latest, however this process ends.
func imageDir(n *node.Node) (string, error) { return os.MkdirTemp(n.NodeDir(), "image-") }

// explain prints what the cluster is like after a failure.
func explain() {
	for _, args := range [][]string{
		{"get", "pods,services,endpointslices", "--all-namespaces", "--output=wide"},
		{"get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"},
		{"logs", "--namespace=hookstrap-system", "--selector=app.kubernetes.io/name=hookstrap", "--tail=20", "--prefix"},
	} {
		cmd := shared.Kubectl(context.Background(), args...)
		output, err := cmd.CombinedOutput()
		fmt.Printf("%v: %v\n%s", args, err, output)
	}
}

func since(began time.Time) time.Duration { return time.Since(began).Round(10 * time.Millisecond) }
