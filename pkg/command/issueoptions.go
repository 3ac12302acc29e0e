// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookstrap/hookstrap/internal/request"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// issueOptions is the command line of issue, parsed.
type issueOptions struct {
	commonOptions
	once    bool
	timeout time.Duration

	// handmade is true when the flags describe a certificate without a Service; it is then what they say.
	handmade        bool
	certificate     request.Options
	writeKubeconfig string
}

func newIssueOptions() *issueOptions {
	o := &issueOptions{commonOptions: newCommonOptions(), timeout: 2 * time.Minute}
	o.bootstrap.Sidecar = true
	o.bootstrap.SelfAddress = bootstrap.DefaultSelfAddress
	o.certificate.Usage = signer.ServerAuth
	return o
}

func (o *issueOptions) addFlags(fs *pflag.FlagSet) {
	o.addIdentityFlags(fs)
	o.addCertificateFlags(fs, parseAnySignerName)
	o.addIssueFlags(fs)
	o.addHandmadeFlags(fs)
	o.addProcessFlags(fs)
}

func (o *issueOptions) addIssueFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.bootstrap.CertDir, "cert-dir", "",
		"directory to write tls.crt, tls.key and ca.crt into, for their owner alone; best a memory-backed emptyDir")
	fs.Var(newValue(&o.bootstrap.SelfAddress, "host:port", o.bootstrap.SelfAddress, parseSelfAddress), "self-address",
		"where the server that reads the files listens, for readiness to shake hands with; 0 for no handshake")
	fs.BoolVar(&o.once, "once", false,
		"obtain one certificate, wait until the live caBundles verify it, write it and end")
	fs.Var(newValue(&o.timeout, "duration", o.timeout.String(), parseTimeout), "timeout",
		"how long --once tries before it ends with exit code 1")
}

// addHandmadeFlags are for a certificate without a Service: what people do by hand.
func (o *issueOptions) addHandmadeFlags(fs *pflag.FlagSet) {
	c, subject := &o.certificate, &o.certificate.Subject
	fs.Var(newList(&c.Hosts, "host", parseHost), "host",
		"with --once, for a server without a Service: DNS name or IP address for the certificate, repeatable")
	fs.Var(newValue(&c.Usage, "usage", string(c.Usage), signer.ParseUsage), "usage",
		"with --once: server-auth, or client-auth for a client; --signer-name is "+signer.APIServerClient+" by default then")
	fs.Var(newValue(&subject.CommonName, "name", "", parseText(maxCommonName)), "common-name",
		"with --once: common name of the subject; of a client of the API server, the user")
	fs.Var(newArray(&subject.Organization, "name", parseText(maxOrganization)), "organization",
		"with --once: organization of the subject, repeatable; of a client of the API server, a group")
	for _, attribute := range []struct {
		flag, what string
		target     *[]string
		parse      func(string) (string, error)
	}{
		{"organizational-unit", "organizational unit", &subject.OrganizationalUnit, parseText(maxOrganization)},
		{"locality", "locality", &subject.Locality, parseText(maxPlace)},
		{"province", "state or province", &subject.Province, parseText(maxPlace)},
		{"country", "country (two letters)", &subject.Country, parseCountry},
	} {
		fs.Var(newArray(attribute.target, "name", attribute.parse), attribute.flag,
			"with --once: "+attribute.what+" of the subject, repeatable")
	}
	fs.StringVar(&o.writeKubeconfig, "write-kubeconfig", "",
		"with --usage=client-auth: file to write a kubeconfig with the new certificate to, for its owner alone")
}

// handmadeFlags are the flags that describe a certificate without a Service.
func handmadeFlags() []string {
	return []string{"host", "usage", "common-name", "organization", "organizational-unit", "locality", "province",
		"country", "write-kubeconfig"}
}

// complete fills in what the environment knows and judges what no flag can judge alone. Every error names the flag.
func (o *issueOptions) complete(fs *pflag.FlagSet, getenv func(string) string) error {
	if !o.once && fs.Changed("timeout") {
		return errors.New("--timeout is for --once: without it the certificate is renewed for ever")
	}
	if o.once && fs.Changed("self-address") {
		return errors.New("--self-address is for readiness, and --once has none: leave it out")
	}
	for _, name := range handmadeFlags() {
		if !fs.Changed(name) {
			continue
		}
		if !o.once {
			return fmt.Errorf("--%s is for --once: without it the certificate is a Service's", name)
		}
		o.handmade = true
		return o.completeHandmade(fs, name, getenv)
	}
	if err := o.completeIdentity(fs, getenv); err != nil {
		return err
	}
	if o.bootstrap.CertDir == "" {
		return errors.New("--cert-dir is missing: name the directory to write tls.crt, tls.key and ca.crt into")
	}
	if _, err := signer.Lookup(o.bootstrap.SignerName); err != nil {
		return fmt.Errorf("--signer-name: %w", err)
	}
	if err := o.validateIdentity(); err != nil {
		return err
	}
	if o.once && len(o.bootstrap.WebhookConfigurations) == 0 { // There is no readiness that could be wrong.
		o.bootstrap.ExternalTrust = true
		return nil
	}
	return o.completeTargets()
}

// completeHandmade takes the rest of the certificate over from the flags that it shares with one for a Service. because
// is a flag that says that there is no Service.
func (o *issueOptions) completeHandmade(fs *pflag.FlagSet, because string, getenv func(string) string) error {
	for _, name := range []string{"service-name", "pod-ip", "service-account", "cluster-domain", "extra-san",
		"webhook-configuration", "ca-secret-name", "publish-trust-bundle"} {
		if fs.Changed(name) {
			return fmt.Errorf("--%s and --%s do not go together: the one is for a certificate without a Service, the other "+
				"for a Service's (which takes more names by --extra-san)", because, name)
		}
	}
	if err := fromEnvironment(fs, "namespace", bootstrap.EnvNamespace, getenv); err != nil {
		return err
	}
	b, c := &o.bootstrap, &o.certificate
	c.SignerName, c.Approval, c.Algorithm, c.Duration = b.SignerName, b.Approval, b.KeyAlgorithm, b.Duration
	c.CAFile, c.Namespace = b.CAFile, b.Namespace
	if !fs.Changed("signer-name") {
		c.SignerName = ""
		if c.Usage == signer.ClientAuth {
			c.SignerName = signer.APIServerClient
		}
	}
	return o.validateHandmade()
}

func (o *issueOptions) validateHandmade() error {
	c := &o.certificate
	client := c.Usage == signer.ClientAuth
	switch {
	case o.bootstrap.CertDir == "" && o.writeKubeconfig == "":
		return errors.New("--cert-dir is missing: name the directory to write tls.crt and tls.key into (or, for a client, " +
			"name a file by --write-kubeconfig)")
	case o.writeKubeconfig != "" && !client:
		return errors.New("--write-kubeconfig is for a client: set --usage=client-auth")
	case o.writeKubeconfig != "" && c.Subject.CommonName == "":
		return errors.New("--common-name is missing: it is the user whose kubeconfig --write-kubeconfig writes")
	case !client && (c.SignerName == "" || c.SignerName == o.bootstrap.BuiltInSignerName):
		return fmt.Errorf("--signer-name is missing: signer %s signs for a Service alone; name another one",
			o.bootstrap.BuiltInSignerName)
	case len(c.Hosts) == 0 && !client:
		return errors.New("--host is missing: clients verify nothing else of a server's certificate")
	}
	if _, err := signer.LookupFor(c.SignerName, c.Usage); err != nil {
		return fmt.Errorf("--signer-name: %w", err)
	}
	if _, err := c.Spec(); err != nil {
		return fmt.Errorf("--signer-name, --usage, --host, --common-name and --organization do not go together: %w", err)
	}
	return nil
}
