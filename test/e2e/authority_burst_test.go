// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build authority

package e2e

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// burst is many requests for certificates, which are made at once, and when the client saw what of each.
type burst struct {
	name     string
	resource string
	creators int
	create   map[string]func(context.Context) error // the request of each name
	watch    func(context.Context, metav1.ListOptions) (watch.Interface, error)
	version  string // from which on there is something to see
	// issued is the name of a request, and whether it has its certificate.
	issued func(runtime.Object) (name string, issued bool)

	mu    sync.Mutex
	times map[string]*times
}

// times are when the client began to create a request, and when its watch said that there is one, and a certificate.
type times struct{ asked, created, issued time.Time }

// TestMeasureAuthorityBurst has `webhook authority` sign for 2,000 Pods (BURST_PODS) of 500 Services (BURST_SERVICES) in 20
// namespaces (BURST_NAMESPACES), whose requests 16 clients (BURST_CREATORS) create as fast as they can. It prints how
// long that takes and what it costs, and how long the API server itself took for each kind of request.
func TestMeasureAuthorityBurst(t *testing.T) {
	cfg := shared.Config()
	cfg.QPS, cfg.ContentType = -1, runtime.ContentTypeProtobuf
	client := mustClient(t, cfg)
	_, err := binary() // Or the start would take as long as to build it.
	must(t, err)
	own := podAuthorityConfig(t, shared)
	b := burstOfPods(t, client, atoi(t, "BURST_NAMESPACES", 20), atoi(t, "BURST_SERVICES", 500), atoi(t, "BURST_PODS", 2000))
	b.measure(t, client, own, func(m *meter) *process.Server { return runPodAuthority(t, shared, m.config(own)) })
}

// outcome is what a burst came to.
type outcome struct {
	costs

	perSecond float64       // signed
	p50, p99  time.Duration // from the event of a request to that of its certificate
}

// measure has a program sign, which is started before.
func (b *burst) measure(
	t *testing.T, client kubernetes.Interface, cfg *rest.Config, start func(*meter) *process.Server,
) outcome {
	t.Helper()
	m := newMeter(t, cfg)
	began := time.Now()
	server := start(m)
	ready := m.read(t, server)
	t.Logf("%-12s start  %s", b.name, ready.since(costs{}, ready.at.Sub(began)))
	b.run(t)
	signed := m.read(t, server)
	spent := signed.since(ready, signed.at.Sub(ready.at))
	t.Logf("%-12s burst  %s", b.name, spent)
	came := b.report(t)
	came.costs = spent
	b.reportAPIServer(t, client)
	m.log(t)
	must(t, server.Stop())
	return came
}

// burstOfPods creates Pods, and makes their requests ready.
func burstOfPods(t *testing.T, client kubernetes.Interface, namespaces, services, pods int) *burst {
	t.Helper()
	all := client.CertificatesV1().PodCertificateRequests("")
	b := newBurst(t, "authority", "podcertificaterequests")
	b.watch = all.Watch
	b.issued = func(obj runtime.Object) (string, bool) {
		live, ok := obj.(*certificatesv1.PodCertificateRequest)
		if !ok {
			return "", false
		}
		return live.Name, live.Status.CertificateChain != ""
	}
	var tenants []*tenant
	for range namespaces {
		tenants = append(tenants, newTenant(t, shared))
	}
	for i := range services {
		tenants[i%namespaces].createService(t, fmt.Sprintf("s-%d", i), fmt.Sprintf("s-%d", i))
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(b.creators)
	for i := range pods {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ecKey(t, elliptic.P256()))
		must(t, err)
		service := i % services
		n := tenants[service%namespaces]
		group.Go(func() error {
			pod, err := client.CoreV1().Pods(n.namespace).Create(ctx, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p-%d", i), Labels: map[string]string{"app": fmt.Sprintf("s-%d", service)}},
				Spec: corev1.PodSpec{NodeName: n.node.Name, Containers: []corev1.Container{{Name: "web", Image: "web"}},
					Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}},
			}, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			b.add(pod.Name, func(ctx context.Context) error {
				_, err := client.CertificatesV1().PodCertificateRequests(n.namespace).Create(ctx, n.requestFor(pod, der), metav1.CreateOptions{})
				return err
			})
			return nil
		})
	}
	must(t, group.Wait())
	none, err := all.List(t.Context(), metav1.ListOptions{})
	must(t, err)
	b.version = none.ResourceVersion
	return b
}

// requestFor is what the kubelet asks for a Pod.
func (n *tenant) requestFor(pod *corev1.Pod, der []byte) *certificatesv1.PodCertificateRequest {
	return &certificatesv1.PodCertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: pod.Name},
		Spec: certificatesv1.PodCertificateRequestSpec{
			SignerName: podSigner, PodName: pod.Name, PodUID: pod.UID, ServiceAccountName: n.account.Name,
			ServiceAccountUID: n.account.UID, NodeName: types.NodeName(n.node.Name), NodeUID: n.node.UID,
			StubPKCS10Request: der,
		},
	}
}

func newBurst(t *testing.T, name, resource string) *burst {
	t.Helper()
	return &burst{name: name, resource: resource, creators: atoi(t, "BURST_CREATORS", 16),
		create: map[string]func(context.Context) error{}, times: map[string]*times{}}
}

func (b *burst) add(name string, create func(context.Context) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.create[name], b.times[name] = create, &times{}
}

// run creates the requests, and returns when all have certificates.
func (b *burst) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	// The API server ends a watch whose client is behind.
	events, err := watchtools.NewRetryWatcherWithContext(ctx, b.version, &cache.ListWatch{WatchFuncWithContext: b.watch})
	must(t, err)
	defer events.Stop()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.creators + 1)
	group.Go(func() error { return b.observe(events.ResultChan()) })
	for name, create := range b.create {
		group.Go(func() error {
			b.times[name].asked = time.Now()
			return create(ctx)
		})
	}
	must(t, group.Wait())
}

// observe notes when what is seen, until all have certificates.
func (b *burst) observe(events <-chan watch.Event) error {
	for open := len(b.create); open > 0; {
		event, more := <-events
		name, issued := b.issued(event.Object)
		if !more || name == "" {
			return fmt.Errorf("the watch of the requests has ended with %d of them open: %v", open, event.Object)
		}
		of := b.times[name]
		if of.created.IsZero() {
			of.created = time.Now()
		}
		if issued && of.issued.IsZero() {
			of.issued = time.Now()
			open--
		}
	}
	return nil
}

// report prints how long it took, and returns it.
func (b *burst) report(t *testing.T) outcome {
	t.Helper()
	began, created, issued := time.Now(), time.Time{}, time.Time{}
	var fromEvent, fromCall []time.Duration
	for _, of := range b.times {
		if of.asked.Before(began) {
			began = of.asked
		}
		created, issued = latest(created, of.created), latest(issued, of.issued)
		fromEvent, fromCall = append(fromEvent, of.issued.Sub(of.created)), append(fromCall, of.issued.Sub(of.asked))
	}
	n, creating, signing := float64(len(b.times)), created.Sub(began).Seconds(), issued.Sub(began).Seconds()
	t.Logf("%-12s %.0f requests created in %.2f s (%.0f/s), and signed in %.2f s (%.0f/s)", b.name, n, creating, n/creating,
		signing, n/signing)
	for what, took := range map[string][]time.Duration{"the event of the request": fromEvent, "the call that creates it": fromCall} {
		slices.Sort(took)
		t.Logf("%-12s from %s to that of the certificate, at the client: p50 %s, p99 %s, longest %s", b.name, what,
			took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond),
			took[len(took)-1].Round(time.Millisecond))
	}
	return outcome{perSecond: n / signing, p50: fromEvent[len(fromEvent)/2], p99: fromEvent[len(fromEvent)*99/100]}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reportAPIServer prints the means of the API server's own metrics. What is missing between them and the times above is
// spent in the authority, in this process, or waiting for a processor.
func (b *burst) reportAPIServer(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	text, err := client.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	must(t, err)
	resource := fmt.Sprintf("resource=%q", b.resource)
	sum := func(name, verb string) (total float64) {
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, name) && strings.Contains(line, resource) && strings.Contains(line, verb) {
				value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
				must(t, err)
				total += value
			}
		}
		return total
	}
	for _, verb := range []string{"POST", "PATCH", "PUT"} {
		const name, label = "apiserver_request_duration_seconds_", `verb="%s"`
		if count := sum(name+"count", fmt.Sprintf(label, verb)); count > 0 {
			t.Logf("%-12s the API server took %.0f ms for a %s, in the mean of %.0f", b.name,
				1000*sum(name+"sum", fmt.Sprintf(label, verb))/count, verb, count)
		}
	}
	t.Logf("%-12s the API server ended %.0f watches whose client was behind", b.name, sum("apiserver_terminated_watchers_total", ""))
}
