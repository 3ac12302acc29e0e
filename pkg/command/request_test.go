// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// wrongRequestValues are those of the flags that issue has too, and of request's own.
func wrongRequestValues(t *testing.T) map[string][]string {
	t.Helper()
	long := strings.Repeat("a", 65)
	wrong := map[string][]string{
		"host":                {"*.example.com", "https://web", "10.0.0.256", "a,,b", ""},
		"usage":               {"code-signing", "client auth", ""},
		"common-name":         {long, "", "  ", "a\tb"},
		"organization":        {long, "", "\xff"},
		"organizational-unit": {long, ""},
		"locality":            {long + long, ""},
		"province":            {long + long, ""},
		"country":             {"Germany", "de", "D", ""},
	}
	for name, values := range wrongIssueValues(t) {
		if flag := flagsOf(t, "request").Lookup(name); flag != nil && !flag.Hidden {
			wrong[name] = values
		}
	}
	wrong["signer-name"] = []string{"nodomain", ""} // The others are the business of --usage as well.
	return wrong
}

func TestWrongValuesOfRequestAreUsageErrorsThatNameTheFlag(t *testing.T) {
	for flag, wrong := range wrongRequestValues(t) {
		for _, text := range wrong {
			t.Run(flag+"="+text, func(t *testing.T) {
				code, stderr := runCommand(t, "request", "--host=web", "--signer-name=example.com/any",
					"--cert-dir="+filepath.Join(t.TempDir(), "serving"), "--"+flag+"="+text)
				wantUsageError(t, code, stderr, flag)
			})
		}
	}
}

func TestEveryFlagOfRequestHasAWrongValue(t *testing.T) {
	table := wrongRequestValues(t)
	flagsOf(t, "request").VisitAll(func(flag *pflag.Flag) {
		if _, found := table[flag.Name]; !found && !anyText(flag) && flag.Name != "write-kubeconfig" {
			t.Errorf("no wrong value of --%s is tested", flag.Name)
		}
	})
}

// TestFlagsOfRequestThatDoNotGoTogether: what a command line lacks, or has too much, is named before anything is
// contacted or written; also in the words of an earlier release.
func TestFlagsOfRequestThatDoNotGoTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "untouched")
	host := []string{"--host=web.example.com", "--signer-name=example.com/any", "--cert-dir=" + dir}
	client := []string{"--usage=client-auth", "--cert-dir=" + dir}
	for name, tc := range map[string]struct {
		args []string
		flag string
	}{
		"host of a Service":      {append(host, "--service-name=web"), "service-name"},
		"host and extra SAN":     {append(host, "--extra-san=web"), "extra-san"},
		"host and configuration": {append(host, "--webhook-configuration=web"), "webhook-configuration"},
		"host without directory": {host[:2], "cert-dir"},
		"host without signer":    {slices.Delete(slices.Clone(host), 1, 2), "signer-name"},
		"built-in for a host":    {append(host, "--signer-name=hookstrap.dev/serving"), "signer-name"},
		"client's for a host":    {append(host, "--signer-name=kubernetes.io/kube-apiserver-client"), "signer-name"},
		"subject without a host": {[]string{"--common-name=web", "--signer-name=example.com/any", "--cert-dir=" + dir}, "host"},
		"kubelet-serving, O":     {append(host, "--signer-name=kubernetes.io/kubelet-serving", "--organization=shop"), "organization"},
		"kubelet-serving, CN":    {append(host, "--signer-name=kubernetes.io/kubelet-serving", "--common-name=web"), "common-name"},
		"kubeconfig of a server": {append(host, "--write-kubeconfig=x"), "write-kubeconfig"},
		"kubeconfig of nobody":   {append(client, "--write-kubeconfig=x", "--signer-name=example.com/any"), "common-name"},
		"client without a name":  {client, "common-name"},
		"client and masters":     {append(client, "--common-name=jane", "--organization=system:masters"), "organization"},
		"client, built-in":       {append(client, "--common-name=jane", "--signer-name=hookstrap.dev/serving"), "signer-name"},
		"client, kubelets'":      {append(client, "--common-name=jane", "--signer-name=kubernetes.io/kube-apiserver-client-kubelet"), "signer-name"},
	} {
		for _, command := range [][]string{{"request"}, {"issue", "--once"}} {
			t.Run(command[0]+" "+name, func(t *testing.T) {
				code, stderr := runCommand(t, command[0], slices.Concat(command[1:], tc.args)...)
				wantUsageError(t, code, stderr, tc.flag)
				if _, err := os.Stat(dir); err == nil {
					t.Error("the directory was made all the same")
				}
			})
		}
	}
}

// TestHelpListsOnlyWhatBelongsToTheCommand: the flags of certificates of Services and of others are apart.
func TestHelpListsOnlyWhatBelongsToTheCommand(t *testing.T) {
	for command, foreign := range map[string][]string{
		"issue": {"host", "usage", "common-name", "organization", "organizational-unit", "locality", "province", "country",
			"write-kubeconfig", "bind-address", "config"},
		"request": {"once", "self-address", "service-name", "pod-ip", "service-account", "cluster-domain", "extra-san",
			"webhook-configuration", "shared-configurations", "ca-secret-name", "publish-trust-bundle",
			"health-probe-bind-address", "metrics-bind-address"},
	} {
		var help bytes.Buffer
		if code := run(t.Context(), []string{command, "--help"}, &help, &help); code != exitOK {
			t.Fatalf("exit code %d: %s", code, &help)
		}
		for _, flag := range foreign {
			if strings.Contains(help.String(), " --"+flag+" ") {
				t.Errorf("%s --help lists --%s", command, flag)
			}
		}
	}
}

func TestUnknownFlagsNameTheirCommand(t *testing.T) {
	code, stderr := runCommand(t, "issue", "--host=web")
	if code != exitUsage || !strings.Contains(stderr, "unknown flag: --host: it is a flag of request") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestOldSpelling: which command lines of issue are meant for request.
func TestOldSpelling(t *testing.T) {
	root := newRootCommand(Options{}.withDefaults())
	for args, want := range map[string]string{
		"issue --once --host=web":                             "request",
		"issue --host web --once=true":                        "request",
		"issue --cert-dir=x --once --usage client-auth":       "request",
		"issue --once --write-kubeconfig=x":                   "request",
		"issue --once --cert-dir=x --service-name=web":        "issue",
		"issue --once --timeout=1m --certificate-duration=1h": "issue",
		"issue --host=web":                                    "issue",
		"serve --once --host=web":                             "serve",
		"request --host=web":                                  "request",
	} {
		given := strings.Fields(args)
		if got := withRequest(root, given); got[0] != want || !slices.Equal(got[1:], given[1:]) {
			t.Errorf("%s: %v, want the command %s", args, got, want)
		}
	}
}

// TestAdviceAboutAClientsSigner: what cannot issue a client's certificate is no advice for a client.
func TestAdviceAboutAClientsSigner(t *testing.T) {
	for _, name := range []string{"kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/legacy-unknown",
		signer.KubeletServing, signer.EKSAppServing, signer.BuiltIn} {
		code, stderr := runCommand(t, "request", "--signer-name="+name, "--usage=client-auth", "--common-name=jane",
			"--cert-dir="+filepath.Join(t.TempDir(), "untouched"))
		wantUsageError(t, code, stderr, "signer-name")
		if !strings.Contains(stderr, "use "+signer.APIServerClient) || strings.Contains(stderr, "use "+signer.BuiltIn) {
			t.Errorf("%s: %q gives no advice for a client", name, stderr)
		}
	}
}

// TestPlaceOfTheKubeconfigIsJudgedFirst: with an API server that cannot be reached, asking would fail in other words.
func TestPlaceOfTheKubeconfigIsJudgedFirst(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{
		"missing directory": filepath.Join(dir, "missing", "jane.kubeconfig"),
		"a directory":       dir,
		"a device":          os.DevNull,
	} {
		t.Run(name, func(t *testing.T) {
			o := newRequestOptions(signer.BuiltIn)
			o.restConfig, o.writeKubeconfig = &rest.Config{Host: "https://127.0.0.1:1"}, path
			o.certificate.Usage, o.certificate.SignerName = signer.ClientAuth, signer.APIServerClient
			o.certificate.Subject.CommonName = "jane"
			err := obtain(t.Context(), o)
			if err == nil || !strings.HasPrefix(err.Error(), "kubeconfig "+path+" cannot be written") {
				t.Errorf("%v, want an error that names %s", err, path)
			}
		})
	}
}

func TestRequestedCertificateIsWhatTheFlagsSay(t *testing.T) {
	o, fs := newRequestOptions(signer.BuiltIn), pflag.NewFlagSet("request", pflag.ContinueOnError)
	o.addFlags(fs)
	args := []string{"--usage=client-auth", "--common-name=jane", "--organization=a, b", "--organization=c",
		"--organizational-unit=d", "--locality=e", "--province=f", "--country=DE", "--country=FR", "--host=10.0.0.7,web",
		"--cert-dir=unused"}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	// A Service in the environment is that of the pod, not of the certificate.
	t.Setenv("SERVICE_NAME", "shop")
	t.Setenv("POD_NAMESPACE", "shop")
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	spec, err := o.certificate.Spec()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := spec.Subject.String(), `CN=jane,OU=d,O=a\, b+O=c,L=e,ST=f,C=DE+C=FR`; got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
	if got := spec.Profile.Name(); got != "kubernetes.io/kube-apiserver-client" {
		t.Errorf("signer %s", got)
	}
	if len(spec.Identity.DNSNames) != 1 || len(spec.Identity.IPs) != 1 {
		t.Errorf("SANs %v and %v", spec.Identity.DNSNames, spec.Identity.IPs)
	}
}
