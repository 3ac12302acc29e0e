// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/signer"
)

// faults collects each [FieldError] that there is.
type faults []error

func (f *faults) add(wrong bool, field, format string, args ...any) {
	if wrong {
		*f = append(*f, fault(field, format, args...))
	}
}

// completed fills in what was left empty. The error has all faults at once, before anything is contacted.
func (o Options) completed(getenv func(string) string) (Options, error) {
	var unreadable error
	o.Environment, unreadable = o.Environment.completed(getenv)
	o.InForceBinding = cmp.Or(o.InForceBinding, variable(getenv, EnvInForceBinding))
	if o.Source == "" {
		o.Source = SourceCSR
	}
	if o.BuiltInSignerName == "" {
		o.BuiltInSignerName = BuiltInSigner
	}
	if o.SignerName == "" {
		o.SignerName = o.BuiltInSignerName
	}
	if o.Approval == "" {
		o.Approval = ApproveSelf
	}
	if o.CASecretName == "" {
		o.CASecretName = defaultCASecretName(o.Service)
	}
	if o.Source == SourcePodCertificate {
		o.ExternalTrust = o.ExternalTrust || len(o.WebhookConfigurations) == 0
		o.PodName = "" // Events take a right, and are about requests that the kubelet makes here.
	}
	return o, errors.Join(unreadable, o.validate())
}

// validate finds all faults; each is a [FieldError].
func (o Options) validate() error {
	var found faults
	found.add(o.RESTConfig == nil && (!o.Source.reads() || !o.ExternalTrust), "RESTConfig",
		"${RESTConfig} is missing: it says how to reach the API server")
	found.add(o.RESTConfig == nil && o.Server.MetricsSecure, "Server.MetricsSecure",
		"${Server.MetricsSecure} needs ${RESTConfig}: the API server is asked whose token may read metrics")
	_, err := ParseSource(string(o.Source))
	found.add(err != nil, "Source", "${Source}: %w", err)
	found.add(o.Source.reads() && o.CertDir == "", "CertDir",
		"${CertDir} is missing: the certificate source %s reads from it", o.Source)
	found.add(o.Sidecar && o.Source == SourceCSR && o.CertDir == "", "CertDir",
		"${CertDir} is missing: name the directory to write tls.crt, tls.key and ca.crt into, for the other container")
	found.add(o.Sidecar && o.Source == SourceFiles, "Sidecar",
		"${Sidecar} with another ${Source} than %s or %s: the other container reads what is requested, and written into "+
			"${CertDir}", SourceCSR, SourcePodCertificate)
	found.add(len(o.ClientAllowedNames) > 0 && o.ClientCAFile == "", "ClientAllowedNames",
		"${ClientAllowedNames} needs ${ClientCAFile}: a name means nothing without a CA that signs for it")
	found.add(slices.Contains(o.ClientAllowedNames, ""), "ClientAllowedNames",
		"${ClientAllowedNames} has an empty name, which a certificate without a common name would match: take it out")
	found.add(o.PublishTrustBundle && (o.Source != SourceCSR || o.SignerName != o.BuiltInSignerName), "PublishTrustBundle",
		"${PublishTrustBundle} is for the CA of signer %s: leave it out, or leave ${SignerName} and ${Source} out",
		o.BuiltInSignerName)
	found.add(o.InForceBinding != "" && o.RESTConfig == nil, "InForceBinding",
		"${InForceBinding} needs ${RESTConfig}: the ClusterRoleBinding is written through the API server")
	targets := len(o.WebhookConfigurations)
	found.add(targets == 0 && !o.ExternalTrust, "WebhookConfigurations",
		"${WebhookConfigurations} is missing: name the object whose caBundle is to be kept right, or set ${ExternalTrust} "+
			"if something else writes the caBundle")
	found.add(targets > 0 && o.ExternalTrust, "ExternalTrust",
		"${ExternalTrust} and ${WebhookConfigurations} do not go together: the one says that something else writes the "+
			"caBundle, the other that we do; set one of them")
	o.validateIdentity(&found)
	if o.Source == SourceCSR {
		o.validateRequest(&found)
	}
	return errors.Join(found...)
}

// validateIdentity judges what the names and addresses of the certificate are made of.
func (o Options) validateIdentity(found *faults) {
	in, before := o.identityInputs(), len(*found)
	for _, name := range []struct{ field, value string }{{"Service", in.Service}, {"Namespace", in.Namespace}} {
		found.add(name.value == "", name.field,
			"${"+name.field+"} is missing: the certificate is for the name of the Service")
	}
	for _, part := range []struct {
		field string
		in    identity.Inputs
	}{
		{"Service", identity.Inputs{Service: in.Service}},
		{"Namespace", identity.Inputs{Namespace: in.Namespace}},
		{"PodName", identity.Inputs{PodName: in.PodName}},
		{"PodIPs", identity.Inputs{PodIPs: in.PodIPs}},
		{"ClusterDomain", identity.Inputs{ClusterDomain: in.ClusterDomain}},
		{"ExtraSANs", identity.Inputs{ExtraSANs: in.ExtraSANs}},
	} {
		part.in.Service, part.in.Namespace = cmp.Or(part.in.Service, "service"), cmp.Or(part.in.Namespace, "namespace")
		_, err := identity.New(part.in)
		found.add(err != nil, part.field, "${"+part.field+"} is not valid: %w", err)
	}
	if len(*found) == before {
		_, err := identity.New(in)
		found.add(err != nil, "ClusterDomain", "${Service}, ${Namespace} and ${ClusterDomain} do not go together: %w", err)
	}
}

// validateRequest judges what the signer demands.
func (o Options) validateRequest(found *faults) {
	profile, err := o.profile()
	found.add(err != nil, "SignerName", "${SignerName}: %w", err)
	builtIn := err == nil && profile.BuiltIn()
	found.add(builtIn && o.ServiceAccount == "", "ServiceAccount",
		"${ServiceAccount} is missing: signer %s signs for that ServiceAccount alone", o.SignerName)
	_, err = csr.ParseApproval(string(o.Approval))
	found.add(err != nil, "Approval", "${Approval}: %w", err)
	_, err = csr.ParseKeyAlgorithm(string(o.KeyAlgorithm))
	found.add(err != nil, "KeyAlgorithm", "${KeyAlgorithm}: %w", err)
	found.add(builtIn && o.Duration > authority.DefaultCADuration, "Duration",
		"${Duration} %s is too long: the CA of signer %s lives for %s", o.Duration, o.SignerName, authority.DefaultCADuration)
	found.add(o.Duration != 0 && o.Duration < csr.MinDuration, "Duration",
		"${Duration} %s is too short: the API server takes %s and more", o.Duration, csr.MinDuration)
	found.add(o.Duration > csr.MaxDuration, "Duration",
		"${Duration} %s is too long: a request can say %s and less", o.Duration, csr.MaxDuration)
}

// profile is what the signer that is asked demands.
func (o Options) profile() (signer.Profile, error) {
	switch o.SignerName {
	case o.BuiltInSignerName:
		return signer.LookupBuiltIn(o.SignerName)
	case signer.BuiltIn:
		return signer.Profile{}, fmt.Errorf("the built-in signer %s has the name %s (BuiltInSignerName): leave one "+
			"of them out", o.SignerName, o.BuiltInSignerName)
	default:
		return signer.Lookup(o.SignerName)
	}
}
