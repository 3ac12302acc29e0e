// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package node starts a whole Kubernetes cluster of one node, as kubeadm would set it up: the control plane of package
// cluster, kube-scheduler, kube-proxy, a kubelet, containerd and runc. It needs root on Linux, `make node-components`
// and the packages of hack/install-node-packages, but neither a container engine nor a registry.
//
//	n, err := node.Start(ctx, node.Options{})
//	...
//	defer n.Stop()
//	client, err := kubernetes.NewForConfig(n.Config())
//
// # A machine made of namespaces
//
// All of it runs inside namespaces of its own, of which one is for process ids and one for mounts. A process there, the
// pause command, is process 1; when it ends, the kernel kills everything else there, pods included, and takes their
// mounts and their network away. A pair of veth devices joins the machine with this one, so that tests reach the API
// server and pods by their addresses. What it writes to /etc, /run and /var is in Dir.
//
// The control plane is on the node, where kube-proxy is: the API server calls webhooks by the Service's cluster IP, and
// pods reach the API server at 10.96.0.1, all as in users' clusters.
//
// # What stays behind
//
// Nothing: see package cluster. The node's control groups bear the name of Dir, and go with it. Should even the
// supervisors have been killed, the next Start removes what they left.
//
// # Breaking it on purpose
//
// StopComponent ends containerd, kubelet, kube-scheduler or kube-proxy; the pods go on. CutOff parts a pod from the API
// server. ContainerPIDs says whom to kill. PowerOff and PowerOn are a power cut, with all disks kept. The control
// plane's own outages are those of package cluster.
package node
