// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

const path = "/validate"

// listenAs serves as one of the servers on a port of 127.0.0.1.
func listenAs(ctx context.Context, kind string, port int, state *serving.State) error {
	ctrllog.SetLogger(logr.Discard())
	isStock := strings.HasPrefix(kind, "stock")
	if !isStock {
		lifecycle.TradeMemoryForTime() // as webhook serve does
	}
	if kind == "floor" {
		return listenFloor(port, state)
	}
	admission, err := admissionHandler(kind)
	if err != nil {
		return err
	}
	tlsOption := state.TLSOption(serving.TLSOptions{})
	if isStock {
		server := webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: port, TLSOpts: []func(*tls.Config){tlsOption}})
		server.Register(path, admission)
		return server.Start(ctx)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return serveOurs(ctx, listener, admission, tlsOption)
}

// serveOurs serves with the bounds for connections that webhook serve has.
func serveOurs(ctx context.Context, l net.Listener, admission http.Handler, tlsOption func(*tls.Config)) error {
	mux := http.NewServeMux()
	mux.Handle(path, admission)
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	tlsOption(config)
	return lifecycle.NewServer(ctx, l, mux, lifecycle.ServerOptions{
		Name: "admission", TLS: config, MaxConnections: bootstrap.DefaultMaxConnections,
	}).Serve(ctx)
}

func listenFloor(port int, state *serving.State) error {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	state.TLSOption(serving.TLSOptions{})(config)
	listener, err := tls.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port), config)
	if err != nil {
		return err
	}
	answer := []byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":` +
		`{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","allowed":true}}`)
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
	return http.Serve(listener, answers) //nolint:gosec // a bare one, only for us
}
