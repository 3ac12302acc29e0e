// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"io"
	"strings"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// Options say how to start a cluster. The zero value is a complete cluster.
type Options struct {
	// Name becomes part of the directory's name, so that people can tell clusters apart.
	Name string
	// ComponentsDir is a directory with the binaries etcd, kube-apiserver, kube-controller-manager, kubectl and
	// supervise. If it is empty, they are where the environment variable HOOKSTRAP_COMPONENTS_DIR says, or else where
	// `make components` has found them (KUBEBUILDER_ASSETS, the store of setup-envtest) or put them in the repository that
	// the working directory is in.
	ComponentsDir string
	// Output receives a copy of everything the components log. The logs are always in files in Dir as well.
	Output io.Writer
	// WithoutControllerManager leaves it out: nothing signs, and namespaces have neither service account nor
	// kube-root-ca.crt until StartControllerManager is called. Its binary is not needed until then.
	WithoutControllerManager bool
	// APIServerArgs are flags of kube-apiserver without their dashes. A flag given here replaces the harness's own.
	APIServerArgs map[string][]string
	// ControllerManagerArgs are the same for kube-controller-manager.
	ControllerManagerArgs map[string][]string
	// Place is where the components run. The zero value is this machine, on loopback.
	Place Place
}

// components are the binaries without which the cluster does not start.
func (o Options) components() []assets.Component {
	if o.WithoutControllerManager {
		return assets.DemoComponents()
	}
	return assets.Components()
}

// Place is a machine that is not this one: a set of namespaces.
type Place struct {
	// Address is the IP address on which etcd and the API server listen, reachable from this machine too.
	Address string
	// Join is a file with the process id whose namespaces the components join.
	Join string
}

// directoryPattern returns the pattern for the cluster's directory. Supervise removes nothing of another name.
func (o Options) directoryPattern() string {
	safe := func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}
	if o.Name == "" {
		return "hookstrap-"
	}
	return "hookstrap-" + strings.Map(safe, o.Name) + "-"
}
