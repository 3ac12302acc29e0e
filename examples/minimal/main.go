// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command minimal is a whole admission webhook: one check of its own, in a controller-runtime manager, with the TLS
// bootstrapped by Hookstrap. Copy it and change the check.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// noDefaultServiceAccount is the check: a Pod names the ServiceAccount it runs as.
func noDefaultServiceAccount(_ context.Context, _ *handler.Request, pod *corev1.Pod) []handler.Violation {
	if name := pod.Spec.ServiceAccountName; name != "" && name != "default" {
		return nil
	}
	return []handler.Violation{
		handler.Violationf(field.NewPath("spec", "serviceAccountName"), "name a ServiceAccount other than default"),
	}
}

func run(ctx context.Context) error {
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	// Ten lines, 1: who we are, and whose caBundle is to be kept right.
	env, err := bootstrap.FromEnvironment(os.Getenv)
	if err != nil {
		return err
	}
	boot, err := bootstrap.New(bootstrap.Options{RESTConfig: cfg, Environment: env, Registerer: metrics.Registry,
		WebhookConfigurations: []trust.Target{{Kind: trust.Validating, Name: "minimal"}}})
	if err != nil {
		return err
	}
	checks, err := handler.New(handler.Options{Registerer: metrics.Registry, Entries: []handler.Entry{
		{Check: handler.CheckFor("no-default-service-account", noDefaultServiceAccount), Mode: handler.Deny}},
		Namespace: env.Namespace, OnOwnNamespace: boot.AskedAboutOwnNamespace})
	if err != nil {
		return err
	}
	// 2: the server presents what the bootstrapper has. GetWebhookServer is what makes the manager start it.
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{WebhookServer: boot.NewServer(bootstrap.ServerOptions{}),
		Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		return err
	}
	mgr.GetWebhookServer().Register("/validate", checks)
	// 3: probes say "ready" when the API server can call us. They and the metrics bound what connections can cost, which
	// the manager's own do not.
	probes, err := boot.ListenProbes(ctx, bootstrap.ProbeOptions{
		HealthAddress: ":8081", MetricsAddress: ":8080", Gatherer: metrics.Registry})
	if err != nil {
		return err
	}
	// 4: the manager runs all of them.
	if err := errors.Join(mgr.Add(boot), mgr.Add(probes)); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func main() {
	ctrl.SetLogger(klog.Background())
	if err := run(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "minimal:", err)
		os.Exit(1)
	}
}
