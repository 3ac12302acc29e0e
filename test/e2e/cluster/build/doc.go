// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Build makes the binaries of the test control plane: etcd, kube-apiserver, kube-controller-manager and kubectl from
// the versions pinned in test/e2e/cluster/components/go.mod, and this repository's supervise.
//
//	go -C test/e2e run ./cluster/build [--node]
//
// With --node it also makes kubelet, kube-scheduler and kube-proxy, which only a node needs.
//
// Only Go and its module proxy are needed. The first run compiles Kubernetes, which takes a quarter of an hour on two
// cores; afterwards nothing is compiled until a pinned version changes. A binary gets its final name only once it is
// complete, so an interrupted run costs the component at hand and nothing else. Runs at the same time wait for each
// other.
package main
