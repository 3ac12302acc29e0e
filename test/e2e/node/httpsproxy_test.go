// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestAPIServerWithHTTPSProxy: such an API server calls webhooks by their cluster IP, through its proxy, as proxies are for
// what is outside. Our pods can be called and stay Ready, so that the way out is with the API server: NO_PROXY has to have
// the Service range.
func TestAPIServerWithHTTPSProxy(t *testing.T) {
	install(t)
	service, err := client(t).CoreV1().Services(namespace).Get(t.Context(), deployment, metav1.GetOptions{})
	must(t, err)
	webhook := net.JoinHostPort(service.Spec.ClusterIP, "443")
	proxy := startRefusingProxy(t)
	t.Cleanup(func() { restartAPIServer(context.Background(), t) }) // when its environment is what it was

	t.Setenv("HTTPS_PROXY", proxy.URL)
	// The address is that by which the API server calls itself, the kubelet and etcd here. The names are no help.
	exempt := shared.Address() + ",.svc,.cluster.local"
	t.Setenv("NO_PROXY", exempt)
	restartAPIServer(t.Context(), t)
	var said error
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		if said = ask(ctx, client(t), false).err; said == nil {
			return errors.New("a pod was admitted, although the proxy refuses to lead to the webhook")
		}
		if !proxy.wasAskedFor(webhook) {
			return fmt.Errorf("the proxy was not asked for %s", webhook)
		}
		return nil
	})
	t.Logf("the API server says: %v", said)
	awaitHeartbeats(t, 2)
	awaitPods(t, 2)

	t.Setenv("NO_PROXY", exempt+",10.96.0.0/16")
	restartAPIServer(t.Context(), t)
	proxy.forget()
	awaitAdmission(t)
	if proxy.wasAskedFor(webhook) {
		t.Error("the proxy was asked for the webhook although NO_PROXY has the Service range")
	}
}

// awaitHeartbeats waits until the kubelet has renewed the lease of its node that often, which it does every ten seconds:
// by then it has asked each Pod several times whether it is ready, and told the API server.
func awaitHeartbeats(t *testing.T, times int) {
	t.Helper()
	var last metav1.MicroTime
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		leases, err := client(t).CoordinationV1().Leases(corev1.NamespaceNodeLease).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(leases.Items) != 1 || leases.Items[0].Spec.RenewTime == nil {
			return fmt.Errorf("%d leases of nodes, want one that is renewed", len(leases.Items))
		}
		if renewed := *leases.Items[0].Spec.RenewTime; renewed.After(last.Time) {
			last = renewed
			times--
		}
		if times >= 0 { // The first one was there before.
			return fmt.Errorf("the kubelet has to renew the lease of its node %d times more", times+1)
		}
		return nil
	})
}

// restartAPIServer starts the API server again, with the environment of this process.
func restartAPIServer(ctx context.Context, t *testing.T) {
	t.Helper()
	must(t, shared.StopAPIServer())
	must(t, shared.StartAPIServer(ctx))
}

// refusingProxy is a proxy that leads nowhere and knows what it was asked for.
type refusingProxy struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]bool
}

// startRefusingProxy starts one where the node reaches it.
func startRefusingProxy(t *testing.T) *refusingProxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort(shared.Gateway(), "0"))
	must(t, err)
	p := &refusingProxy{asked: map[string]bool{}}
	p.Server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: p}} // #nosec G112 -- of one test.
	p.Start()
	t.Cleanup(p.Close)
	return p
}

// ServeHTTP implements [http.Handler].
func (p *refusingProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.Host] = true
	p.mu.Unlock()
	http.Error(w, "this proxy leads nowhere", http.StatusBadGateway)
}

func (p *refusingProxy) wasAskedFor(address string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[address]
}

func (p *refusingProxy) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.asked)
}
