// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"os"
	"os/exec"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// PauseImage is that of the container which keeps a pod's namespaces. Tests may run it too: it does
// nothing, and ends when it is told to.
const PauseImage = "hookstrap.test/pause:1"

// ImportImage imports the images in a file, such as [Image.Write] or `docker save` makes it. The node pulls no images:
// pods need imagePullPolicy Never.
func (n *Node) ImportImage(ctx context.Context, file string) error {
	return output(n.Command(ctx, "ctr", "--namespace=k8s.io", "images", "import", file))
}

// buildPause compiles the pause command, for the machine itself and for pods.
func (n *Node) buildPause(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", n.path("pause"),
		"./cluster/node/pause")
	cmd.Dir = assets.HarnessModule(n.layout.Root)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return output(cmd)
}

func (n *Node) importPause(ctx context.Context) error {
	file := n.path("pause.tar")
	image := Image{Name: PauseImage, Binary: n.path("pause"), Path: "/pause", User: "65535:65535"}
	if _, err := image.Write(file); err != nil {
		return err
	}
	return n.ImportImage(ctx, file)
}
