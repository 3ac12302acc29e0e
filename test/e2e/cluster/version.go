// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"

	"k8s.io/client-go/discovery"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// Minor is the minor version that the API server says it has: 37 for Kubernetes 1.37.
func (c *Cluster) Minor() (int, error) {
	client, err := discovery.NewDiscoveryClientForConfig(c.admin)
	if err != nil {
		return 0, fmt.Errorf("making a client: %w", err)
	}
	version, err := client.ServerVersion()
	if err != nil {
		return 0, fmt.Errorf("asking for the version of the API server: %w", err)
	}
	minor, err := strconv.Atoi(version.Minor)
	if err != nil {
		return 0, fmt.Errorf("reading the version %s of the API server: %w", version, err)
	}
	return minor, nil
}

// help is what a component says about its flags. They differ between versions.
func (c *Cluster) help(ctx context.Context, component assets.Component) (string, error) {
	out, err := exec.CommandContext(ctx, c.layout.Path(component), "--help").Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its flags: %w", component, err)
	}
	return string(out), nil
}
