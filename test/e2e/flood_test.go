// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build flood

package e2e

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
	"github.com/hookstrap/hookstrap/test/sample"
)

const (
	floodTenants  = 10
	floodReplicas = 2
	floodSeconds  = 60
	floodQuick    = 15 * time.Millisecond // how long a large object takes where all fits into the two seconds of an entry
	floodConfig   = configHead + `checks:
  podSecurity: {mode: deny, level: baseline}
  imageTag: {mode: deny}
  anonymousAccess: {mode: deny}
  rbacWildcards: {mode: deny}
  services: {mode: deny}
  ingressHosts: {mode: deny}
  podDisruptionBudgets: {mode: deny}
`
)

// TestTenantFlood: tenants who do their worst, ten of every kind at the same time, neither end a replica nor get
// anything past it, and nothing that a tenant who does no harm creates fails. Each tenant has the ClusterRole admin in
// a namespace. FLOOD_SECONDS says for how long, 60 by default.
func TestTenantFlood(t *testing.T) {
	f := newFlood(t)
	f.slowness = f.measureSlowness(t)
	harmless := f.harmless(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(atoi(t, "FLOOD_SECONDS", floodSeconds))*time.Second)
	defer cancel()
	var tenants sync.WaitGroup
	for _, kind := range floodKinds() {
		for n := range floodTenants {
			tenants.Go(func() { f.run(ctx, kind, f.tenants[n]) })
		}
	}
	tenants.Go(func() { harmless.run(ctx) })
	tenants.Wait()
	f.report(t)
	harmless.report(t)
	f.stillServes(t)
}

// flood is a cluster of its own, with two replicas of the real binary behind one address.
type flood struct {
	*site.Site
	replicas []*process.Server
	health   []string
	backends []string
	tenants  []*flooder
	review   []byte // of 2.9 MB; it takes seconds to make one
	slowness float64

	mu    sync.Mutex
	kinds map[string]*floodCount
}

// flooder is one who acts in a namespace.
type flooder struct {
	kubernetes.Interface
	namespace string
	number    int
}

// floodCount is what became of the requests of one kind.
type floodCount struct {
	done, refused, failed int
	wrong                 []string // the first few that must not be
	slowest               time.Duration
}

func newFlood(t *testing.T) *flood {
	t.Helper()
	c := clustertest.StartWith(t, cluster.Options{})
	f := &flood{kinds: map[string]*floodCount{}}
	f.Site = site.New(t, c, site.Options{Manifests: "manifests/overlays/all-checks", WithoutConfiguration: true})
	var err error
	f.review, err = sample.Review(2_900_000)
	must(t, err)
	f.configure(t)
	config := filepath.Join(t.TempDir(), "checks.yaml")
	must(t, os.WriteFile(config, []byte(floodConfig), 0o600))
	executable, err := binary()
	must(t, err)
	for range floodReplicas {
		replica := *f.Site
		replica.Port = clustertest.FreePort(t)
		health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
		f.replicas = append(f.replicas, startBinary(t, &replica, executable, "--config="+config,
			"--health-probe-bind-address="+health))
		f.health = append(f.health, health)
		f.backends = append(f.backends, net.JoinHostPort("127.0.0.1", strconv.Itoa(replica.Port)))
	}
	for _, health := range f.health {
		clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	}
	must(t, site.Balance(t.Context(), fmt.Sprintf("127.0.0.1:%d", f.Port), f.backends))
	for n := range floodTenants {
		f.tenants = append(f.tenants, f.newTenant(t, n))
	}
	return f
}

// configure installs the shipped configuration for all namespaces but those of the cluster and of the server.
func (f *flood) configure(t *testing.T) {
	t.Helper()
	configuration := f.Shipped.Configuration.DeepCopy()
	configuration.ObjectMeta = metav1.ObjectMeta{Name: f.Configuration}
	for i := range configuration.Webhooks {
		entry := &configuration.Webhooks[i]
		entry.MatchConditions = nil // They are in force from the start.
		entry.ClientConfig.Service.Namespace = f.Namespace
		entry.ClientConfig.Service.Port = new(int32(f.Port)) // #nosec G115 -- a port.
		ours := &entry.NamespaceSelector.MatchExpressions[0]
		ours.Values = append(ours.Values, f.Namespace)
	}
	_, err := f.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), configuration,
		metav1.CreateOptions{})
	must(t, err)
}

// newTenant is a user with the ClusterRole admin in a namespace of its own, who may create certificate requests as well.
func (f *flood) newTenant(t *testing.T, n int) *flooder {
	t.Helper()
	namespace := clustertest.Namespace(t, f.Cluster)
	user := "tenant-" + strconv.Itoa(n)
	cfg, err := f.Cluster.AddUser(user)
	must(t, err)
	cfg.QPS, cfg.Burst = -1, 0 // Hostile clients do not hold back.
	tenant := &flooder{Interface: mustClient(t, cfg), namespace: namespace, number: n}
	must(t, grant(t.Context(), f.Admin, user, namespace))
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := tenant.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		return err
	})
	return tenant
}

// run does one kind of harm until ctx ends. The tenants take turns to begin: what comes at one instant is for the API
// server to bear.
func (f *flood) run(ctx context.Context, kind floodKind, tenant *flooder) {
	between := time.Duration(f.slowness * float64(kind.pause))
	pause(ctx, between*time.Duration(tenant.number)/floodTenants)
	for n := 0; ctx.Err() == nil; n++ {
		began := time.Now()
		outcome, text := kind.do(ctx, f, tenant, n)
		if ctx.Err() == nil {
			f.count(kind.name, outcome, text, time.Since(began))
		}
		pause(ctx, between)
	}
}

// measureSlowness is how much longer the pauses have to be on a machine that is slow or busy: there the API server, by
// itself, would not send a large review within an entry's two seconds. It is measured without the webhook, by a large
// object in a namespace that no entry asks about.
func (f *flood) measureSlowness(t *testing.T) float64 {
	t.Helper()
	admin := &flooder{Interface: f.Admin, namespace: metav1.NamespaceSystem}
	best := time.Duration(math.MaxInt64)
	for n := range 5 {
		began := time.Now()
		must(t, createWildcard(t.Context(), admin, n))
		best = min(best, time.Since(began))
	}
	slowness := max(1, float64(best)/float64(floodQuick))
	t.Logf("to create a large Ingress takes %s without the webhook: pauses are %.1f times as long",
		best.Round(time.Millisecond), slowness)
	return slowness
}

// pause keeps the rate of requests within bounds.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (f *flood) count(kind string, outcome floodOutcome, text string, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.kinds[kind]
	if c == nil {
		c = &floodCount{}
		f.kinds[kind] = c
	}
	c.slowest = max(c.slowest, took)
	switch outcome {
	case floodDone:
		c.done++
	case floodRefused:
		c.refused++
	default:
		if c.failed++; len(c.wrong) < 3 {
			c.wrong = append(c.wrong, text)
		}
	}
}

// report wants no request to have ended as it must not, no entry to have failed open, and no replica to have ended.
func (f *flood) report(t *testing.T) {
	t.Helper()
	for _, kind := range floodKinds() {
		c := f.kinds[kind.name]
		if c == nil || c.done+c.refused+c.failed == 0 {
			t.Errorf("%s: not one request was answered", kind.name)
			continue
		}
		t.Logf("%-20s %5d done, %5d refused, %d wrong, the slowest took %s", kind.name, c.done, c.refused, c.failed,
			c.slowest.Round(time.Millisecond))
		if c.failed > 0 {
			t.Errorf("%s: %d requests ended as they must not, among them: %s", kind.name, c.failed, strings.Join(c.wrong, "; "))
		}
	}
	for i, replica := range f.replicas {
		select {
		case <-replica.Exited():
			t.Errorf("replica %d has ended: %v\n%s", i, replica.Wait(), tail(replica.Log()))
			continue
		default:
		}
		peak, err := replica.PeakMemory()
		must(t, err)
		t.Logf("replica %d took %d MiB of memory at most, of %d", i, peak>>20, mostMemory>>20)
	}
	f.failedOpen(t)
}

// failedOpen wants the API server to have counted no call of ours that failed, whatever it then did.
func (f *flood) failedOpen(t *testing.T) {
	t.Helper()
	metrics, err := f.Admin.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	must(t, err)
	for line := range strings.Lines(string(metrics)) {
		if strings.HasPrefix(line, "apiserver_admission_webhook_fail_open_count{") ||
			strings.HasPrefix(line, "apiserver_admission_webhook_rejection_count{") && strings.Contains(line, "calling_webhook") {
			t.Errorf("the API server could not call the webhook: %s%s", line, f.callsThatFailed(t))
		}
	}
}

// callsThatFailed is what the API server has last logged about calls that failed, but for those that the end of the
// flood has canceled: it does not count them.
func (f *flood) callsThatFailed(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(f.Cluster.Dir(), "kube-apiserver.log"))
	must(t, err)
	var lines strings.Builder
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "alling webhook") && !strings.Contains(line, "ontext canceled") {
			lines.WriteString(line)
		}
	}
	return "\n" + tail(lines.String())
}

// stillServes wants all to be as before once the flood is over.
func (f *flood) stillServes(t *testing.T) {
	t.Helper()
	for _, health := range f.health {
		clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	}
	clustertest.Eventually(t, func(ctx context.Context) error { return f.Site.Admit(ctx, site.GoodImage) })
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

// innocent is the eleventh tenant, who creates Pods of which some are to be denied.
type innocent struct {
	*flooder
	took   []time.Duration
	failed []string
}

func (f *flood) harmless(t *testing.T) *innocent {
	t.Helper()
	return &innocent{flooder: f.newTenant(t, floodTenants)}
}

// run creates four Pods a second, of which each second one is to be denied.
func (i *innocent) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		image, denied := site.GoodImage, n%2 == 1
		if denied {
			image = site.BadImage
		}
		began := time.Now()
		_, err := i.CoreV1().Pods(i.namespace).Create(context.WithoutCancel(ctx), site.Pod(image),
			metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		i.took = append(i.took, time.Since(began))
		if refusedByUs(err) != denied || err != nil && !denied {
			i.failed = append(i.failed, fmt.Sprintf("Pod %d, to be denied: %t: %v", n, denied, err))
		}
		pause(ctx, 250*time.Millisecond)
	}
}

func (i *innocent) report(t *testing.T) {
	t.Helper()
	slices.Sort(i.took)
	at := func(percent int) time.Duration {
		return i.took[(len(i.took)-1)*percent/100].Round(time.Millisecond)
	}
	t.Logf("%d harmless requests meanwhile: median %s, 90 %% %s, 99 %% %s, slowest %s", len(i.took), at(50), at(90), at(99), at(100))
	if len(i.failed) > 0 {
		t.Errorf("%d of %d harmless requests were not answered as they should, the first: %s", len(i.failed), len(i.took), i.failed[0])
	}
}
