// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"net/http"
	"time"

	"github.com/spf13/pflag"

	"github.com/hookstrap/hookstrap/internal/clean"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// serveOptions is the command line of serve, parsed.
type serveOptions struct {
	commonOptions
	listenOptions
	handlers       map[string]http.Handler
	conversions    []*handler.Conversion
	checks         checkOptions
	cleanConfigMap string // empty: by the Service's name
	auditInterval  time.Duration
	shutdownDelay  time.Duration
	objectEvents   bool
}

func newServeOptions(definitions []handler.Definition) *serveOptions {
	return &serveOptions{
		commonOptions: newCommonOptions(),
		listenOptions: newListenOptions(),
		auditInterval: clean.DefaultInterval,
		shutdownDelay: 10 * time.Second,
		checks:        checkOptions{definitions: definitions, configuration: config.Default(definitions)},
	}
}

// checkOptions are the checks and where their configuration comes from.
type checkOptions struct {
	definitions   []handler.Definition
	path          string // empty: the default configuration
	configuration config.Configuration
}

func (o *checkOptions) addFlag(fs *pflag.FlagSet, usage string) {
	fs.Var(newValue(o, "file", "", func(path string) (checkOptions, error) {
		c, err := config.Load(path, o.definitions)
		return checkOptions{definitions: o.definitions, path: path, configuration: c}, err
	}), "config", usage)
}

// addFlags declares the contract of the command line. Names follow kube-apiserver's and kubebuilder's where those
// exist.
func (o *serveOptions) addFlags(fs *pflag.FlagSet) {
	o.addIdentityFlags(fs)
	o.addStoreFlags(fs)
	o.addCertificateFlags(fs)
	o.addProcessFlags(fs)
	o.addServerFlags(fs)
}

func (o *serveOptions) addStoreFlags(fs *pflag.FlagSet) {
	b := &o.bootstrap
	fs.Var(newValue(&b.Source, "source", string(b.Source), bootstrap.ParseSource), "certificate-source",
		"csr: request the certificate through the CertificateSigningRequest API; files: serve the tls.crt, tls.key and\n"+
			"ca.crt (or one credentialbundle.pem) that somebody else writes into --cert-dir; pod-certificate: serve the\n"+
			"credentialbundle.pem and ca.crt of a projected volume, without a right, a token or a kubeconfig")
	fs.StringVar(&b.CertDir, "cert-dir", "",
		"directory that keeps the key pair across restarts, best a memory-backed emptyDir; empty keeps it in memory only;\n"+
			"with another --certificate-source, the directory to read from")
}

// objectEventsUsage is the help of --object-events.
const objectEventsUsage = "write an event on the controller of an object, or on the object, when it is denied, or\n" +
	"when a check in mode audit finds something in it; takes the right to write events in all namespaces"

func (o *serveOptions) addServerFlags(fs *pflag.FlagSet) {
	o.addListenFlags(fs,
		"Unix socket of the command listen, which holds the admission port open while this server restarts")
	fs.Var(newValue(&o.bootstrap.TLS.MinVersion, "version", "VersionTLS13", parseTLSVersion), "tls-min-version",
		"oldest TLS version to accept: VersionTLS12 or VersionTLS13")
	fs.Var(newList(&o.bootstrap.TLS.CipherSuites, "suite", parseCipherSuite), "tls-cipher-suites",
		"cipher suites to accept with TLS 1.2, separated by commas (default Go's); those of TLS 1.3 are fixed")
	fs.Var(newValue(&o.bootstrap.ClientCAFile, "file", "", parseClientCAFile), "client-ca-file",
		"PEM file of CAs: clients without a certificate of one of them are refused; read again when it changes")
	fs.Var(newList(&o.bootstrap.ClientAllowedNames, "name", parseClientName), "client-allowed-name",
		"common name or DNS name that a client's certificate may have, repeatable (default: any);\nneeds --client-ca-file")
	o.checks.addFlag(fs,
		"configuration file of the checks, followed as it changes (default: the checks that are on by default)")
	fs.Var(newValue(&o.cleanConfigMap, "name", "", parseObjectName), "clean-configmap-name",
		"ConfigMap in our namespace with the namespaces in which checks in mode denyWhenClean warn (default the Service's\n"+
			"name and -clean)")
	fs.Var(newValue(&o.auditInterval, "duration", o.auditInterval.String(), parseAuditInterval), "audit-interval",
		"how long after an audit for the mode denyWhenClean the next one begins, by any replica; 1s or more")
	fs.BoolVar(&o.objectEvents, "object-events", false, objectEventsUsage)
	fs.Var(newValue(&o.shutdownDelay, "duration", o.shutdownDelay.String(), parseDelay), "shutdown-delay",
		"how long to go on serving after SIGTERM, for the API server to notice; not ready for the second half of it")
}
