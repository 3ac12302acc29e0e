// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/request"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// defaultTimeout is how long a command tries that obtains one certificate and ends.
const defaultTimeout = 2 * time.Minute

// requestOptions is the command line of request, parsed.
type requestOptions struct {
	clientOptions
	builtInSigner            string
	certificate              request.Options
	certDir, writeKubeconfig string
	timeout                  time.Duration
	restConfig               *rest.Config
	// once is set by a command line for an earlier release, see [withRequest].
	once bool
}

func newRequestOptions(builtInSigner string) *requestOptions {
	return &requestOptions{
		clientOptions: newClientOptions(), builtInSigner: builtInSigner, timeout: defaultTimeout,
		certificate: request.Options{Usage: signer.ServerAuth, Approval: csr.ApproveSelf},
	}
}

func (o *requestOptions) addFlags(fs *pflag.FlagSet) {
	c := &o.certificate
	requested{&c.SignerName, &c.Approval, &c.Duration, &c.Algorithm}.addFlags(fs, parseAnySignerName)
	fs.Var(newValue(&c.CAFile, "file", "", parseBundleFile), "ca-file",
		"PEM file with the signer's CA, for when it cannot be found otherwise")
	fs.Var(newValue(&c.Namespace, "name", "", parseNamespace), "namespace",
		"namespace whose ConfigMap "+signer.RootCAConfigMapName+" may have the signer's CA (default $"+
			bootstrap.EnvNamespace+")")
	fs.Var(newList(&c.Hosts, "host", parseHost), "host",
		"DNS name or IP address for the certificate, repeatable; a server's has one or more")
	fs.Var(newValue(&c.Usage, "server-auth|client-auth", string(c.Usage), signer.ParseUsage), "usage",
		"what the certificate is for; with client-auth, --signer-name is "+signer.APIServerClient+" by default")
	o.addSubjectFlags(fs)
	fs.StringVar(&o.certDir, "cert-dir", "",
		"directory to write tls.crt, tls.key and, if it is known, ca.crt into, for their owner alone")
	fs.StringVar(&o.writeKubeconfig, "write-kubeconfig", "",
		"with --usage=client-auth: file to write a kubeconfig with the new certificate to, for its owner alone")
	fs.Var(newValue(&o.timeout, "duration", o.timeout.String(), parseTimeout), "timeout",
		"how long to try before the command ends with exit code 1")
	o.addClientFlags(fs)
	o.addOldFlags(fs)
}

func (o *requestOptions) addSubjectFlags(fs *pflag.FlagSet) {
	subject := &o.certificate.Subject
	fs.Var(newValue(&subject.CommonName, "name", "", parseText(maxCommonName)), "common-name",
		"common name of the subject; of a client of the API server, the user")
	for _, attribute := range []struct {
		flag, what string
		target     *[]string
		parse      func(string) (string, error)
	}{
		{"organization", "organization of the subject, repeatable; of a client of the API server, a group",
			&subject.Organization, parseText(maxOrganization)},
		{"organizational-unit", "organizational unit of the subject, repeatable",
			&subject.OrganizationalUnit, parseText(maxOrganization)},
		{"locality", "locality of the subject, repeatable", &subject.Locality, parseText(maxPlace)},
		{"province", "state or province of the subject, repeatable", &subject.Province, parseText(maxPlace)},
		{"country", "country (two letters) of the subject, repeatable", &subject.Country, parseCountry},
	} {
		fs.Var(newArray(attribute.target, "name", attribute.parse), attribute.flag, attribute.what)
	}
}

// complete fills in what the environment knows and judges what no flag can judge alone. Every error names the flag.
func (o *requestOptions) complete() error {
	env, _ := bootstrap.FromEnvironment(os.Getenv) // What cannot be read is not of use here.
	c := &o.certificate
	c.Namespace = cmp.Or(c.Namespace, env.Namespace)
	client := c.Usage == signer.ClientAuth
	if client && c.SignerName == "" {
		c.SignerName = signer.APIServerClient
	}
	if err := o.missing(client); err != nil {
		return err
	}
	if _, err := signer.LookupFor(c.SignerName, c.Usage); err != nil {
		return fmt.Errorf("--signer-name: %w", err)
	}
	if _, err := c.Spec(); err != nil {
		return fmt.Errorf("--signer-name, --usage, --host, --common-name and --organization do not go together: %w", err)
	}
	return nil
}

// missing names everything that is missing, at once.
func (o *requestOptions) missing(client bool) error {
	c, found := &o.certificate, []error{}
	add := func(missing bool, format string, args ...any) {
		if missing {
			found = append(found, fmt.Errorf(format, args...))
		}
	}
	add(o.certDir == "" && o.writeKubeconfig == "", "--cert-dir is missing: name the directory to write tls.crt and "+
		"tls.key into (or, for a client, name a file by --write-kubeconfig)")
	add(o.writeKubeconfig != "" && !client, "--write-kubeconfig is for a client: set --usage=client-auth")
	add(o.writeKubeconfig != "" && client && c.Subject.CommonName == "",
		"--common-name is missing: it is the user whose kubeconfig --write-kubeconfig writes")
	add(client && c.SignerName == signer.APIServerClient && c.Subject.CommonName == "" && o.writeKubeconfig == "",
		"--common-name is missing: it is the user who logs in with the certificate")
	add(!client && (c.SignerName == "" || c.SignerName == o.builtInSigner),
		"--signer-name is missing: signer %s signs for a Service alone; name another one", o.builtInSigner)
	add(!client && len(c.Hosts) == 0, "--host is missing: clients verify nothing else of a server's certificate")
	return errors.Join(found...)
}

// The upper bounds of RFC 5280, appendix A.1, in characters: organizations and their units, and places.
const (
	maxCommonName   = 64
	maxOrganization = 64
	maxPlace        = 128
)

// parseAnySignerName takes whatever a signer may be called: which are of use depends on --usage, which may come later.
func parseAnySignerName(text string) (string, error) {
	return text, signer.CheckName(text)
}

func parseHost(text string) (string, error) {
	_, err := identity.ForHosts([]string{text})
	return text, err
}

// parseText reads an attribute of a subject.
func parseText(longest int) func(string) (string, error) {
	return func(text string) (string, error) {
		switch {
		case strings.TrimSpace(text) == "":
			return "", fmt.Errorf("%q is empty: leave the flag out, or write something", text)
		case utf8.RuneCountInString(text) > longest:
			return "", fmt.Errorf("%q is longer than the %d characters that X.509 allows", text, longest)
		case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
			return "", fmt.Errorf("%q has a character that cannot be written: use plain UTF-8 text", text)
		default:
			return text, nil
		}
	}
}

// parseCountry reads a country's code of ISO 3166, as X.509 has it.
func parseCountry(text string) (string, error) {
	outside := func(r rune) bool { return r < 'A' || r > 'Z' }
	if len(text) != 2 || strings.ContainsFunc(text, outside) {
		return "", fmt.Errorf("%q is not a country: write the two capital letters of ISO 3166, such as DE", text)
	}
	return text, nil
}
