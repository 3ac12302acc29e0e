// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command conversion is a conversion webhook of a CustomResourceDefinition, without a manager. Version v1 of a Box has
// spec.size as a text such as "3x4", v2 has spec.width and spec.height.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

func run(ctx context.Context, options bootstrap.ServerOptions) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	server, err := bootstrap.NewServer(bootstrap.Options{
		RESTConfig:            config,
		WebhookConfigurations: []bootstrap.Target{{Kind: bootstrap.CRD, Name: "boxes.example.com"}},
		Server:                options,
	})
	if err != nil {
		return err
	}
	// It has no checks; the conversions share its limits and metrics.
	h, err := handler.New(handler.Options{Registerer: metrics.Registry})
	if err != nil {
		return err
	}
	server.Register("/convert", h.Converting(boxes()))
	return server.Start(ctx)
}

func main() {
	var options bootstrap.ServerOptions
	flag.StringVar(&options.Address, "bind-address", ":9443", "host:port of the webhook")
	flag.StringVar(&options.HealthAddress, "health-probe-bind-address", ":8081", "host:port of the probes")
	flag.Parse()
	ctrl.SetLogger(klog.Background())
	if err := run(ctrl.SetupSignalHandler(), options); err != nil {
		fmt.Fprintln(os.Stderr, "conversion:", err)
		os.Exit(1)
	}
}
