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
	awaitPods(t, 2)

	t.Setenv("NO_PROXY", exempt+",10.96.0.0/16")
	restartAPIServer(t.Context(), t)
	proxy.forget()
	awaitAdmission(t)
	if proxy.wasAskedFor(webhook) {
		t.Error("the proxy was asked for the webhook although NO_PROXY has the Service range")
	}
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
