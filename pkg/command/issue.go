// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

func newIssueCommand(global Options) *cobra.Command {
	o := newIssueOptions()
	o.version = global.buildVersion()
	o.callBuiltInSigner(global.BuiltInSignerName)
	cmd := &cobra.Command{
		Use:   "issue",
		Short: "Keep the certificate of another server of the pod in files",
		Long: "issue does what serve does for its own certificate, for a server in any language in the same pod: it\n" +
			"writes tls.crt, tls.key and ca.crt into --cert-dir, keeps the caBundle of the webhook configurations right,\n" +
			"and renews. The server reads the files again when they change; they are replaced all at once, and not before\n" +
			"the live caBundle verifies the new certificate. SIGHUP renews now.\n\n" +
			"With --once it obtains one certificate and ends: as an init container, so that the server finds one when it\n" +
			"starts. For a client, or a server without a Service, there is the command request.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(cmd.Flags(), os.Getenv); err != nil {
				return &usageError{err}
			}
			if err := o.prepare(); err != nil {
				return &usageError{err}
			}
			return issue(cmd.Context(), o)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func issue(ctx context.Context, o *issueOptions) error {
	logger := klog.Background()
	ctrllog.SetLogger(logger)
	o.bootstrap.Registerer = ctrlmetrics.Registry
	signals, cancel := lifecycle.SignalContext(klog.NewContext(ctx, logger), os.Exit)
	defer cancel()
	if o.once {
		return issueOnce(signals, o)
	}
	return keepIssuing(signals, o)
}

// keepIssuing runs until a signal.
func keepIssuing(signals context.Context, o *issueOptions) error {
	boot, err := bootstrap.New(o.bootstrap)
	if err != nil {
		return err
	}
	logger := klog.FromContext(signals)
	logger.Info("Issuing for a server that reads files", "version", o.version, "directory", o.bootstrap.CertDir,
		"service", klog.KRef(o.bootstrap.Namespace, o.bootstrap.Service), "signer", o.bootstrap.SignerName)
	group, ctx := errgroup.WithContext(signals)
	if err := serveProbes(ctx, group, &o.commonOptions, boot); err != nil {
		return err
	}
	group.Go(func() error { return boot.Start(ctx) })
	group.Go(func() error { return renewOnHangup(ctx, boot) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	logger.Info("Stopped")
	return nil
}

// issueOnce obtains the certificate of a Service.
func issueOnce(ctx context.Context, o *issueOptions) error {
	boot, err := bootstrap.New(o.bootstrap)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if err := boot.Once(ctx); err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Issued", "directory", o.bootstrap.CertDir, "dnsNames", boot.Leaf().DNSNames,
		"notAfter", boot.Leaf().NotAfter)
	return nil
}
