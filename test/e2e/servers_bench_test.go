// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// serversSettle is how long servers are left alone after the last is ready: what they watch for later changes begins a
// second after that.
const serversSettle = 5 * time.Second

// BenchmarkServers starts as many servers at once as SERVERS says ("10 50 150"), in this process, each with a connection
// and a token of its own: servers of as many Services, each with a namespace, a webhook configuration and a signer's name
// of its own; the same with the signer of kube-controller-manager; and replicas of one Service.
//
// It reports how long it takes until all are ready, the requests of a start, the bytes that one server receives, how often
// one webhook configuration was written, the events of CertificateSigningRequests that the API server has sent to anyone
// (kube-controller-manager watches them all), and the heap and stacks of one server. What is of one server or object must
// not depend on their number.
func BenchmarkServers(b *testing.B) {
	plane := clustertest.StartWith(b, cluster.Options{})
	for _, kind := range []struct {
		name, manifests, signer string // "" is the built-in signer, with a name for each Service.
		shared                  bool   // One Service has them all.
	}{
		{"services", "manifests", "", false},
		{"kubelet-serving", "manifests/overlays/kubelet-serving", signer.KubeletServing, false},
		{"replicas", "manifests", "", true},
	} {
		shipped, err := site.Render(b.Context(), plane, kind.manifests)
		must(b, err)
		for _, n := range serverNumbers(b) {
			b.Run(fmt.Sprintf("%s/n=%d", kind.name, n), func(b *testing.B) {
				for b.Loop() {
					fleet := newFleet(b, plane, shipped, kind.signer)
					fleet.install(b, fmt.Sprintf("%s-%d-%d", kind.name, n, time.Now().Unix()), n, kind.shared)
					fleet.measure(b)
				}
			})
		}
	}
}

func serverNumbers(b *testing.B) (numbers []int) {
	b.Helper()
	for field := range strings.FieldsSeq(os.Getenv("SERVERS")) {
		n, err := strconv.Atoi(field)
		must(b, err)
		numbers = append(numbers, n)
	}
	if numbers == nil {
		numbers = []int{10, 50, 150}
	}
	return numbers
}

// measure starts the servers, reports what they have taken, and stops them.
func (c *fleet) measure(b *testing.B) {
	b.Helper()
	n, memory, watched := float64(len(c.members)), memoryInUse(), c.watchedRequests(b)
	ctx, stop := context.WithCancel(klog.NewContext(b.Context(), klog.Logger{}))
	defer stop()
	var running errgroup.Group
	defer func() { must(b, running.Wait()) }()
	defer stop()
	servers := make([]*bootstrap.Server, len(c.members))
	for i := range c.members {
		var err error
		servers[i], err = bootstrap.NewServer(c.members[i].options)
		must(b, err)
	}
	began := time.Now()
	for _, server := range servers {
		running.Go(func() error { return server.Start(ctx) })
	}
	for _, server := range servers {
		awaitServer(b, server.Bootstrapper())
	}
	b.ReportMetric(time.Since(began).Seconds(), "s-ready")
	<-time.After(serversSettle)
	b.ReportMetric((memoryInUse()-memory)/n/1e6, "MB/server")
	now := c.watchedRequests(b)
	b.ReportMetric(now.events-watched.events, "csr-events")
	b.ReportMetric((now.bytes-watched.bytes)/1e6, "csr-MB")
	c.reportTraffic(b)
	runtime.KeepAlive(servers)
}

// awaitServer waits until the server is ready.
func awaitServer(b *testing.B, server *bootstrap.Bootstrapper) {
	b.Helper()
	select {
	case <-server.Ready():
	case <-time.After(10 * time.Minute):
		var reasons []string
		for _, condition := range server.Conditions() {
			reasons = append(reasons, fmt.Sprintf("%s: %v", condition.Name, condition.Check(b.Context())))
		}
		b.Fatalf("not ready after ten minutes: %s", strings.Join(reasons, "; "))
	}
}

// memoryInUse is what is allocated in the heap, after a collection, and in stacks.
func memoryInUse() float64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // What finalizers have let go of.
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc + stats.StackInuse)
}
