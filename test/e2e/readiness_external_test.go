// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestServeWithoutWebhookConfiguration: it is an error unless it is asked for, and then readiness says that it knows
// nothing of trust.
func TestServeWithoutWebhookConfiguration(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	executable, err := binary()
	must(t, err)
	kubeconfig, err := s.Cluster.WriteKubeconfig(s.Config(t), s.Namespace)
	must(t, err)
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	args := []string{"--kubeconfig=" + kubeconfig, "--service-name=" + site.Service, "--namespace=" + s.Namespace,
		"--service-account=" + site.ServiceAccount, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.Port),
		"--health-probe-bind-address=" + health, "--metrics-bind-address=0", "--shutdown-delay=0s"}

	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{Binary: executable, Args: args})
	must(t, err)
	t.Cleanup(server.Kill)
	clustertest.Eventually(t, func(context.Context) error {
		if !isClosed(server.Exited()) {
			return fmt.Errorf("it runs:\n%s", server.Log())
		}
		return nil
	})
	if log := server.Log(); !strings.Contains(log, "--webhook-configuration is missing") {
		t.Errorf("it says %q", log)
	}

	server, err = process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable, Args: append(args, "--webhook-configuration=none")})
	must(t, err)
	t.Cleanup(server.Kill)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	_, body, err := fetch(t.Context(), "http://"+health+"/readyz?verbose")
	must(t, err)
	if !strings.Contains(body, "[+]trusted ok: not looked at") {
		t.Errorf("readiness says\n%s", body)
	}
	must(t, server.Stop())
}
