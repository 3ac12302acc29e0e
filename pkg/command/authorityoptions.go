// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/internal/podcert"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// authoritySigner is the signer of the command authority unless a flag names another: its ClusterTrustBundle has the
// CAs of no webhook that signs for itself.
const authoritySigner = signer.Authority

// authorityOptions is the command line of authority, parsed.
type authorityOptions struct {
	clientOptions
	name, namespace string
	podName         string
	caSecret        string
	policy          podcert.Policy
	events          bool
	keepBundles     bool
	overlap         time.Duration
	replicas        string // a label selector
	healthAddress   string
	metricAddress   string
	version         string
}

func newAuthorityOptions() *authorityOptions {
	return &authorityOptions{
		clientOptions: newClientOptions(), name: "hookstrap-authority", events: true,
		keepBundles: true, overlap: keeper.DefaultOverlap,
		policy:        podcert.Policy{SignerName: authoritySigner, MaxLifetime: podcert.DefaultLifetime},
		healthAddress: ":8081", metricAddress: ":8080",
	}
}

func (o *authorityOptions) addFlags(fs *pflag.FlagSet) {
	p := &o.policy
	fs.Var(newValue(&o.name, "name", o.name, parseService), "name",
		"name of this authority, which becomes a part of the names of its CA and its ClusterTrustBundle")
	fs.Var(newValue(&o.namespace, "name", "", parseNamespace), "namespace",
		"namespace of the CA's Secret (default $"+bootstrap.EnvNamespace+")")
	fs.Var(newValue(&o.caSecret, "name", "", parseObjectName), "ca-secret-name",
		"Secret of the CA, in that namespace (default the name of the authority and -ca)")
	fs.Var(newValue(&p.SignerName, "signer", p.SignerName, parseSignerName), "signer-name",
		"signer whose PodCertificateRequests and CertificateSigningRequests are signed")
	fs.Var(newValue(&p.ClusterDomain, "domain", "", parseClusterDomain), "cluster-domain",
		"DNS domain of the cluster (default from the search list of /etc/resolv.conf, then "+
			identity.DefaultClusterDomain+")")
	fs.Var(newList(&p.Namespaces, "name", parseNamespace), "allowed-namespace",
		"namespace whose Pods get certificates, repeatable (default: all)")
	fs.Var(newList(&p.ServiceAccounts, "namespace/name", parseServiceAccount), "allowed-service-account",
		"ServiceAccount whose Pods get certificates, repeatable (default: all)")
	fs.Var(newList(&p.KeyTypes, "type", parseKeyType), "allowed-key-type",
		"keyType that a projection may have, repeatable: "+strings.Join(podcert.KeyTypes(), ", ")+" (default: all)")
	fs.Var(newValue(&p.MaxLifetime, "duration", p.MaxLifetime.String(), parseLifetime), "max-certificate-duration",
		"longest lifetime of a certificate, 1h to 2184h; a projection gets what it asks for if that is shorter")
	fs.BoolVar(&o.events, "pod-events", o.events,
		"write an event on a Pod whose request waits; takes the right to write events in all namespaces")
	fs.BoolVar(&o.keepBundles, "keep-ca-bundles", o.keepBundles,
		"keep the caBundles of objects with the label "+keeper.Key+"="+keeper.OptedIn+
			"; of several authorities, only one may")
	fs.Var(newValue(&o.overlap, "duration", o.overlap.String(), parseDelay), "bundle-overlap",
		"how long a CA stays in caBundles after it has left the ClusterTrustBundle that an annotation names")
	fs.Var(newValue(&o.replicas, "selector", "", parseSelector), "replicas",
		"label selector of the Pods of this Deployment, so that one of them writes the caBundles; needs $"+
			bootstrap.EnvPodName+"\n(default: this one is alone)")
	fs.Var(newValue(&o.healthAddress, "address", o.healthAddress, parseListenAddress), "health-probe-bind-address",
		"address of /healthz and /readyz, 0 for none")
	fs.Var(newValue(&o.metricAddress, "address", o.metricAddress, parseListenAddress), "metrics-bind-address",
		"address of /metrics, 0 for none")
	o.addClientFlags(fs)
}

// complete fills in what the environment knows.
func (o *authorityOptions) complete() error {
	env, _ := bootstrap.FromEnvironment(os.Getenv) // What it says of a Service does not matter here.
	o.namespace = cmp.Or(o.namespace, env.Namespace)
	if o.namespace == "" {
		return fmt.Errorf("--namespace ($%s) is missing: name the namespace of the CA's Secret", bootstrap.EnvNamespace)
	}
	if o.podName = env.PodName; o.replicas != "" && o.podName == "" {
		return fmt.Errorf("--replicas needs $%s: set it by the downward API", bootstrap.EnvPodName)
	}
	o.caSecret = cmp.Or(o.caSecret, o.name+"-ca")
	o.policy.ClusterDomain = cmp.Or(o.policy.ClusterDomain, clusterDomain(o.namespace), identity.DefaultClusterDomain)
	return nil
}

// parseSelector reads a label selector.
func parseSelector(text string) (string, error) {
	_, err := labels.Parse(text)
	return text, err
}

func parseServiceAccount(text string) (types.NamespacedName, error) {
	namespace, name, found := strings.Cut(text, "/")
	if !found {
		return types.NamespacedName{}, fmt.Errorf("%q is no ServiceAccount: write NAMESPACE/NAME", text)
	}
	if _, err := parseNamespace(namespace); err != nil {
		return types.NamespacedName{}, fmt.Errorf("%q has no namespace of a ServiceAccount before the slash: %w", text, err)
	}
	if _, err := parseObjectName(name); err != nil {
		return types.NamespacedName{}, fmt.Errorf("%q has no name of a ServiceAccount behind the slash: %w", text, err)
	}
	return types.NamespacedName{Namespace: namespace, Name: name}, nil
}

func parseKeyType(text string) (string, error) {
	if !slices.Contains(podcert.KeyTypes(), text) {
		return "", fmt.Errorf("unknown key type %q: use one of %s", text, strings.Join(podcert.KeyTypes(), ", "))
	}
	return text, nil
}

func parseLifetime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < podcert.ShortestLifetime || d > podcert.LongestLifetime {
		return 0, fmt.Errorf("%q is no lifetime: write it like 24h, from 1h to 2184h", text)
	}
	return d, nil
}
