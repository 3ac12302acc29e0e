// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// Kustomize renders the kustomization in a directory with the pinned kubectl, which takes no control plane.
func Kustomize(ctx context.Context, directory string) ([]byte, error) {
	layout, err := assets.Locate()
	if err != nil {
		return nil, err
	}
	if err := layout.Missing([]assets.Component{assets.Kubectl}); err != nil {
		return nil, err
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, layout.Path(assets.Kubectl), "kustomize", directory)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("rendering %s: %w: %s", directory, err, &complaints)
	}
	return out.Bytes(), nil
}
