// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// issueOptions is the command line of issue, parsed.
type issueOptions struct {
	commonOptions
	once    bool
	timeout time.Duration
}

func newIssueOptions() *issueOptions {
	o := &issueOptions{commonOptions: newCommonOptions(), timeout: defaultTimeout}
	o.bootstrap.Sidecar = true
	o.bootstrap.SelfAddress = bootstrap.DefaultSelfAddress
	return o
}

func (o *issueOptions) addFlags(fs *pflag.FlagSet) {
	o.addIdentityFlags(fs)
	o.addCertificateFlags(fs)
	o.addIssueFlags(fs)
	o.addProcessFlags(fs)
}

func (o *issueOptions) addIssueFlags(fs *pflag.FlagSet) {
	b := &o.bootstrap
	fs.Var(newValue(&b.Source, "source", string(b.Source), bootstrap.ParseSource), "certificate-source",
		"csr: request the certificate; pod-certificate: the kubelet writes it, and --cert-dir is that projected volume:\n"+
			"only readiness is looked after then, without a right, a token or a kubeconfig")
	fs.StringVar(&o.bootstrap.CertDir, "cert-dir", "",
		"directory to write tls.crt, tls.key and ca.crt into, for their owner alone; best a memory-backed emptyDir")
	fs.Var(newValue(&o.bootstrap.SelfAddress, "host:port", o.bootstrap.SelfAddress, parseSelfAddress), "self-address",
		"where the server that reads the files listens, for readiness to shake hands with; 0 for no handshake")
	fs.BoolVar(&o.once, "once", false,
		"obtain one certificate, wait until the live caBundles verify it, write it and end")
	fs.Var(newValue(&o.timeout, "duration", o.timeout.String(), parseTimeout), "timeout",
		"how long --once tries before it ends with exit code 1")
}

// complete fills in what the environment knows, and judges what is not for the options of the certificate to judge.
func (o *issueOptions) complete(fs *pflag.FlagSet) error {
	switch {
	case !o.once && fs.Changed("timeout"):
		return errors.New("--timeout is for --once: without it the certificate is renewed until the command is stopped")
	case o.once && fs.Changed("self-address"):
		return errors.New("--self-address is for readiness, and --once has none: leave it out")
	case o.once && o.bootstrap.Source != bootstrap.SourceCSR:
		return errors.New("--once is for certificates that are requested: the kubelet starts no container before it has " +
			"written one into a projected volume; leave --once or --certificate-source out")
	}
	o.commonOptions.complete()
	if o.once && len(o.bootstrap.WebhookConfigurations) == 0 { // There is no readiness that could be wrong.
		o.bootstrap.ExternalTrust = true
	}
	return nil
}
