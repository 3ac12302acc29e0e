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

// runIssue runs `webhook issue` in this process. No API server is there to be contacted.
func runIssue(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	var output bytes.Buffer
	code = run(t.Context(), append([]string{"issue", "--kubeconfig=" + unreachable(t)}, args...), &output, &output)
	return code, output.String()
}

func wantUsageError(t *testing.T, code int, stderr, flag string) {
	t.Helper()
	if code != exitUsage || !strings.Contains(stderr, "--"+flag) && !strings.Contains(stderr, `"`+flag+`"`) {
		t.Errorf("exit code %d and %q, want %d and --%s named", code, stderr, exitUsage, flag)
	}
	if lines := strings.Count(stderr, "\n"); lines != 1 {
		t.Errorf("%d lines on stderr, want 1: %q", lines, stderr)
	}
}

// wrongIssueValues are those of serve's flags, and of issue's own.
func wrongIssueValues(t *testing.T) map[string][]string {
	t.Helper()
	long := strings.Repeat("a", 65)
	wrong := map[string][]string{
		"self-address":        {"9443", ":9443", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:https"},
		"once":                {"maybe", ""},
		"timeout":             {"0s", "-1s", "soon", ""},
		"host":                {"*.example.com", "https://web", "10.0.0.256", "a,,b", ""},
		"usage":               {"code-signing", "client auth", ""},
		"common-name":         {long, "", "  ", "a\tb"},
		"organization":        {long, "", "\xff"},
		"organizational-unit": {long, ""},
		"locality":            {long + long, ""},
		"province":            {long + long, ""},
		"country":             {"Germany", "de", "D", ""},
	}
	for name, values := range wrongValues(t) {
		if issueFlags(t).Lookup(name) != nil {
			wrong[name] = values
		}
	}
	return wrong
}

func issueFlags(t *testing.T) *pflag.FlagSet {
	t.Helper()
	command, _, err := newRootCommand(Options{}.withDefaults()).Find([]string{"issue"})
	if err != nil {
		t.Fatal(err)
	}
	return command.Flags()
}

func TestWrongValuesOfIssueAreUsageErrorsThatNameTheFlag(t *testing.T) {
	for flag, wrong := range wrongIssueValues(t) {
		for _, text := range wrong {
			t.Run(flag+"="+text, func(t *testing.T) {
				code, stderr := runIssue(t, "--service-name=web", "--namespace=shop", "--service-account=web",
					"--webhook-configuration=web",
					"--cert-dir="+filepath.Join(t.TempDir(), "serving"), "--"+flag+"="+text)
				wantUsageError(t, code, stderr, flag)
			})
		}
	}
}

func TestEveryFlagOfIssueHasAWrongValue(t *testing.T) {
	table := wrongIssueValues(t)
	issueFlags(t).VisitAll(func(flag *pflag.Flag) {
		if _, found := table[flag.Name]; !found && !anyText(flag) && flag.Name != "write-kubeconfig" {
			t.Errorf("no wrong value of --%s is tested", flag.Name)
		}
	})
}

// TestFlagsOfIssueThatDoNotGoTogether: what a command line lacks, or has too much, is named before anything is contacted
// or written.
func TestFlagsOfIssueThatDoNotGoTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "untouched")
	service := []string{"--service-name=web", "--namespace=shop", "--service-account=web", "--cert-dir=" + dir}
	host := []string{"--once", "--host=web.example.com", "--signer-name=example.com/any", "--cert-dir=" + dir}
	client := []string{"--once", "--usage=client-auth", "--cert-dir=" + dir}
	for name, tc := range map[string]struct {
		args []string
		flag string
	}{
		"no Service":             {[]string{"--cert-dir=" + dir}, "service-name"},
		"no namespace":           {[]string{"--cert-dir=" + dir, "--service-name=web"}, "namespace"},
		"no ServiceAccount":      {slices.Delete(slices.Clone(service), 2, 3), "service-account"},
		"no directory":           {service[:3], "cert-dir"},
		"no configuration":       {service, "webhook-configuration"},
		"none beside others":     {append(service, "--webhook-configuration=none,web", "--once"), "webhook-configuration"},
		"a client's signer":      {append(service, "--signer-name=kubernetes.io/kube-apiserver-client"), "signer-name"},
		"timeout for ever":       {append(service, "--timeout=1m"), "timeout"},
		"once and ready":         {append(service, "--once", "--self-address=0"), "self-address"},
		"hosts for ever":         {host[1:], "host"},
		"client for ever":        {client[1:], "usage"},
		"host of a Service":      {append(host, "--service-name=web"), "service-name"},
		"host and extra SAN":     {append(host, "--extra-san=web"), "extra-san"},
		"host and configuration": {append(host, "--webhook-configuration=web"), "webhook-configuration"},
		"host without directory": {host[:3], "cert-dir"},
		"host without signer":    {slices.Delete(slices.Clone(host), 2, 3), "signer-name"},
		"built-in for a host":    {append(host, "--signer-name=hookstrap.dev/serving"), "signer-name"},
		"client's for a host":    {append(host, "--signer-name=kubernetes.io/kube-apiserver-client"), "signer-name"},
		"subject without a host": {[]string{"--once", "--common-name=web", "--signer-name=example.com/any", "--cert-dir=" + dir}, "host"},
		"kubelet-serving, O":     {append(host, "--signer-name=kubernetes.io/kubelet-serving", "--organization=shop"), "organization"},
		"kubelet-serving, CN":    {append(host, "--signer-name=kubernetes.io/kubelet-serving", "--common-name=web"), "common-name"},
		"kubeconfig of a server": {append(host, "--write-kubeconfig=x"), "write-kubeconfig"},
		"kubeconfig of nobody":   {append(client, "--write-kubeconfig=x", "--signer-name=example.com/any"), "common-name"},
		"client without a name":  {client, "common-name"},
		"client and masters":     {append(client, "--common-name=jane", "--organization=system:masters"), "organization"},
		"client, built-in":       {append(client, "--common-name=jane", "--signer-name=hookstrap.dev/serving"), "signer-name"},
		"client, kubelets'":      {append(client, "--common-name=jane", "--signer-name=kubernetes.io/kube-apiserver-client-kubelet"), "signer-name"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stderr := runIssue(t, tc.args...)
			wantUsageError(t, code, stderr, tc.flag)
			if _, err := os.Stat(dir); err == nil {
				t.Error("the directory was made all the same")
			}
		})
	}
}

// TestAdviceAboutAClientsSigner: what cannot issue a client's certificate is no advice for a client.
func TestAdviceAboutAClientsSigner(t *testing.T) {
	for _, name := range []string{"kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/legacy-unknown",
		signer.KubeletServing, signer.EKSAppServing, signer.BuiltIn} {
		code, stderr := runIssue(t, "--signer-name="+name, "--once", "--usage=client-auth", "--common-name=jane",
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
			o := newIssueOptions()
			o.bootstrap.RESTConfig, o.writeKubeconfig = &rest.Config{Host: "https://127.0.0.1:1"}, path
			o.certificate.Usage, o.certificate.SignerName = signer.ClientAuth, signer.APIServerClient
			o.certificate.Subject.CommonName = "jane"
			err := issueHandmade(t.Context(), o)
			if err == nil || !strings.HasPrefix(err.Error(), "kubeconfig "+path+" cannot be written") {
				t.Errorf("%v, want an error that names %s", err, path)
			}
		})
	}
}

// TestIssueSharesTheFlagsOfServe: same name, same meaning, same default.
func TestIssueSharesTheFlagsOfServe(t *testing.T) {
	issueFlags(t).VisitAll(func(flag *pflag.Flag) {
		other := serveCommand(t).Flags().Lookup(flag.Name)
		if other == nil || flag.Name == "cert-dir" {
			return
		}
		if other.Usage != flag.Usage || other.DefValue != flag.DefValue {
			t.Errorf("--%s differs: %q and %q", flag.Name, flag.Usage, other.Usage)
		}
	})
}

func TestHandmadeCertificateIsWhatTheFlagsSay(t *testing.T) {
	o, fs := newIssueOptions(), pflag.NewFlagSet("issue", pflag.ContinueOnError)
	o.addFlags(fs)
	args := []string{"--once", "--usage=client-auth", "--common-name=jane", "--organization=a, b", "--organization=c",
		"--organizational-unit=d", "--locality=e", "--province=f", "--country=DE", "--country=FR", "--host=10.0.0.7,web",
		"--cert-dir=unused"}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	// A Service in the environment is that of the pod, not of the certificate.
	if err := o.complete(fs, func(string) string { return "shop" }); err != nil {
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
