// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const benchSigner, benchBundle = "bench.example.com/keeper", "bench.example.com:keeper:roots"

// BenchmarkKeeper has `webhook authority` fill the caBundles of TARGETS webhook configurations (1,000) of five entries, and
// rotate them by a ClusterTrustBundle that has the old CA, both, and the new one. It reports how long each takes, with
// how many requests and how much of the processor, what is taken when nothing happens, and the most memory.
func BenchmarkKeeper(b *testing.B) {
	plane := clustertest.StartWith(b, cluster.Options{WithoutControllerManager: true})
	cfg := plane.Config()
	cfg.QPS = -1
	client, n := mustClient(b, cfg), atoi(b, "TARGETS", 1000)
	for _, target := range createTargets(b, client, n) {
		patch := fmt.Sprintf(`{"metadata":{"labels":{%q:"true"},"annotations":{%q:"clustertrustbundle/%s"}}}`, keeper.Key,
			keeper.Key, benchSigner)
		_, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(b.Context(), target.Name,
			types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		must(b, err)
	}
	first, second := newTestCA(b, "first"), newTestCA(b, "second")
	putBenchBundle(b, client, first.pem())
	kubeconfig := plane.Kubeconfig()
	binary, err := process.Build(b.Context(), site.Root(), b.TempDir())
	must(b, err)
	for b.Loop() {
		address := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(b))
		began := time.Now()
		server, err := process.Start(b.Context(), process.Options{Binary: binary, Command: "authority", Args: []string{
			"--kubeconfig=" + kubeconfig, "--namespace=default", "--bundle-overlap=0s", "--health-probe-bind-address=0",
			"--metrics-bind-address=" + address}})
		must(b, err)
		var before keeperCosts
		measure := func(what string, writes int) {
			now := awaitKeeperWrites(b, address, before.writes+float64(writes))
			b.ReportMetric(time.Since(began).Seconds(), "s-"+what)
			b.ReportMetric(now.cpu-before.cpu, "cpu-s-"+what)
			b.ReportMetric(now.requests-before.requests, "requests-"+what)
			before, began = now, time.Now()
		}
		measure("fill", n)
		putBenchBundle(b, client, append(first.pem(), second.pem()...))
		measure("add", n)
		putBenchBundle(b, client, second.pem())
		measure("remove", n) // five seconds of it are the delay of what is too much
		<-time.After(10 * time.Second)
		measure("idle-10s", 0)
		peak, err := server.PeakMemory()
		must(b, err)
		b.ReportMetric(float64(peak)/1e6, "MB-peak")
		must(b, server.Stop())
	}
}

func putBenchBundle(b *testing.B, client kubernetes.Interface, pem []byte) {
	b.Helper()
	bundles := client.CertificatesV1().ClusterTrustBundles()
	wanted := &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: benchBundle},
		Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: benchSigner, TrustBundle: string(pem)}}
	live, err := bundles.Get(b.Context(), benchBundle, metav1.GetOptions{})
	if err != nil {
		_, err = bundles.Create(b.Context(), wanted, metav1.CreateOptions{})
	} else {
		wanted.ResourceVersion = live.ResourceVersion
		_, err = bundles.Update(b.Context(), wanted, metav1.UpdateOptions{})
	}
	must(b, err)
}

// keeperCosts are what a process says of itself.
type keeperCosts struct{ writes, requests, cpu float64 }

func awaitKeeperWrites(b *testing.B, address string, writes float64) (costs keeperCosts) {
	b.Helper()
	clustertest.EventuallyWithin(b, 10*time.Minute, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
		must(b, err)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		sum := func(name string) (total float64) {
			for line := range strings.Lines(string(text)) {
				if rest, found := strings.CutPrefix(line, name); found && strings.ContainsAny(rest[:1], " {") {
					value, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndex(rest, " "):]), 64)
					must(b, err)
					total += value
				}
			}
			return total
		}
		costs = keeperCosts{sum("hookstrap_authority_cabundle_writes_total"), sum("rest_client_requests_total"),
			sum("process_cpu_seconds_total")}
		if costs.writes < writes {
			return fmt.Errorf("%v writes, want %v", costs.writes, writes)
		}
		return nil
	})
	return costs
}
