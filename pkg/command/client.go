// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/pemtext"
)

// clientOptions are how to reach the API server, and what is logged of it.
type clientOptions struct {
	kubeconfig string
	logging    *logsapi.LoggingConfiguration
}

func newClientOptions() clientOptions {
	return clientOptions{logging: logsapi.NewLoggingConfiguration()}
}

func (o *clientOptions) addClientFlags(fs *pflag.FlagSet) {
	addKubeconfigFlag(fs, &o.kubeconfig)
	addLoggingFlags(fs, o.logging)
}

func addKubeconfigFlag(fs *pflag.FlagSet, target *string) {
	fs.Var(newValue(target, "file", "", parseFile), "kubeconfig",
		"how to reach the API server (default: in-cluster, then $KUBECONFIG, then ~/.kube/config)")
}

func addLoggingFlags(fs *pflag.FlagSet, logging *logsapi.LoggingConfiguration) {
	logsapi.AddFlags(logging, fs)
	fs.VisitAll(func(flag *pflag.Flag) {
		// component-base's alpha flags need a feature gate that this server does not have.
		flag.Hidden = flag.Hidden || strings.HasPrefix(flag.Name, "log-json-") || strings.HasPrefix(flag.Name, "log-text-")
	})
}

// checkLogging judges the flags of logging.
func checkLogging(logging *logsapi.LoggingConfiguration) error {
	if err := logsapi.Validate(logging, nil, nil).ToAggregate(); err != nil {
		return fmt.Errorf("--logging-format or another logging flag: %w", err)
	}
	return nil
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
	switch {
	case clientcmd.IsEmptyConfig(err) && kubeconfig == "":
		return nil, &unknownError{errors.New("--kubeconfig is missing: this is not a Pod with a ServiceAccount, and " +
			"neither $KUBECONFIG nor ~/.kube/config names an API server")}
	case clientcmd.IsEmptyConfig(err):
		return nil, fmt.Errorf("--kubeconfig: %s names no API server: name another file", kubeconfig)
	case err != nil:
		return nil, fmt.Errorf("--kubeconfig: %s cannot be used as a kubeconfig: %w",
			cmp.Or(kubeconfig, "$KUBECONFIG or ~/.kube/config"), err)
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
