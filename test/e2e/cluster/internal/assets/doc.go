// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package assets knows where the pinned control plane binaries live and which versions they must have.
//
// The single source of versions is test/e2e/cluster/components/go.mod. Nothing else names one, except for the Makefile,
// which lists older Kubernetes for `make test-versions`. So bumping Kubernetes is one edit there: the directory name
// contains the versions, which makes binaries of another version invisible rather than wrong.
//
//	bin/<os>-<arch>/supervise
//	bin/<os>-<arch>/kubernetes-v<version>-etcd-v<version>/{etcd,kube-apiserver,kube-controller-manager,kubectl}
//
// HOOKSTRAP_KUBERNETES chooses another kube-apiserver and kube-controller-manager; etcd and kubectl stay.
// HOOKSTRAP_COMPONENTS_DIR replaces both directories with one, for machines whose binaries come from elsewhere, such
// as a distribution package or a CI cache.
package assets
