// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Command signer is those of cert-manager's controllers that sign CertificateRequests with the CA of a Secret, with the
// kubeconfig that is named: the one that looks at Issuers, the one that approves all requests, and the issuer of type CA. Its own
// command is in a module that the Go module proxy does not serve; what it consists of is in the main module.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	"github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	"github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca" // It registers itself.
)

// workers of each controller, as its own command has by default.
const workers = 5

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	ctrl.SetLogger(klog.Background())
	if len(os.Args) != 2 {
		return errors.New("usage: signer KUBECONFIG")
	}
	// With an API server that has priority and fairness its clients have no limits of their own.
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{Kubeconfig: os.Args[1]})
	if err != nil {
		return err
	}
	var started []controller.Interface
	for _, name := range []string{issuers.ControllerName, approver.ControllerName, ca.CRControllerName} {
		next, err := controller.Known()[name](factory)
		if err != nil {
			return fmt.Errorf("making the controller %s: %w", name, err)
		}
		started = append(started, next)
	}
	all, err := factory.Build()
	if err != nil {
		return err
	}
	all.SharedInformerFactory.Start(ctx.Done())
	all.KubeSharedInformerFactory.Start(ctx.Done())
	errs := make([]error, len(started))
	var running sync.WaitGroup
	for i, next := range started {
		running.Go(func() { errs[i] = next.Run(workers, ctx) })
	}
	running.Wait()
	return errors.Join(errs...)
}
