// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
)

// envVictim makes the test binary start a node and wait to be killed.
const envVictim = "NODE_TEST_VICTIM"

// shared is the node of all tests. What they stop they start again.
var shared *node.Node

func TestMain(m *testing.M) {
	began := time.Now()
	n, err := node.Start(context.Background(), node.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("node %s Ready in %s\n", n.Name(), time.Since(began).Round(10*time.Millisecond))
	if os.Getenv(envVictim) != "" {
		playVictim(n)
	}
	shared = n
	code := m.Run()
	if err := n.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// playVictim runs a pod, says by which names its traces can be known, and waits.
func playVictim(n *node.Node) {
	for _, args := range [][]string{
		{"run", "idle", "--image=" + node.PauseImage, "--image-pull-policy=Never"},
		{"wait", "--for=condition=Ready", "pod/idle", "--timeout=60s"},
	} {
		if output, err := n.Kubectl(context.Background(), args...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v: %s\n", args, err, output)
			os.Exit(1)
		}
	}
	fmt.Printf("victim %s %s\n", filepath.Base(n.NodeDir()), filepath.Base(n.Dir()))
	select {}
}
