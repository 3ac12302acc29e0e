// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command minimal is a whole admission webhook: one check of its own, in a controller-runtime manager, with the TLS
// bootstrapped by Hookstrap. Copy it and change the check.
package main

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

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
	checks, err := handler.New(handler.Options{Registerer: metrics.Registry, Entries: []handler.Entry{
		{Check: handler.CheckFor("no-default-service-account", noDefaultServiceAccount), Mode: handler.Deny}}})
	if err != nil {
		return err
	}
	srv, err := bootstrap.NewServer(bootstrap.Options{RESTConfig: cfg,
		WebhookConfigurations: []bootstrap.Target{{Kind: bootstrap.Validating, Name: "minimal"}}})
	if err != nil {
		return err
	}
	srv.Register("/validate", checks)
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{WebhookServer: srv})
	if err != nil {
		return err
	}
	if err := srv.AddTo(mgr); err != nil {
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
