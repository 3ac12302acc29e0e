// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/authority"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/csr"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/identity"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/signer"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/trust"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// serveOptions is the command line of serve, parsed.
type serveOptions struct {
	bootstrap     bootstrap.Options
	checks        config.Configuration
	bindAddress   string
	securePort    int
	healthAddress string
	metricAddress string
	shutdownDelay time.Duration
	kubeconfig    string
	logging       *logsapi.LoggingConfiguration
}

func newServeOptions() *serveOptions {
	o := &serveOptions{
		bindAddress:   "0.0.0.0",
		securePort:    9443,
		healthAddress: ":8081",
		metricAddress: ":8080",
		shutdownDelay: 10 * time.Second,
		checks:        config.Default(),
		logging:       logsapi.NewLoggingConfiguration(),
	}
	o.bootstrap.Source = bootstrap.SourceCSR
	o.bootstrap.SignerName = signer.BuiltIn
	o.bootstrap.Approval = csr.ApproveSelf
	return o
}

// addFlags declares the contract of the command line. Names follow kube-apiserver's and kubebuilder's where those
// exist.
func (o *serveOptions) addFlags(fs *pflag.FlagSet) {
	o.addIdentityFlags(fs)
	o.addCertificateFlags(fs)
	o.addServerFlags(fs)
	logsapi.AddFlags(o.logging, fs)
	fs.VisitAll(func(flag *pflag.Flag) {
		// component-base's alpha flags need a feature gate that this server does not have.
		flag.Hidden = flag.Hidden || strings.HasPrefix(flag.Name, "log-json-") || strings.HasPrefix(flag.Name, "log-text-")
	})
}

func (o *serveOptions) addIdentityFlags(fs *pflag.FlagSet) {
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
		"one more DNS name or IP address for the certificate, repeatable")
	fs.Var(newList(&b.WebhookConfigurations, "[kind/]name", trust.ParseTarget), "webhook-configuration",
		"object whose caBundle is kept right: [validating/|mutating/|crd/|apiservice/]NAME, repeatable; a plain NAME is a\n"+
			"ValidatingWebhookConfiguration")
}

func (o *serveOptions) addCertificateFlags(fs *pflag.FlagSet) {
	b := &o.bootstrap
	fs.Var(newValue(&b.Source, "source", string(b.Source), bootstrap.ParseSource), "certificate-source",
		"csr: request the certificate through the CertificateSigningRequest API; files: serve the tls.crt, tls.key and\n"+
			"ca.crt (or one credentialbundle.pem) that somebody else writes into --cert-dir")
	fs.Var(newValue(&b.SignerName, "signer", b.SignerName, parseSignerName), "signer-name",
		"signer that issues the certificate")
	fs.Var(newValue(&b.Approval, "self|external", string(b.Approval), csr.ParseApproval), "approve",
		"who approves the request: self, or external for a person or a controller")
	fs.Var(newValue(&b.CAFile, "file", "", parseBundleFile), "ca-file",
		"PEM file with the CA of an external signer, for when it cannot be found otherwise; it is read again when it changes")
	fs.BoolVar(&b.PublishTrustBundle, "publish-trust-bundle", false,
		"also keep the CA of the built-in signer in a ClusterTrustBundle, for clients other than the API server")
	fs.Var(newValue(&b.Duration, "duration", "0s", parseCertificateDuration), "certificate-duration",
		"lifetime to ask for, 10m or more; 0s leaves it to the signer")
	fs.Var(newValue(&b.KeyAlgorithm, "algorithm", string(csr.ECDSAP256), csr.ParseKeyAlgorithm), "key-algorithm",
		fmt.Sprintf("private key to make, one of %v", csr.KeyAlgorithms()))
	fs.StringVar(&b.CertDir, "cert-dir", "",
		"directory that keeps the key pair across restarts, best a memory-backed emptyDir; empty keeps it in memory only;\n"+
			"with --certificate-source=files, the directory to read from")
}

func (o *serveOptions) addServerFlags(fs *pflag.FlagSet) {
	fs.Var(newValue(&o.bindAddress, "ip", o.bindAddress, parseBindAddress), "bind-address",
		"IP address to serve admission on")
	fs.Var(newValue(&o.securePort, "port", strconv.Itoa(o.securePort), parsePort), "secure-port",
		"port to serve admission on")
	fs.Var(newValue(&o.healthAddress, "address", o.healthAddress, parseListenAddress), "health-probe-bind-address",
		"address of /healthz and /readyz, 0 for none")
	fs.Var(newValue(&o.metricAddress, "address", o.metricAddress, parseListenAddress), "metrics-bind-address",
		"address of /metrics, 0 for none")
	fs.Var(newValue(&o.bootstrap.TLS.MinVersion, "version", "VersionTLS13", parseTLSVersion), "tls-min-version",
		"oldest TLS version to accept: VersionTLS12 or VersionTLS13")
	fs.Var(newList(&o.bootstrap.TLS.CipherSuites, "suite", parseCipherSuite), "tls-cipher-suites",
		"cipher suites to accept with TLS 1.2, separated by commas (default Go's); those of TLS 1.3 are fixed")
	fs.Var(newValue(&o.bootstrap.ClientCAFile, "file", "", parseClientCAFile), "client-ca-file",
		"PEM file of CAs: clients without a certificate of one of them are refused; read again when it changes")
	fs.Var(newList(&o.bootstrap.ClientAllowedNames, "name", parseClientName), "client-allowed-name",
		"common name or DNS name that a client's certificate may have, repeatable (default: any);\nneeds --client-ca-file")
	fs.Var(newValue(&o.checks, "file", "", config.Load), "config",
		"configuration file of the checks (default: pod security level baseline, images tagged or by digest)")
	fs.Var(newValue(&o.shutdownDelay, "duration", o.shutdownDelay.String(), parseDelay), "shutdown-delay",
		"how long to go on serving, not ready, after SIGTERM, for the API server to notice")
	fs.Var(newValue(&o.kubeconfig, "file", "", parseFile), "kubeconfig",
		"how to reach the API server (default: in-cluster, then $KUBECONFIG, then ~/.kube/config)")
}

// complete fills in what the environment knows. Every error names the flag.
func (o *serveOptions) complete(fs *pflag.FlagSet, getenv func(string) string) error {
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
	o.bootstrap.SelfAddress = selfAddress(o.bindAddress, o.securePort)
	return o.validate()
}

// validate judges what no flag can judge alone.
func (o *serveOptions) validate() error {
	b := &o.bootstrap
	switch {
	case b.Service == "":
		return fmt.Errorf("--service-name is missing: name the Service in front of this server, or set %s",
			bootstrap.EnvService)
	case b.Namespace == "":
		return fmt.Errorf("--namespace is missing: name the namespace of the Service, or set %s", bootstrap.EnvNamespace)
	case b.Source == bootstrap.SourceFiles && b.CertDir == "":
		return fmt.Errorf("--cert-dir is missing: --certificate-source=files reads the certificate from it")
	case b.PublishTrustBundle && (b.Source != bootstrap.SourceCSR || b.SignerName != signer.BuiltIn):
		return fmt.Errorf("--publish-trust-bundle is for the CA of signer %s: leave it out, or --signer-name and "+
			"--certificate-source as they are", signer.BuiltIn)
	case b.SignerName == signer.BuiltIn && b.Duration > authority.DefaultCADuration:
		return fmt.Errorf("--certificate-duration %s is too long: the CA of signer %s lives for %s", b.Duration,
			signer.BuiltIn, authority.DefaultCADuration)
	case b.Source == bootstrap.SourceCSR && b.SignerName == signer.BuiltIn && b.ServiceAccount == "":
		return fmt.Errorf("--service-account is missing: signer %s signs for that ServiceAccount alone; name it, or set %s",
			signer.BuiltIn, bootstrap.EnvServiceAccount)
	case len(b.ClientAllowedNames) > 0 && b.ClientCAFile == "":
		return errors.New("--client-allowed-name needs --client-ca-file: " +
			"a name means nothing without a CA that vouches for it")
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

// selfAddress is where our own listener is reached from inside the pod.
func selfAddress(bindAddress string, port int) string {
	switch bindAddress {
	case "0.0.0.0":
		bindAddress = "127.0.0.1"
	case "::":
		bindAddress = "::1"
	}
	return net.JoinHostPort(bindAddress, strconv.Itoa(port))
}

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
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: finding the API server (not in a pod, and no usable kubeconfig): %w", err)
	}
	return cfg, nil
}
