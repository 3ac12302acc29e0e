// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor_test makes situations on a real control plane, healthy and broken ones, and has the real binary find the
// faults. The API server's own calls say what is true.
package doctor_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/kubernetes"
	crlog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// shared are the control plane of all tests, its only node, and the binary.
var shared struct {
	plane   *cluster.Cluster
	admin   kubernetes.Interface
	kubelet *kubelet
	program string
}

// serviceRange6 is the second range of cluster IPs, at which no process listens.
const serviceRange6 = "fd00:96::/112"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	crlog.SetLogger(logr.Discard()) // What other people's servers say is of no use here.
	dir, err := os.MkdirTemp("", "doctor")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	if shared.program, err = process.Build(ctx, site.Root(), dir); err != nil {
		return failed(err)
	}
	// No controller makes EndpointSlices or removes Pods: a situation is what the test makes it.
	shared.plane, err = cluster.Start(ctx, cluster.Options{Name: "doctor", WithoutControllerManager: true,
		APIServerArgs: map[string][]string{"service-cluster-ip-range": {"127.96.0.0/16," + serviceRange6}}})
	if err != nil {
		return failed(err)
	}
	defer shared.plane.Stop()
	cfg := shared.plane.Config()
	cfg.QPS = -1
	if shared.admin, err = kubernetes.NewForConfig(cfg); err != nil {
		return failed(err)
	}
	if shared.kubelet, err = startKubelet(ctx, shared.admin); err != nil {
		return failed(err)
	}
	return m.Run()
}

func failed(err error) int {
	_, _ = fmt.Fprintln(os.Stderr, err)
	return 1
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
