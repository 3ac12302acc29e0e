// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// TestServerLogsThroughOneLogger: that of the options, else that of the context, else that of the manager.
func TestServerLogsThroughOneLogger(t *testing.T) {
	for _, tc := range []struct {
		name              string
		options, ofStart  bool
		fromOptions, from int // lines in the logs of the options and of the context
	}{
		{name: "options", options: true, ofStart: true, fromOptions: 1},
		{name: "context", ofStart: true, from: 1},
		{name: "manager"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			optionsLogger, optionsLog := logged()
			contextLogger, contextLog := logged()
			managerLogger, managerLog := logged()
			srv := newServer(t, func(o *bootstrap.Options) {
				if tc.options {
					o.Logger = optionsLogger
				}
				o.Server.Listen = func(ctx context.Context) (net.Listener, error) {
					klog.FromContext(ctx).Info("Listening")
					return nil, errors.New("no listener")
				}
			})
			mgr, err := ctrl.NewManager(&rest.Config{Host: "https://127.0.0.1:1"}, ctrl.Options{
				WebhookServer: srv, Metrics: metricsserver.Options{BindAddress: "0"}, Logger: managerLogger})
			if err = errors.Join(err, srv.AddTo(mgr)); err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			if tc.ofStart {
				ctx = klog.NewContext(ctx, contextLogger)
			}
			if err := srv.Start(ctx); err == nil {
				t.Error("the server has started without a listener")
			}
			got := []int{strings.Count(optionsLog.String(), "Listening"), strings.Count(contextLog.String(), "Listening"),
				strings.Count(managerLog.String(), "Listening")}
			want := []int{tc.fromOptions, tc.from, 1 - tc.fromOptions - tc.from}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("lines in the logs of options, context and manager: %v, want %v", got, want)
				}
			}
		})
	}
}
