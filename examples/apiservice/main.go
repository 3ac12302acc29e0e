// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command apiservice is a small aggregated API server: it has the resource greetings of hello.example.com/v1, and
// accepts requests from the API server alone. Its certificate and the caBundle of its APIService come from Hookstrap.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

func run(ctx context.Context, options bootstrap.ServerOptions) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp("", "apiservice-")
	if err != nil {
		return fmt.Errorf("making a directory for the client CA: %w", err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	front := &frontProxy{client: client, file: filepath.Join(directory, "client-ca.crt")}
	if err := front.read(ctx); err != nil {
		return err
	}
	go front.follow(ctx)
	server, err := bootstrap.NewServer(bootstrap.Options{
		RESTConfig:            config,
		WebhookConfigurations: []bootstrap.Target{{Kind: bootstrap.APIService, Name: "v1.hello.example.com"}},
		ClientCAFile:          front.file,
		ClientAllowedNames:    front.names,
		Server:                options,
	})
	if err != nil {
		return err
	}
	addAPI(server.WebhookMux())
	return server.Start(ctx)
}

func main() {
	var options bootstrap.ServerOptions
	flag.StringVar(&options.Address, "bind-address", ":9443", "host:port of the API")
	flag.StringVar(&options.HealthAddress, "health-probe-bind-address", ":8081", "host:port of the probes")
	flag.Parse()
	ctrl.SetLogger(klog.Background())
	if err := run(ctrl.SetupSignalHandler(), options); err != nil {
		fmt.Fprintln(os.Stderr, "apiservice:", err)
		os.Exit(1)
	}
}
