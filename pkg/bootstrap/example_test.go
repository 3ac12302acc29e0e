// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// A whole webhook server, which a manager runs.
func Example() {
	cfg := &rest.Config{Host: "https://kubernetes.default.svc"} // ctrl.GetConfigOrDie()
	os.Setenv(bootstrap.EnvService, "my-webhook")               // The Deployment sets these.
	os.Setenv(bootstrap.EnvNamespace, "my-namespace")
	os.Setenv(bootstrap.EnvServiceAccount, "my-webhook")
	checks := http.NotFoundHandler() // handler.New, admission.WithValidator, or any other

	run := func(ctx context.Context, srv *bootstrap.Server) error {
		srv.Register("/validate", checks)
		mgr, err := ctrl.NewManager(cfg, ctrl.Options{WebhookServer: srv})
		if err != nil {
			return err
		}
		return errors.Join(srv.AddTo(mgr), mgr.Start(ctx))
	}
	srv, err := bootstrap.NewServer(bootstrap.Options{RESTConfig: cfg,
		WebhookConfigurations: []bootstrap.Target{{Kind: bootstrap.Validating, Name: "my-webhook"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, condition := range srv.Bootstrapper().Conditions() {
		fmt.Println("ready needs:", condition.Name)
	}
	_ = run // There is no cluster here.
	// Output:
	// ready needs: certificate
	// ready needs: trusted
	// ready needs: service
	// ready needs: handshake
}

// What the environment does not say is an error that names its variable, all at once.
func ExampleNewServer_faults() {
	for _, name := range []string{bootstrap.EnvService, bootstrap.EnvNamespace, bootstrap.EnvServiceAccount} {
		os.Unsetenv(name)
	}
	_, err := bootstrap.NewServer(bootstrap.Options{
		ExternalTrust: true, SignerName: "example.com/serving", Registerer: prometheus.NewRegistry()})
	fmt.Println(err)
	// Output:
	// bootstrap options: RESTConfig is missing: it says how to reach the API server
	// Service (environment variable SERVICE_NAME) is missing: the certificate is for the name of the Service
	// Namespace (environment variable POD_NAMESPACE) is missing: the certificate is for the name of the Service
}
