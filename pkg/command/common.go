// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/pemtext"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// commonOptions is what the command lines of serve and issue have in common.
type commonOptions struct {
	bootstrap     bootstrap.Options
	healthAddress string
	metricAddress string
	kubeconfig    string
	logging       *logsapi.LoggingConfiguration
	version       string
}

func newCommonOptions() commonOptions {
	o := commonOptions{healthAddress: ":8081", metricAddress: ":8080", logging: logsapi.NewLoggingConfiguration()}
	o.bootstrap.Source = bootstrap.SourceCSR
	o.bootstrap.Approval = csr.ApproveSelf
	o.callBuiltInSigner(signer.BuiltIn)
	return o
}

// callBuiltInSigner gives the built-in signer a name, and asks it unless a flag says otherwise.
func (o *commonOptions) callBuiltInSigner(name string) {
	o.bootstrap.BuiltInSignerName, o.bootstrap.SignerName = name, name
}

func (o *commonOptions) addIdentityFlags(fs *pflag.FlagSet) {
	b := &o.bootstrap
	fs.Var(newValue(&b.Service, "name", "", parseService), "service-name",
		"Service in front of this server (default $"+bootstrap.EnvService+")")
	fs.Var(newValue(&b.Namespace, "name", "", parseNamespace), "namespace",
		"namespace of the Service and of this server (default $"+bootstrap.EnvNamespace+")")
	fs.Var(newList(&b.PodIPs, "ip", parsePodIP), "pod-ip",
		"IP address of this pod, repeatable (default $"+bootstrap.EnvPodIPs+")")
	fs.Var(newValue(&b.ServiceAccount, "name", "", parseServiceAccount), "service-account",
		"ServiceAccount this server runs as (default $"+bootstrap.EnvServiceAccount+")")
	fs.Var(newValue(&b.ClusterDomain, "domain", "", parseClusterDomain), "cluster-domain",
		"DNS domain of the cluster (default from the search list of /etc/resolv.conf, then "+
			identity.DefaultClusterDomain+")")
	fs.Var(newList(&b.ExtraSANs, "san", parseExtraSAN), "extra-san",
		"one more DNS name or IP address for the certificate, repeatable; an entry of a webhook configuration\n"+
			"that calls it, by URL or as another Service (NAME.NAMESPACE.svc), is filled too")
	fs.Var(newList(&b.WebhookConfigurations, "[kind/]name", parseTarget), "webhook-configuration",
		"object whose caBundle is kept right: [validating/|mutating/|crd/|apiservice/]NAME, repeatable; a plain NAME is a\n"+
			"ValidatingWebhookConfiguration; none if something else writes the caBundle")
	fs.BoolVar(&b.SharedConfigurations, "shared-configurations", false,
		"the webhook configurations have entries of other Services as well: count those, and do not warn of them")
}

func (o *commonOptions) addCertificateFlags(fs *pflag.FlagSet, parseSigner func(string) (string, error)) {
	b := &o.bootstrap
	fs.Var(newValue(&b.SignerName, "signer", b.SignerName, parseSigner), "signer-name",
		"signer that issues the certificate")
	fs.Var(newValue(&b.Approval, "self|external", string(b.Approval), csr.ParseApproval), "approve",
		"who approves the request: self, or external for a person or a controller")
	fs.Var(newValue(&b.CAFile, "file", "", parseBundleFile), "ca-file",
		"PEM file with the CA of an external signer, for when it cannot be found otherwise; it is read again when it changes")
	fs.Var(newValue(&b.CASecretName, "name", "", parseSecretName), "ca-secret-name",
		"Secret of the built-in signer's CA, in the same namespace (default the Service's name and -ca)")
	fs.BoolVar(&b.PublishTrustBundle, "publish-trust-bundle", false,
		"also keep the CA of the built-in signer in a ClusterTrustBundle, for clients other than the API server")
	fs.Var(newValue(&b.Duration, "duration", "0s", parseCertificateDuration), "certificate-duration",
		"lifetime to ask for, 10m or more; 0s leaves it to the signer")
	fs.Var(newValue(&b.KeyAlgorithm, "algorithm", string(csr.ECDSAP256), csr.ParseKeyAlgorithm), "key-algorithm",
		fmt.Sprintf("private key to make, one of %v", csr.KeyAlgorithms()))
}

// addProcessFlags are those of any server of Kubernetes: where it is watched, what it talks to, what it logs.
func (o *commonOptions) addProcessFlags(fs *pflag.FlagSet) {
	fs.Var(newValue(&o.healthAddress, "address", o.healthAddress, parseListenAddress), "health-probe-bind-address",
		"address of /healthz and /readyz, 0 for none")
	fs.Var(newValue(&o.metricAddress, "address", o.metricAddress, parseListenAddress), "metrics-bind-address",
		"address of /metrics, 0 for none")
	fs.Var(newValue(&o.kubeconfig, "file", "", parseFile), "kubeconfig",
		"how to reach the API server (default: in-cluster, then $KUBECONFIG, then ~/.kube/config)")
	addLoggingFlags(fs, o.logging)
}

func addLoggingFlags(fs *pflag.FlagSet, logging *logsapi.LoggingConfiguration) {
	logsapi.AddFlags(logging, fs)
	fs.VisitAll(func(flag *pflag.Flag) {
		// component-base's alpha flags need a feature gate that this server does not have.
		flag.Hidden = flag.Hidden || strings.HasPrefix(flag.Name, "log-json-") || strings.HasPrefix(flag.Name, "log-text-")
	})
}

// applyLogging sets up the log of the process. What is more verbose than [logcap.MaxVerbosity] is cut off here as well:
// what a library asks the API server for in a context of its own is not logged whole either.
func applyLogging(logging *logsapi.LoggingConfiguration) error {
	logging.Verbosity = min(logging.Verbosity, logcap.MaxVerbosity)
	for i := range logging.VModule {
		logging.VModule[i].Verbosity = min(logging.VModule[i].Verbosity, logcap.MaxVerbosity)
	}
	if err := logsapi.ValidateAndApply(logging, nil); err != nil {
		return fmt.Errorf("--logging-format or another logging flag: %w", err)
	}
	return nil
}

// completeIdentity fills in what the environment knows of us.
func (o *commonOptions) completeIdentity(fs *pflag.FlagSet, getenv func(string) string) error {
	for _, from := range []struct{ flag, variable string }{
		{"service-name", bootstrap.EnvService},
		{"namespace", bootstrap.EnvNamespace},
		{"pod-ip", bootstrap.EnvPodIPs},
		{"service-account", bootstrap.EnvServiceAccount},
	} {
		if err := fromEnvironment(fs, from.flag, from.variable, getenv); err != nil {
			return err
		}
	}
	o.bootstrap.PodName, o.bootstrap.PodUID = getenv(bootstrap.EnvPodName), types.UID(getenv(bootstrap.EnvPodUID))
	if o.bootstrap.ClusterDomain == "" {
		o.bootstrap.ClusterDomain = clusterDomain(o.bootstrap.Namespace)
	}
	return nil
}

// completeTargets takes "none" out of the webhook configurations, and judges whether there is one of the two.
func (o *commonOptions) completeTargets() error {
	b := &o.bootstrap
	switch {
	case len(b.WebhookConfigurations) == 0:
		return errors.New("--webhook-configuration is missing: name the object whose caBundle is to be kept right, or none " +
			"if something else writes the caBundle")
	case !slices.Contains(b.WebhookConfigurations, trust.Target{}):
		return nil
	case len(b.WebhookConfigurations) > 1:
		return errors.New("--webhook-configuration=none and other webhook configurations do not go together: leave one of " +
			"them out")
	}
	b.WebhookConfigurations, b.ExternalTrust = nil, true
	return nil
}

// validateIdentity judges what no flag of the shared ones can judge alone.
func (o *commonOptions) validateIdentity() error {
	b := &o.bootstrap
	switch {
	case b.Service == "":
		return fmt.Errorf("--service-name is missing: name the Service in front of this server, or set %s",
			bootstrap.EnvService)
	case b.Namespace == "":
		return fmt.Errorf("--namespace is missing: name the namespace of the Service, or set %s", bootstrap.EnvNamespace)
	case b.PublishTrustBundle && (b.Source != bootstrap.SourceCSR || b.SignerName != b.BuiltInSignerName):
		return fmt.Errorf("--publish-trust-bundle is for the CA of signer %s: leave it out, or --signer-name and "+
			"--certificate-source as they are", b.BuiltInSignerName)
	case b.SignerName == b.BuiltInSignerName && b.Duration > authority.DefaultCADuration:
		return fmt.Errorf("--certificate-duration %s is too long: the CA of signer %s lives for %s", b.Duration,
			b.BuiltInSignerName, authority.DefaultCADuration)
	case b.Source == bootstrap.SourceCSR && b.SignerName == b.BuiltInSignerName && b.ServiceAccount == "":
		return fmt.Errorf("--service-account is missing: signer %s signs for that ServiceAccount alone; name it, or set %s",
			b.BuiltInSignerName, bootstrap.EnvServiceAccount)
	}
	if _, err := identity.New(identity.Inputs{Service: b.Service, Namespace: b.Namespace, PodName: b.PodName,
		PodIPs: b.PodIPs, ClusterDomain: b.ClusterDomain, ExtraSANs: b.ExtraSANs}); err != nil {
		return fmt.Errorf("--service-name, --namespace and --cluster-domain do not go together: %w", err)
	}
	return nil
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

// prepare finds the API server and sets up the log, in this order: the first error is then all that is said.
func (o *commonOptions) prepare() error {
	var err error
	if o.bootstrap.RESTConfig, err = restConfig(o.kubeconfig); err != nil {
		needless := o.bootstrap.Source == bootstrap.SourceFiles && o.bootstrap.ExternalTrust
		if !needless || !errors.As(err, new(*unknownError)) {
			return err
		}
	}
	return applyLogging(o.logging)
}

// unknownError says that nothing names an API server, which a server without anything to ask of it can do without. A
// static pod has neither a ServiceAccount nor a kubeconfig.
type unknownError struct{ error }

// Unwrap returns the error itself.
func (e *unknownError) Unwrap() error { return e.error }

// restConfig finds the API server: --kubeconfig, else in-cluster, else the usual kubeconfig files.
func restConfig(kubeconfig string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	if kubeconfig == "" {
		if cfg, err := rest.InClusterConfig(); err == nil {
			return cfg, nil
		}
	}
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if clientcmd.IsEmptyConfig(err) && kubeconfig == "" {
		err = &unknownError{err}
	}
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: finding the API server (not in a pod, and no usable kubeconfig): %w", err)
	}
	return cfg, cleanCA(cfg)
}

// cleanCA takes byte order marks out of the CA of an API server, which client-go does not read. A file that has none is
// left to client-go, which follows it.
func cleanCA(cfg *rest.Config) error {
	if cfg.CAData = pemtext.Clean(cfg.CAData); len(cfg.CAData) > 0 || cfg.CAFile == "" {
		return nil
	}
	data, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return fmt.Errorf("--kubeconfig: reading the CA of the API server: %w", err)
	}
	if cleaned := pemtext.Clean(data); len(cleaned) != len(data) {
		cfg.CAData, cfg.CAFile = cleaned, ""
	}
	return nil
}
