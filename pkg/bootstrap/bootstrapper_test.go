// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

func goodOptions() bootstrap.Options {
	return bootstrap.Options{
		RESTConfig:  &rest.Config{Host: "https://127.0.0.1:1"},
		Environment: bootstrap.Environment{Service: "web", Namespace: "shop", ServiceAccount: "web"},

		WebhookConfigurations: []trust.Target{{Kind: trust.Validating, Name: "web"}},
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	for _, tc := range []struct {
		name  string
		alter func(*bootstrap.Options)
		want  string
	}{
		{name: "good", alter: func(*bootstrap.Options) {}},
		{
			name:  "no webhook configuration",
			alter: func(o *bootstrap.Options) { o.WebhookConfigurations = nil },
			want:  "WebhookConfigurations is missing",
		},
		{
			name:  "trust that is somebody else's",
			alter: func(o *bootstrap.Options) { o.WebhookConfigurations, o.ExternalTrust = nil, true },
		},
		{
			name:  "trust that is ours and somebody else's",
			alter: func(o *bootstrap.Options) { o.ExternalTrust = true },
			want:  "do not go together",
		},
		{name: "no API server", alter: func(o *bootstrap.Options) { o.RESTConfig = nil }, want: "RESTConfig"},
		{name: "no Service", alter: func(o *bootstrap.Options) { o.Service = "" }, want: "Service (environment variable SERVICE_NAME) is missing"},
		{name: "no namespace", alter: func(o *bootstrap.Options) { o.Namespace = "" }, want: "Namespace (environment variable POD_NAMESPACE) is missing"},
		{name: "no ServiceAccount for the built-in signer", alter: func(o *bootstrap.Options) { o.ServiceAccount = "" }, want: "ServiceAccount (environment variable POD_SERVICE_ACCOUNT) is missing"},
		{
			name: "no ServiceAccount for another signer",
			alter: func(o *bootstrap.Options) {
				o.ServiceAccount, o.SignerName = "", "example.com/serving"
			},
		},
		{name: "unknown source", alter: func(o *bootstrap.Options) { o.Source = "vault" }, want: `"vault"`},
		{name: "files without a directory", alter: func(o *bootstrap.Options) { o.Source = bootstrap.SourceFiles }, want: "CertDir"},
		{
			name:  "pod certificates without a directory",
			alter: func(o *bootstrap.Options) { o.Source = bootstrap.SourcePodCertificate },
			want:  "certificate source pod-certificate reads from it",
		},
		{
			name: "pod certificates need nothing else",
			alter: func(o *bootstrap.Options) {
				*o = bootstrap.Options{Source: bootstrap.SourcePodCertificate, CertDir: "unused", Environment: o.Environment}
			},
		},
		{
			name: "pod certificates for a sidecar",
			alter: func(o *bootstrap.Options) {
				o.Source, o.CertDir, o.Sidecar = bootstrap.SourcePodCertificate, "unused", true
			},
		},
		{name: "a sidecar without a directory", alter: func(o *bootstrap.Options) { o.Sidecar = true }, want: "CertDir is missing"},
		{
			name: "a sidecar whose files are somebody else's",
			alter: func(o *bootstrap.Options) {
				o.Sidecar, o.CertDir, o.Source = true, "unused", bootstrap.SourceFiles
			},
			want: "Sidecar with another Source than csr",
		},
		{name: "bad signer", alter: func(o *bootstrap.Options) { o.SignerName = "nodomain" }, want: `"nodomain"`},
		{name: "bad approval", alter: func(o *bootstrap.Options) { o.Approval = "maybe" }, want: `"maybe"`},
		{name: "bad key", alter: func(o *bootstrap.Options) { o.KeyAlgorithm = "rsa-512" }, want: `"rsa-512"`},
		{
			name:  "client names without a client CA",
			alter: func(o *bootstrap.Options) { o.ClientAllowedNames = []string{"api-server"} },
			want:  "ClientAllowedNames needs ClientCAFile",
		},
		{
			name:  "an empty client name",
			alter: func(o *bootstrap.Options) { o.ClientAllowedNames, o.ClientCAFile = []string{"api-server", ""}, "x" },
			want:  "empty name",
		},
		{
			name:  "client CA file that is not there",
			alter: func(o *bootstrap.Options) { o.ClientCAFile = "/does/not/exist" },
			want:  "ClientCAFile: opening a certificate or key: open /does/not/exist",
		},
		{name: "short life", alter: func(o *bootstrap.Options) { o.Duration = 599 * time.Second }, want: "9m59s"},
		{
			name:  "endless life",
			alter: func(o *bootstrap.Options) { o.SignerName, o.Duration = "example.com/any", csr.MaxDuration+1 },
			want:  "too long",
		},
		{name: "bad SAN", alter: func(o *bootstrap.Options) { o.ExtraSANs = []string{"*.example.com"} }, want: "*.example.com"},
		{name: "a trust bundle of ours", alter: func(o *bootstrap.Options) { o.PublishTrustBundle = true }},
		{
			name: "a trust bundle for another signer",
			alter: func(o *bootstrap.Options) {
				o.PublishTrustBundle, o.SignerName = true, "example.com/serving"
			},
			want: "PublishTrustBundle",
		},
		{name: "a signer name of one's own", alter: func(o *bootstrap.Options) {
			o.BuiltInSignerName, o.PublishTrustBundle = "webhooks.example.com/serving", true
		}},
		{name: "a signer name of one's own, and another signer", alter: func(o *bootstrap.Options) {
			o.BuiltInSignerName, o.SignerName = "webhooks.example.com/serving", "example.com/serving"
		}},
		{
			name: "a signer name of one's own, and the usual one",
			alter: func(o *bootstrap.Options) {
				o.BuiltInSignerName, o.SignerName = "webhooks.example.com/serving", "hookstrap.dev/serving"
			},
			want: "leave one of them out",
		},
		{
			name:  "a signer name of Kubernetes for our own",
			alter: func(o *bootstrap.Options) { o.BuiltInSignerName = "kubernetes.io/kubelet-serving" },
			want:  "name of another one",
		},
		{
			name: "no ServiceAccount for the built-in signer by another name",
			alter: func(o *bootstrap.Options) {
				o.BuiltInSignerName, o.ServiceAccount = "webhooks.example.com/serving", ""
			},
			want: "ServiceAccount",
		},
		{
			name:  "a directory that cannot be made",
			alter: func(o *bootstrap.Options) { o.CertDir = "/dev/null/certs" },
			want:  "/dev/null/certs",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			options := goodOptions()
			tc.alter(&options)
			_, err := bootstrap.New(options)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v does not say %q", err, tc.want)
			}
		})
	}
}

func TestPodCertificatesTakeNoRights(t *testing.T) {
	role, clusterRole, err := bootstrap.Options{
		Source: bootstrap.SourcePodCertificate, CertDir: "unused", Environment: goodOptions().Environment,
	}.Rules()
	if err != nil || len(role)+len(clusterRole) > 0 {
		t.Errorf("the rules %v and %v (%v), want none", role, clusterRole, err)
	}
}

func TestNewNamesAllFaultsAtOnce(t *testing.T) {
	_, err := bootstrap.New(bootstrap.Options{SignerName: "nodomain", KeyAlgorithm: "dsa"})
	for _, want := range []string{"RESTConfig is missing", "SERVICE_NAME", "POD_NAMESPACE", "nodomain", "dsa"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func TestFromEnvironment(t *testing.T) {
	variables := map[string]string{
		"SERVICE_NAME": "web", "POD_NAMESPACE": "shop", "POD_NAME": "web-0", "POD_SERVICE_ACCOUNT": "account",
		"POD_IPS": "10.1.2.3,fd00::3", "POD_UID": "0-1-2",
	}
	got, err := bootstrap.FromEnvironment(func(name string) string { return variables[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := bootstrap.Environment{
		Service: "web", Namespace: "shop", PodName: "web-0", PodUID: "0-1-2", ServiceAccount: "account",
		PodIPs: []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd00::3")},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestFromEnvironmentNamesTheBadVariable(t *testing.T) {
	_, err := bootstrap.FromEnvironment(func(string) string { return "nonsense" })
	if err == nil || !strings.Contains(err.Error(), "POD_IPS") {
		t.Errorf("error %v does not name POD_IPS", err)
	}
}

func TestTwoBootstrappersNeedTwoRegistries(t *testing.T) {
	options := goodOptions()
	options.Registerer = prometheus.NewRegistry()
	if _, err := bootstrap.New(options); err != nil {
		t.Fatal(err)
	}
	if _, err := bootstrap.New(options); err == nil {
		t.Error("the second one on the same registry was accepted: its metrics would be lost")
	}
}

func TestNotReadyBeforeTheFirstCertificate(t *testing.T) {
	boot, err := bootstrap.New(goodOptions())
	if err != nil {
		t.Fatal(err)
	}
	for _, condition := range boot.Conditions() {
		if err := condition.Check(t.Context()); err == nil {
			t.Errorf("condition %q holds, though nothing was bootstrapped", condition.Name)
		}
	}
	if boot.NeedLeaderElection() {
		t.Error("a certificate must not wait for a lease")
	}
	if leaf := boot.Leaf(); leaf != nil {
		t.Errorf("there is a leaf already: %s", leaf.Subject)
	}
}
