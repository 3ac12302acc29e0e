#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# github.com/open-policy-agent/cert-controller v0.16.0 with sigs.k8s.io/controller-runtime v0.23.3, and Go 1.26
#
# A CertRotator puts DNSName and ExtraDNSNames into its certificate. Whether the certificate in the Secret is still good, it
# asks about DNSName alone. So a name that a new version of a program adds to ExtraDNSNames is not in the certificate after
# the upgrade: it logs "no cert refresh needed", and who calls by that name cannot verify it until the certificate is
# renewed, which by default is nine months after it was made. With another DNSName it makes a new certificate at once.
#
# The program has a rotator run four times on one Secret, which a small server keeps for it.
#
# It needs Go and takes a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require (
	github.com/open-policy-agent/cert-controller v0.16.0
	sigs.k8s.io/controller-runtime v0.23.3
)
MOD

cat >main.go <<'GO'
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// api is as much of an API server as the rotator asks: one Secret.
type api struct {
	mu      sync.Mutex
	secret  corev1.Secret
	version int
	changed chan struct{}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	a.mu.Lock()
	secret := *a.secret.DeepCopy()
	a.mu.Unlock()
	switch path := r.URL.Path; {
	case path == "/api":
		write(w, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}})
	case path == "/apis":
		write(w, metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}})
	case path == "/api/v1":
		write(w, metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "v1",
			APIResources: []metav1.APIResource{{Name: "secrets", Kind: "Secret", Namespaced: true, Verbs: []string{"get", "list", "watch", "update"}}}})
	case r.Method == http.MethodPut:
		var in corev1.Secret
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		a.mu.Lock()
		a.version++
		in.ResourceVersion = fmt.Sprint(a.version)
		a.secret = in
		close(a.changed)
		a.changed = make(chan struct{})
		a.mu.Unlock()
		write(w, in)
	case r.URL.Query().Get("sendInitialEvents") != "": // as an API server that does not stream lists
		w.WriteHeader(http.StatusUnprocessableEntity)
		write(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
			Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity})
	case r.URL.Query().Get("watch") != "":
		w.(http.Flusher).Flush()
		for seen := r.URL.Query().Get("resourceVersion"); ; {
			a.mu.Lock()
			now, changed := *a.secret.DeepCopy(), a.changed
			a.mu.Unlock()
			if now.ResourceVersion != seen {
				write(w, map[string]any{"type": "MODIFIED", "object": now})
				w.(http.Flusher).Flush()
				seen = now.ResourceVersion
			}
			select {
			case <-r.Context().Done():
				return
			case <-changed:
			}
		}
	case strings.HasSuffix(path, "/secrets"):
		write(w, corev1.SecretList{TypeMeta: metav1.TypeMeta{Kind: "SecretList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: secret.ResourceVersion}, Items: []corev1.Secret{secret}})
	default:
		write(w, secret)
	}
}

func write(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func (a *api) names() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	block, _ := pem.Decode(a.secret.Data["tls.crt"])
	if block == nil {
		return nil
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	return c.DNSNames
}

func run(a *api, url, dir, name string, said chan string, extra ...string) {
	for len(said) > 0 {
		<-said
	}
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := ctrl.NewManager(&rest.Config{Host: url, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, ctrl.Options{Metrics: server.Options{BindAddress: "0"}})
	if err != nil {
		panic(err)
	}
	if err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey: types.NamespacedName{Namespace: "shop", Name: "web"}, CertDir: dir, CAName: "ca", CAOrganization: "shop",
		DNSName: name, ExtraDNSNames: extra, IsReady: make(chan struct{}),
		ControllerName: fmt.Sprintf("run-%d", time.Now().UnixNano()),
	}); err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() { done <- mgr.Start(ctx) }()
	select {
	case s := <-said:
		fmt.Printf("%s with %v: %s; the certificate is for %v\n", name, extra, s, a.names())
	case err := <-done:
		panic(err)
	case <-time.After(20 * time.Second):
		panic("it says nothing")
	}
	cancel()
	<-done
}

func main() {
	said := make(chan string, 100)
	ctrl.SetLogger(funcr.New(func(_, args string) {
		for _, s := range []string{"no cert refresh needed", "server certs refreshed"} {
			if strings.Contains(args, s) {
				select {
				case said <- s:
				default:
				}
			}
		}
	}, funcr.Options{}))
	a := &api{version: 1, changed: make(chan struct{})}
	a.secret = corev1.Secret{TypeMeta: metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", ResourceVersion: "1"}}
	s := httptest.NewServer(a)
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	_ = os.WriteFile(filepath.Join(dir, "tls.crt"), nil, 0o600)
	run(a, s.URL, dir, "web.shop.svc", said)
	run(a, s.URL, dir, "web.shop.svc", said)
	run(a, s.URL, dir, "web.shop.svc", said, "web.shop.svc.cluster.local")
	run(a, s.URL, dir, "other.shop.svc", said, "web.shop.svc.cluster.local")
}
GO

go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go build -o finding . && ./finding 2>log | tee seen || { cat log >&2; exit 1; }
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'web.shop.svc with []: server certs refreshed; the certificate is for [web.shop.svc]'
expect 'web.shop.svc with []: no cert refresh needed; the certificate is for [web.shop.svc]'
expect 'web.shop.svc with [web.shop.svc.cluster.local]: no cert refresh needed; the certificate is for [web.shop.svc]'
expect 'other.shop.svc with [web.shop.svc.cluster.local]: server certs refreshed; the certificate is for [other.shop.svc web.shop.svc.cluster.local]'
echo 'as described'
