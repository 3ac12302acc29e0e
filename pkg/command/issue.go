// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/request"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

func newIssueCommand(global Options) *cobra.Command {
	o := newIssueOptions()
	o.version = global.buildVersion()
	o.callBuiltInSigner(global.BuiltInSignerName)
	cmd := &cobra.Command{
		Use:   "issue",
		Short: "Keep the certificate of another server in files, or obtain one once",
		Long: "issue does what serve does for its own certificate, for a server in any language in the same pod: it\n" +
			"writes tls.crt, tls.key and ca.crt into --cert-dir, keeps the caBundle of the webhook configurations right,\n" +
			"and renews. The server reads the files again when they change; they are replaced all at once, and not before\n" +
			"the live caBundle verifies the new certificate. SIGHUP renews now.\n\n" +
			"With --once it obtains one certificate and ends, as an init container or a Job, or by hand: with --host for a\n" +
			"server without a Service, with --usage=client-auth for a client.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(cmd.Flags(), global.Getenv); err != nil {
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
	switch {
	case o.handmade:
		return issueHandmade(signals, o)
	case o.once:
		return issueOnce(signals, o)
	default:
		return keepIssuing(signals, o)
	}
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

// issueHandmade obtains a certificate without a Service.
func issueHandmade(ctx context.Context, o *issueOptions) error {
	directory, err := openDestinations(o)
	if err != nil {
		return err
	}
	cfg := rest.CopyConfig(o.bootstrap.RESTConfig)
	refusal.Watch(cfg, nil)
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("making a client of the API server: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	pair, err := request.Obtain(ctx, client, o.certificate)
	if err != nil {
		return err
	}
	if err := deliver(ctx, o, directory, pair); err != nil {
		return err
	}
	leaf := pair.Leaf()
	klog.FromContext(ctx).Info("Issued", "directory", o.bootstrap.CertDir, "kubeconfig", o.writeKubeconfig,
		"subject", leaf.Subject.String(), "dnsNames", leaf.DNSNames, "ips", leaf.IPAddresses, "notAfter", leaf.NotAfter)
	return nil
}

// openDestinations judges where the certificate is to be written before it is asked for: nobody takes back one that was
// issued. There is no directory when none was named.
func openDestinations(o *issueOptions) (directory *serving.Directory, err error) {
	if o.bootstrap.CertDir != "" {
		if directory, err = serving.OpenDirectory(o.bootstrap.CertDir); err != nil {
			return nil, err
		}
	}
	if o.writeKubeconfig != "" { // Perhaps in that directory.
		err = request.ProveKubeconfig(o.writeKubeconfig)
	}
	return directory, err
}

// deliver writes the pair to where it was asked for. The login comes first: a pair that the API server does not take
// replaces no good one.
func deliver(ctx context.Context, o *issueOptions, directory *serving.Directory, pair *serving.Pair) error {
	var kubeconfig *request.Kubeconfig
	if o.writeKubeconfig != "" {
		var err error
		if kubeconfig, err = request.LogIn(ctx, o.bootstrap.RESTConfig, pair); err != nil {
			return err
		}
	}
	if directory != nil {
		if err := directory.SaveFrom(pair, o.certificate.SignerName); err != nil {
			return err
		}
	}
	if kubeconfig != nil {
		return kubeconfig.Write(o.writeKubeconfig)
	}
	return nil
}
