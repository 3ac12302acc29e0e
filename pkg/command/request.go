// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/request"
	"github.com/hookstrap/hookstrap/internal/serving"
)

func newRequestCommand(global Options) *cobra.Command {
	o := newRequestOptions(global.BuiltInSignerName)
	cmd := &cobra.Command{
		Use:   "request",
		Short: "Obtain one certificate for a client, or for a server without a Service",
		Long: "request obtains one certificate and ends. It does what is done by hand with openssl or cfssl, a\n" +
			"CertificateSigningRequest and kubectl certificate approve: it makes a key, requests the certificate, approves\n" +
			"the request, waits for the signer, and verifies what it gets.\n\n" +
			"For a server, name its --host and a --signer-name. For a client, set --usage=client-auth and its --common-name;\n" +
			"--write-kubeconfig then writes a kubeconfig with the certificate, once the API server has taken it.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := o.complete()
			if err == nil {
				o.restConfig, err = restConfig(o.kubeconfig)
			}
			if err == nil { // The first error is all that is said.
				err = applyLogging(o.logging)
			}
			if err != nil {
				return &usageError{err}
			}
			logger := klog.Background()
			ctrllog.SetLogger(logger)
			if o.once {
				logger.Info("The command issue --once obtains certificates of Services: for this one, write request in its place")
			}
			signals, cancel := lifecycle.SignalContext(klog.NewContext(cmd.Context(), logger), os.Exit)
			defer cancel()
			return obtain(signals, o)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// obtain obtains the certificate, and writes it to where it was asked for.
func obtain(ctx context.Context, o *requestOptions) error {
	directory, err := openDestinations(o)
	if err != nil {
		return err
	}
	cfg := rest.CopyConfig(o.restConfig)
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
	klog.FromContext(ctx).Info("Issued", "directory", o.certDir, "kubeconfig", o.writeKubeconfig,
		"subject", leaf.Subject.String(), "dnsNames", leaf.DNSNames, "ips", leaf.IPAddresses, "notAfter", leaf.NotAfter)
	return nil
}

// openDestinations judges where the certificate is to be written before it is asked for: one cannot be taken back that
// was issued. There is no directory when none was named.
func openDestinations(o *requestOptions) (directory *serving.Directory, err error) {
	if o.certDir != "" {
		if directory, err = serving.OpenDirectory(o.certDir); err != nil {
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
func deliver(ctx context.Context, o *requestOptions, directory *serving.Directory, pair *serving.Pair) error {
	var kubeconfig *request.Kubeconfig
	if o.writeKubeconfig != "" {
		var err error
		if kubeconfig, err = request.LogIn(ctx, o.restConfig, pair); err != nil {
			return err
		}
	}
	if directory != nil {
		if err := directory.Save(pair, o.certificate.SignerName); err != nil {
			return err
		}
	}
	if kubeconfig != nil {
		return kubeconfig.Write(o.writeKubeconfig)
	}
	return nil
}
