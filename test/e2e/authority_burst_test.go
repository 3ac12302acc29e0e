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
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// burst is many Pods, the requests that their kubelets make at once, and when the client saw what of each.
type burst struct {
	client   kubernetes.Interface
	creators int
	requests []*certificatesv1.PodCertificateRequest
	// asked is when the client began to create the request; created and issued are when its watch said so.
	asked, created, issued []time.Time
}

// TestMeasureAuthorityBurst has `webhook authority` sign for 2,000 Pods (BURST_PODS) of 500 Services (BURST_SERVICES) in 20
// namespaces (BURST_NAMESPACES), whose requests 16 clients (BURST_CREATORS) create as fast as they can. It prints how long
// that takes and what it costs, and how long the API server itself took for each kind of request.
func TestMeasureAuthorityBurst(t *testing.T) {
	cfg := shared.Config()
	cfg.QPS, cfg.ContentType = -1, runtime.ContentTypeProtobuf
	b := &burst{client: mustClient(t, cfg), creators: atoi(t, "BURST_CREATORS", 16)}
	b.populate(t, atoi(t, "BURST_NAMESPACES", 20), atoi(t, "BURST_SERVICES", 500), atoi(t, "BURST_PODS", 2000))
	own := podAuthorityConfig(t, shared)
	m := newMeter(t, own)
	began := time.Now()
	server := runPodAuthority(t, shared, m.config(own))
	ready := m.read(t, server)
	t.Logf("start  %s", ready.since(costs{}, ready.at.Sub(began)))
	b.run(t)
	signed := m.read(t, server)
	t.Logf("burst  %s", signed.since(ready, signed.at.Sub(ready.at)))
	b.report(t)
	b.reportAPIServer(t)
	m.log(t)
}

// populate creates the Pods, and makes their requests ready.
func (b *burst) populate(t *testing.T, namespaces, services, pods int) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(b.creators)
	b.requests = make([]*certificatesv1.PodCertificateRequest, pods)
	b.asked, b.created, b.issued = make([]time.Time, pods), make([]time.Time, pods), make([]time.Time, pods)
	var tenants []*tenant
	for range namespaces {
		tenants = append(tenants, newTenant(t, shared))
	}
	for i := range services {
		tenants[i%namespaces].createService(t, fmt.Sprintf("s-%d", i), fmt.Sprintf("s-%d", i))
	}
	for i := range pods {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ecKey(t, elliptic.P256()))
		must(t, err)
		service := i % services
		n := tenants[service%namespaces]
		group.Go(func() error {
			pod, err := b.client.CoreV1().Pods(n.namespace).Create(ctx, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p-%d", i), Labels: map[string]string{"app": fmt.Sprintf("s-%d", service)}},
				Spec: corev1.PodSpec{NodeName: n.node.Name, Containers: []corev1.Container{{Name: "web", Image: "web"}},
					Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}},
			}, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			b.requests[i] = &certificatesv1.PodCertificateRequest{
				ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: pod.Name},
				Spec: certificatesv1.PodCertificateRequestSpec{
					SignerName: podSigner, PodName: pod.Name, PodUID: pod.UID, ServiceAccountName: n.account.Name,
					ServiceAccountUID: n.account.UID, NodeName: types.NodeName(n.node.Name), NodeUID: n.node.UID,
					StubPKCS10Request: der,
				},
			}
			return nil
		})
	}
	must(t, group.Wait())
}

// run creates the requests, and returns when all have certificates.
func (b *burst) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	all := b.client.CertificatesV1().PodCertificateRequests("")
	none, err := all.List(ctx, metav1.ListOptions{})
	must(t, err)
	// The API server ends a watch whose client is behind.
	events, err := watchtools.NewRetryWatcherWithContext(ctx, none.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) { return all.Watch(ctx, o) },
	})
	must(t, err)
	defer events.Stop()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.creators + 1)
	index := map[string]int{}
	for i, request := range b.requests {
		index[request.Name] = i
	}
	group.Go(func() error {
		for open := len(b.requests); open > 0; {
			event, ok := <-events.ResultChan()
			live, is := event.Object.(*certificatesv1.PodCertificateRequest)
			if !ok || !is {
				return fmt.Errorf("the watch of the requests has ended with %d of them open: %v", open, event.Object)
			}
			i := index[live.Name]
			if b.created[i].IsZero() {
				b.created[i] = time.Now()
			}
			if live.Status.CertificateChain != "" && b.issued[i].IsZero() {
				b.issued[i] = time.Now()
				open--
			}
		}
		return nil
	})
	for i, request := range b.requests {
		group.Go(func() error {
			b.asked[i] = time.Now()
			_, err := b.client.CertificatesV1().PodCertificateRequests(request.Namespace).Create(ctx, request, metav1.CreateOptions{})
			return err
		})
	}
	must(t, group.Wait())
}

func (b *burst) report(t *testing.T) {
	t.Helper()
	last := func(times []time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
	began, n := b.asked[0], float64(len(b.asked))
	creating, signing := last(b.created).Sub(began).Seconds(), last(b.issued).Sub(began).Seconds()
	t.Logf("%.0f requests created in %.2f s (%.0f/s), and signed in %.2f s (%.0f/s)", n, creating, n/creating, signing, n/signing)
	for what, from := range map[string][]time.Time{"the event of the request": b.created, "the call that creates it": b.asked} {
		took := make([]time.Duration, len(from))
		for i := range from {
			took[i] = b.issued[i].Sub(from[i])
		}
		slices.Sort(took)
		t.Logf("from %s to that of the certificate, at the client: p50 %s, p99 %s, longest %s", what,
			took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond),
			took[len(took)-1].Round(time.Millisecond))
	}
}

// reportAPIServer prints the means of the API server's own metrics. What is missing between them and the times above is
// spent in the authority, in this process, or waiting for a processor.
func (b *burst) reportAPIServer(t *testing.T) {
	t.Helper()
	text, err := b.client.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	must(t, err)
	sum := func(name, verb string) (total float64) {
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, name) && strings.Contains(line, "podcertificaterequests") && strings.Contains(line, verb) {
				value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
				must(t, err)
				total += value
			}
		}
		return total
	}
	for _, verb := range []string{"POST", "PATCH"} {
		const name, label = "apiserver_request_duration_seconds_", `verb="%s"`
		mean := sum(name+"sum", fmt.Sprintf(label, verb)) / sum(name+"count", fmt.Sprintf(label, verb))
		t.Logf("the API server took %.0f ms for a %s, in the mean", 1000*mean, verb)
	}
	t.Logf("the API server ended %.0f watches whose client was behind", sum("apiserver_terminated_watchers_total", ""))
}
