// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"fmt"
	"os"
	"strings"
)

// Component is one binary of the control plane or of a node; its value is the binary's file name.
type Component string

// The components, all of them built from source.
const (
	Etcd              Component = "etcd"
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
	Kubectl           Component = "kubectl"
)

// The components of a node. Only `make e2e` needs them.
const (
	Kubelet   Component = "kubelet"
	Scheduler Component = "kube-scheduler"
	Proxy     Component = "kube-proxy"
)

// Components lists them in the order in which building is cheapest to interrupt: the quick one first, then the one
// which compiles what the others share.
func Components() []Component { return []Component{Etcd, APIServer, ControllerManager, Kubectl} }

// NodeComponents lists those of a node, the one that compiles most first.
func NodeComponents() []Component { return []Component{Kubelet, Scheduler, Proxy} }

// Package returns the import path of the component's main package.
func (c Component) Package() string {
	if c == Etcd {
		return etcdModule
	}
	return kubernetesModule + "/cmd/" + string(c)
}

// Absent lists those of the components which are not at their place.
func (l Layout) Absent(components []Component) []Component {
	var absent []Component
	for _, c := range components {
		if !executable(l.Path(c)) {
			absent = append(absent, c)
		}
	}
	return absent
}

// DemoComponents lists those that suffice for a control plane in which no controller runs.
func DemoComponents() []Component { return []Component{Etcd, APIServer, Kubectl} }

// Missing returns nil when every one of the control plane's binaries is at its place, else an error which says which
// are not, where they were looked for and how to get them.
func (l Layout) Missing(components []Component) error {
	names := l.absentNames(components)
	if !executable(l.Supervise) {
		names = append(names, fmt.Sprintf("supervise (%s)", l.Supervise))
	}
	return l.missing("control plane", names, "components")
}

// MissingNode is Missing for the components of a node.
func (l Layout) MissingNode() error {
	return l.missing("node", l.absentNames(NodeComponents()), "node-components")
}

func (l Layout) absentNames(components []Component) []string {
	var names []string
	for _, c := range l.Absent(components) {
		names = append(names, string(c))
	}
	return names
}

func (l Layout) missing(what string, names []string, target string) error {
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("the test %s is incomplete: %s missing in %s: run `make %s`",
		what, strings.Join(names, ", "), l.Dir, target)
}

func executable(path string) bool {
	info, err := os.Stat(path) // #nosec G703 -- the directory that the user names
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
