// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// A manager whose webhook server gets its TLS from a Bootstrapper.
func Example() {
	cfg := &rest.Config{Host: "https://kubernetes.default.svc"} // ctrl.GetConfigOrDie()
	os.Setenv(bootstrap.EnvService, "my-webhook")               // The Deployment sets these.
	os.Setenv(bootstrap.EnvNamespace, "my-namespace")
	os.Setenv(bootstrap.EnvServiceAccount, "my-webhook")

	env, err := bootstrap.FromEnvironment(os.Getenv)
	if err != nil {
		fmt.Println(err)
		return
	}
	boot, err := bootstrap.New(bootstrap.Options{RESTConfig: cfg, Environment: env,
		WebhookConfigurations: []trust.Target{{Kind: trust.Validating, Name: "my-webhook"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = func() error {
		mgr, err := ctrl.NewManager(cfg, ctrl.Options{WebhookServer: boot.NewServer(bootstrap.ServerOptions{})})
		if err != nil {
			return err
		}
		if err := mgr.Add(boot); err != nil {
			return err
		}
		return mgr.AddReadyzCheck("webhook-tls", boot.Readyz)
	}
	for _, condition := range boot.Conditions() {
		fmt.Println("ready needs:", condition.Name)
	}
	// Output:
	// ready needs: certificate
	// ready needs: trusted
	// ready needs: service
	// ready needs: handshake
}
