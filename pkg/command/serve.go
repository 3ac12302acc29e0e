// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	_ "k8s.io/component-base/logs/json/register" // --logging-format=json
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// validatePath is where the manifests' webhook configuration points, mutatePath that of docs/mutations.md, and
// convertPath the CustomResourceDefinitions of an author.
const validatePath, mutatePath, convertPath = "/validate", "/mutate", "/convert"

func newServeCommand(global Options) *cobra.Command {
	o := newServeOptions(global.Definitions)
	o.version = global.buildVersion()
	o.handlers, o.conversions = global.Handlers, global.Conversions
	o.callBuiltInSigner(global.BuiltInSignerName)
	o.keep(global.WebhookConfigurations)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the admission webhook server",
		Long: "serve runs the admission webhook server: it bootstraps its certificate, serves " + validatePath + ", and\n" +
			mutatePath + " if there are mutations, keeps the caBundle of its webhook configurations right, and renews.\n\n" +
			"SIGTERM keeps it serving for --shutdown-delay, not ready for the second half of that, and then drains it; a\n" +
			"second one ends it at once. SIGHUP renews a requested certificate now. A changed --config is used within two\n" +
			"seconds; a bad one changes nothing.\n\n" +
			"GOMEMLIMIT bounds the memory; unless it is set, it is nine tenths of the container's limit, and follows that.\n" +
			"GOGC is 400 then, unless it is set: the heap may be five times what is in use, within the limit. Four reviews\n" +
			"for each processor are looked at at a time, but at most one for each 4 MiB of the limit, or four.\n\n" +
			"The admission port has 1,000 connections at most, the others 100, and one remote address three quarters of\n" +
			"them. When there are more, the one that has waited longest for its client is closed.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.complete()
			o.bootstrap.Server = o.server()
			server, err := construct(&o.commonOptions, bootstrap.NewServer)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), o, server)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// serve runs the server until a signal ends it.
func serve(ctx context.Context, o *serveOptions, server *bootstrap.Server) error {
	lifecycle.TradeMemoryForTime()
	logger := klog.Background()
	ctrllog.SetLogger(logger)
	if err := registerProcess(ctrlmetrics.Registry, o.version); err != nil {
		return err
	}
	// What net/http's client and others say through package log.
	stdlog.SetFlags(0)                                       //nolint:forbidigo // What comes from there ends in klog.
	stdlog.SetOutput(server.Bootstrapper().ErrorLog(logger)) //nolint:forbidigo // The same.
	signals, cancel := lifecycle.SignalContext(klog.NewContext(ctx, logger), os.Exit)
	defer cancel()
	logger.Info("Starting", "version", o.version, "service", klog.KRef(o.bootstrap.Namespace, o.bootstrap.Service),
		"source", o.bootstrap.Source, "signer", o.bootstrap.SignerName)
	return runServer(signals, o, server)
}

// runServer serves until signals ends and the server has drained, or something fails.
func runServer(signals context.Context, o *serveOptions, server *bootstrap.Server) error {
	// What the server needs while it drains outlives the signal.
	serving, stop := context.WithCancel(context.WithoutCancel(signals))
	defer stop()
	group, serving := errgroup.WithContext(serving)
	checks, err := newChecks(serving, o, server.Bootstrapper())
	if err != nil {
		return err
	}
	server.Register(validatePath, checks.handler)
	if slices.ContainsFunc(o.checks.definitions, handler.Definition.IsMutation) {
		server.Register(mutatePath, checks.handler.Mutating())
	}
	if len(o.conversions) > 0 {
		server.Register(convertPath, checks.handler.Converting(o.conversions...))
	}
	registerHandlers(server, o.handlers)
	server.Register("/", handler.WithDeadlines(lifecycle.NotFoundHandler()))
	checks.run(serving, group, server)
	group.Go(func() error { return renewOnHangup(serving, server.Bootstrapper()) })
	group.Go(func() error {
		defer stop()
		return namingFlags(server.Start(untilEither(signals, serving)))
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	klog.FromContext(signals).Info("Stopped")
	return nil
}

// serveProbes opens the health and metrics ports, so that a port in use is known before anything else is done.
func serveProbes(
	ctx context.Context,
	group *errgroup.Group,
	o *commonOptions,
	boot *bootstrap.Bootstrapper,
) error {
	if err := registerProcess(ctrlmetrics.Registry, o.version); err != nil {
		return err
	}
	probes, err := boot.ListenProbes(ctx, bootstrap.ProbeOptions{
		HealthAddress: o.healthAddress, MetricsAddress: o.metricAddress, Gatherer: ctrlmetrics.Registry,
		MetricsSecure: o.bootstrap.Server.MetricsSecure,
	})
	if err != nil {
		return fmt.Errorf("--health-probe-bind-address or --metrics-bind-address: %w", err)
	}
	group.Go(func() error { return probes.Start(ctx) })
	return nil
}

// renewOnHangup renews at every SIGHUP.
func renewOnHangup(ctx context.Context, boot *bootstrap.Bootstrapper) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-hangups:
			klog.FromContext(ctx).Info("Renewing the certificate, if this program requests it, as SIGHUP asks")
			boot.Renew()
		case <-ctx.Done():
			return nil
		}
	}
}

// untilEither ends with a: the signal, or with b: a server that failed.
func untilEither(a, b context.Context) context.Context {
	either, cancel := context.WithCancelCause(a)
	context.AfterFunc(b, func() { cancel(context.Cause(b)) })
	return either
}
