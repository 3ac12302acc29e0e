// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command main is a manager as Kubebuilder lays it out, with a webhook whose TLS comes from Hookstrap: the webhook server
// is made by bootstrap.NewServer and added to the manager. Nothing else differs from what Kubebuilder writes.
package main

import (
	"flag"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"

	webhookv1 "example.com/kubebuilder/internal/webhook/v1"
)

func main() {
	metricsAddress := flag.String("metrics-bind-address", ":8080", "The address of the metrics endpoint.")
	options := zap.Options{}
	options.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&options)))
	if err := run(*metricsAddress); err != nil {
		fmt.Fprintln(os.Stderr, "running the manager:", err)
		os.Exit(1)
	}
}

func run(metricsAddress string) error {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	server, err := bootstrap.NewServer(bootstrap.Options{RESTConfig: config,
		WebhookConfigurations: []bootstrap.Target{{Kind: bootstrap.Validating, Name: "kubebuilder"}}})
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: metricsAddress}, WebhookServer: server,
	})
	if err != nil {
		return err
	}
	if err := webhookv1.SetupPodWebhookWithManager(mgr); err != nil {
		return err
	}
	if err := server.AddTo(mgr); err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}
