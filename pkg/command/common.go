// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// commonOptions is what the command lines of serve and issue have in common.
type commonOptions struct {
	clientOptions
	bootstrap     bootstrap.Options
	healthAddress string
	metricAddress string
	version       string
	targets       []string // the default of --webhook-configuration
}

func newCommonOptions() commonOptions {
	o := commonOptions{clientOptions: newClientOptions(), healthAddress: ":8081", metricAddress: ":8080"}
	o.bootstrap.Source = bootstrap.SourceCSR
	o.bootstrap.Approval = csr.ApproveSelf
	o.callBuiltInSigner(signer.BuiltIn)
	return o
}

// callBuiltInSigner gives the built-in signer a name, and asks it unless a flag says otherwise.
func (o *commonOptions) callBuiltInSigner(name string) {
	o.bootstrap.BuiltInSignerName, o.bootstrap.SignerName = name, name
}

// keep sets the default of --webhook-configuration.
func (o *commonOptions) keep(targets []string) { o.targets = targets }

func (o *commonOptions) addIdentityFlags(fs *pflag.FlagSet) {
	b := &o.bootstrap
	fs.Var(newValue(&b.Service, "name", "", parseService), "service-name",
		"Service in front of this server (default $"+bootstrap.EnvService+")")
	fs.Var(newValue(&b.Namespace, "name", "", parseNamespace), "namespace",
		"namespace of the Service and of this server (default $"+bootstrap.EnvNamespace+")")
	fs.Var(newList(&b.PodIPs, "ip", parsePodIP), "pod-ip",
		"IP address of this pod, repeatable (default $"+bootstrap.EnvPodIPs+")")
	fs.Var(newValue(&b.ServiceAccount, "name", "", parseObjectName), "service-account",
		"ServiceAccount this server runs as (default $"+bootstrap.EnvServiceAccount+")")
	fs.Var(newValue(&b.ClusterDomain, "domain", "", parseClusterDomain), "cluster-domain",
		"DNS domain of the cluster (default from the search list of /etc/resolv.conf, then "+
			identity.DefaultClusterDomain+")")
	fs.Var(newList(&b.ExtraSANs, "san", parseExtraSAN), "extra-san",
		"one more DNS name or IP address for the certificate, repeatable; an entry of a webhook configuration\n"+
			"that calls it, by URL or as another Service (NAME.NAMESPACE.svc), is filled too")
	fs.Var(newDefaultedList(&b.WebhookConfigurations, "[kind/]name", o.targets, parseTarget), "webhook-configuration",
		"object whose caBundle is kept right: [validating/|mutating/|crd/|apiservice/]NAME, repeatable; a plain NAME is a\n"+
			"ValidatingWebhookConfiguration; none if something else writes the caBundle")
	fs.BoolVar(&b.SharedConfigurations, "shared-configurations", false,
		"the webhook configurations have entries of other Services as well: count those, and do not warn of them")
	fs.Var(newValue(&b.InForceBinding, "name", "", parseObjectName), "in-force-binding",
		"ClusterRoleBinding that gets its subject when the API server can call this server for the first time, so that\n"+
			"entries whose matchConditions ask for it are in force from then on (default $"+
			bootstrap.EnvInForceBinding+", else none)")
}

func (o *commonOptions) addCertificateFlags(fs *pflag.FlagSet) {
	b := &o.bootstrap
	requested{&b.SignerName, &b.Approval, &b.Duration, &b.KeyAlgorithm}.addFlags(fs, parseSignerName)
	fs.Var(newValue(&b.CAFile, "file", "", parseBundleFile), "ca-file",
		"PEM file with the CA of an external signer, for when it cannot be found otherwise; it is read again when it changes")
	fs.Var(newValue(&b.CASecretName, "name", "", parseObjectName), "ca-secret-name",
		"Secret of the built-in signer's CA, in the same namespace (default the Service's name and -ca)")
	fs.BoolVar(&b.PublishTrustBundle, "publish-trust-bundle", false,
		"also keep the CA of the built-in signer in a ClusterTrustBundle, for clients other than the API server")
}

// requested is what any request for a certificate says.
type requested struct {
	signerName   *string
	approval     *csr.Approval
	duration     *time.Duration
	keyAlgorithm *csr.KeyAlgorithm
}

func (r requested) addFlags(fs *pflag.FlagSet, parseSigner func(string) (string, error)) {
	fs.Var(newValue(r.signerName, "signer", *r.signerName, parseSigner), "signer-name",
		"signer that issues the certificate")
	fs.Var(newValue(r.approval, "self|external", string(*r.approval), csr.ParseApproval), "approve",
		"who approves the request: self, or external for a person or a controller")
	fs.Var(newValue(r.duration, "duration", "0s", parseCertificateDuration), "certificate-duration",
		"lifetime to ask for, 10m or more; 0s leaves it to the signer")
	fs.Var(newValue(r.keyAlgorithm, "algorithm", string(csr.ECDSAP256), csr.ParseKeyAlgorithm), "key-algorithm",
		fmt.Sprintf("private key to make, one of %v", csr.KeyAlgorithms()))
}

// addProcessFlags are those of any server of Kubernetes: where it is watched, what it talks to, what it logs.
func (o *commonOptions) addProcessFlags(fs *pflag.FlagSet) {
	fs.Var(newValue(&o.healthAddress, "address", o.healthAddress, parseListenAddress), "health-probe-bind-address",
		"address of /healthz and /readyz, 0 for none")
	fs.Var(newValue(&o.metricAddress, "address", o.metricAddress, parseListenAddress), "metrics-bind-address",
		"address of /metrics, 0 for none")
	o.addMetricsSecureFlag(fs)
	o.addClientFlags(fs)
}

func (o *commonOptions) addMetricsSecureFlag(fs *pflag.FlagSet) {
	fs.BoolVar(&o.bootstrap.Server.MetricsSecure, "metrics-secure", false,
		"serve /metrics by TLS with the certificate of the Service, to clients whose token may get it alone")
}

// complete fills in what a command has to know before the options are judged, from the environment as they do, and
// takes "none" out of the webhook configurations.
func (o *commonOptions) complete() {
	b := &o.bootstrap
	env, _ := bootstrap.FromEnvironment(os.Getenv) // The options name what cannot be read.
	b.Service, b.Namespace = cmp.Or(b.Service, env.Service), cmp.Or(b.Namespace, env.Namespace)
	if b.ClusterDomain == "" {
		b.ClusterDomain = clusterDomain(b.Namespace)
	}
	b.ExternalTrust = slices.Contains(b.WebhookConfigurations, trust.Target{})
	b.WebhookConfigurations = slices.DeleteFunc(b.WebhookConfigurations, func(t trust.Target) bool {
		return t == trust.Target{}
	})
}

// clusterDomain asks the pod's resolver configuration; "" when that does not say.
func clusterDomain(namespace string) string {
	file, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return ""
	}
	defer file.Close() //nolint:errcheck // Only read.
	domain, _ := identity.ClusterDomainFromResolvConf(file, namespace)
	return domain
}

// construct makes what the options describe, with the API server that is found. The log is set up before that:
// client-go looks at the verbosity when a client is made.
func construct[T any](o *commonOptions, build func(bootstrap.Options) (T, error)) (made T, err error) {
	if err := checkLogging(o.logging); err != nil {
		return made, &usageError{err}
	}
	var unknown error
	if o.bootstrap.RESTConfig, err = restConfig(o.kubeconfig); errors.As(err, new(*unknownError)) {
		unknown = err // Which is no fault where nothing is asked of it.
	} else if err != nil {
		return made, &usageError{err}
	}
	if err := applyLogging(o.logging); err != nil {
		return made, err
	}
	o.bootstrap.Registerer = ctrlmetrics.Registry
	made, err = build(o.bootstrap)
	return made, withFlags(err, unknown)
}
