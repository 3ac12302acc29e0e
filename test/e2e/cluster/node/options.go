// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import "io"

// Options say how to start a node. The zero value will do.
type Options struct {
	// Output receives a copy of everything the components log. The logs are always in files in the directories of the
	// node and of its cluster as well.
	Output io.Writer
	// APIServerArgs are flags of kube-apiserver without their dashes. A flag given here replaces the harness's own.
	APIServerArgs map[string][]string
	// ControllerManagerArgs are the same for kube-controller-manager.
	ControllerManagerArgs map[string][]string
}
