// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Build makes the binaries of the test control plane: etcd, kube-apiserver, kube-controller-manager and kubectl from
// the versions pinned in test/e2e/cluster/components/go.mod, and this repository's supervise.
//
//	go -C test/e2e run ./cluster/build [--node] [--demo DIRECTORY]
//
// With --node it also makes kubelet, kube-scheduler and kube-proxy, which only a node needs. With --demo it makes only
// what the demo needs, and into the directory the demo itself and the server.
//
// What exists is not built: in the directory KUBEBUILDER_ASSETS, or else in the store of setup-envtest, the highest
// version of Kubernetes that is not below 1.28. kube-controller-manager, which is not there, is then built in that
// version.
//
// Only Go and its module proxy are needed. The first run compiles Kubernetes, which takes a quarter of an hour on two
// cores; afterwards nothing is compiled until a pinned version changes. A binary gets its final name only once it is
// complete, so an interrupted run costs the component at hand and nothing else. Runs at the same time wait for each
// other.
package main
