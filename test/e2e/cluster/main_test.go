// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// envVictim makes the test binary start a cluster and wait to be killed.
const envVictim = "CLUSTER_TEST_VICTIM"

// shared is the cluster of all tests which break nothing.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	if os.Getenv(envVictim) != "" {
		os.Exit(playVictim())
	}
	os.Exit(clustertest.Main(m, func(c *cluster.Cluster) { shared = c }))
}

func playVictim() int {
	c, err := cluster.Start(context.Background(), cluster.Options{Name: "victim"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(c.Dir())
	select {}
}
