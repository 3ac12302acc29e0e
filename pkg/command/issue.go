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
			if err := o.complete(cmd.Flags()); err != nil {
				return &usageError{err}
			}
			boot, err := construct(&o.commonOptions, bootstrap.New)
			if err != nil {
				return err
			}
			return issue(cmd.Context(), o, boot)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func issue(ctx context.Context, o *issueOptions, boot *bootstrap.Bootstrapper) error {
	logger := klog.Background()
	ctrllog.SetLogger(logger)
	signals, cancel := lifecycle.SignalContext(klog.NewContext(ctx, logger), os.Exit)
	defer cancel()
	if o.once {
		return issueOnce(signals, o, boot)
	}
	return keepIssuing(signals, o, boot)
}

// keepIssuing runs until a signal.
func keepIssuing(signals context.Context, o *issueOptions, boot *bootstrap.Bootstrapper) error {
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
func issueOnce(ctx context.Context, o *issueOptions, boot *bootstrap.Bootstrapper) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if err := boot.Once(ctx); err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Issued", "directory", o.bootstrap.CertDir, "dnsNames", boot.Leaf().DNSNames,
		"notAfter", boot.Leaf().NotAfter)
	return nil
}
