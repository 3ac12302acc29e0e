// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
)

func ExampleStart() {
	ctx := context.Background()
	c, err := cluster.Start(ctx, cluster.Options{Name: "example"})
	if err != nil {
		log.Fatal(err)
	}
	out, err := c.Kubectl(ctx, "get", "configmaps", "--namespace=default", "--output=name").CombinedOutput()
	fmt.Print(string(out))
	if err != nil {
		log.Print(err)
	}
	if err := c.Stop(); err != nil {
		log.Print(err)
	}
	// Output: configmap/kube-root-ca.crt
}
