// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"fmt"
	"os"
	"strings"
)

// Component is one binary of the control plane; its value is the binary's file name.
type Component string

// The components, all of them built from source.
const (
	Etcd              Component = "etcd"
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
	Kubectl           Component = "kubectl"
)

// Components lists them in the order in which building is cheapest to interrupt: the quick one first, then the one
// which compiles what the others share.
func Components() []Component { return []Component{Etcd, APIServer, ControllerManager, Kubectl} }

// Package returns the import path of the component's main package.
func (c Component) Package() string {
	if c == Etcd {
		return etcdModule
	}
	return kubernetesModule + "/cmd/" + string(c)
}

// Absent lists the components which are not at their place.
func (l Layout) Absent() []Component {
	var absent []Component
	for _, c := range Components() {
		if !executable(l.Path(c)) {
			absent = append(absent, c)
		}
	}
	return absent
}

// Missing returns nil when every binary is at its place, else an error which says which are not, where they were
// looked for and how to get them.
func (l Layout) Missing() error {
	var names []string
	for _, c := range l.Absent() {
		names = append(names, string(c))
	}
	if !executable(l.Supervise) {
		names = append(names, fmt.Sprintf("supervise (%s)", l.Supervise))
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("the test control plane is incomplete: %s missing in %s: run `make components`",
		strings.Join(names, ", "), l.Dir)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
