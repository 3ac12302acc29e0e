// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cluster starts a real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager as plain
// processes on loopback, without root, containers or downloads. `make components` builds the binaries once.
//
//	c, err := cluster.Start(ctx, cluster.Options{Name: "demo"})
//	...
//	defer c.Stop()
//	client, err := kubernetes.NewForConfig(c.Config())
//
// # In a repository of your own
//
// The package needs nothing of this repository but the binaries. Build them in a clone, into a directory of yours, and
// say in the options or in the environment where they are:
//
//	make components HOOKSTRAP_COMPONENTS_DIR=/opt/control-plane
//	go get github.com/hookstrap/hookstrap/test/e2e
//	HOOKSTRAP_COMPONENTS_DIR=/opt/control-plane go test ./...
//
// A test with a control plane of its own is then:
//
//	func TestMyController(t *testing.T) {
//		c := clustertest.Start(t)
//		client, err := kubernetes.NewForConfig(c.Config())
//		...
//	}
//
// Tests use package clustertest, which stops the cluster for them and waits on conditions.
//
// # What is real and what is not
//
// The API server enforces RBAC, Node authorization and Pod Security, and issues service account tokens. The
// controller-manager runs its default controllers; above all it approves, signs and cleans up
// CertificateSigningRequests, with a signing CA of its own. As in clusters made by kubeadm, the ConfigMap
// kube-root-ca.crt verifies what the signer kubernetes.io/kubelet-serving issues.
//
// There is no node, unless package node adds one, and pods stay pending. Cluster IPs are of 127.96.0.0/16: on Linux a
// webhook that listens at its Service's cluster IP, in the test process or as a process of its own, is called as in any
// cluster. Elsewhere, or at a port of 127.0.0.1, it is called through a Service of type ExternalName with the external
// name localhost: the API server dials localhost:<port>, and still verifies the certificate for
// <service>.<namespace>.svc.
//
// # What stays behind
//
// Nothing. Everything is in one directory below the temporary directory, and each component runs under the supervise
// command, which ends it and removes the directory when the process that called Start is gone, even after SIGKILL.
// Only a failed Start leaves its logs, and says where.
//
// # Breaking it on purpose
//
// StopControllerManager gives a cluster that approves but never issues; StopAPIServer gives an outage. For worse, the
// process ids are in Dir, in the files etcd.pid, kube-apiserver.pid and kube-controller-manager.pid.
package cluster
