// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hookstrap/hookstrap/internal/signer"
)

// TestWrongValuesAreUsageErrorsThatNameTheFlag covers every flag of the contract: TestEveryFlagHasAWrongValue holds the
// table against the flags there are.
func TestWrongValuesAreUsageErrorsThatNameTheFlag(t *testing.T) {
	for flag, wrong := range wrongValues(t) {
		for _, text := range wrong {
			t.Run(flag+"="+text, func(t *testing.T) {
				code, stderr := runServe(t, "--"+flag+"="+text)
				if code != exitUsage {
					t.Errorf("exit code %d, want %d", code, exitUsage)
				}
				if !strings.Contains(stderr, "--"+flag) && !strings.Contains(stderr, `"`+flag+`"`) {
					t.Errorf("%q does not name --%s", stderr, flag)
				}
				if lines := strings.Count(stderr, "\n"); lines != 1 {
					t.Errorf("%d lines on stderr, want 1: %q", lines, stderr)
				}
			})
		}
	}
}

func wrongValues(t *testing.T) map[string][]string {
	t.Helper()
	garbage, empty := filepath.Join(t.TempDir(), "garbage"), filepath.Join(t.TempDir(), "empty")
	if err := errors.Join(os.WriteFile(garbage, []byte("garbage"), 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	const missing = "/does/not/exist"
	return map[string][]string{
		"service-name":              {"Upper_Case", strings.Repeat("a", 64), ""},
		"namespace":                 {"a.b", ""},
		"pod-ip":                    {"10.0.0.256", "0.0.0.0", "224.0.0.1", ""},
		"service-account":           {"UPPER", "a/b", ""},
		"cluster-domain":            {"under_score", strings.Repeat("a.", 130) + "a"},
		"extra-san":                 {"*.example.com", "a b", "0.0.0.0", ""},
		"webhook-configuration":     {"", "pod/name", "validating/", "UPPER"},
		"certificate-source":        {"vault", ""},
		"signer-name":               {"nodomain", "kubernetes.io/legacy-unknown", ""},
		"approve":                   {"maybe", ""},
		"ca-file":                   {missing, garbage},
		"ca-secret-name":            {"UPPER", "a/b", ""},
		"in-force-binding":          {"UPPER", "a/b", ""},
		"clean-configmap-name":      {"UPPER", "a/b", ""},
		"audit-interval":            {"0s", "ten", "999ms", ""},
		"publish-trust-bundle":      {"maybe", ""},
		"object-events":             {"maybe", ""},
		"metrics-secure":            {"maybe", ""},
		"shared-configurations":     {"maybe", ""},
		"certificate-duration":      {"9m59s", "-1h", "soon", "596523h14m8s", "1000000h", "1200000h"},
		"key-algorithm":             {"rsa-1024", "dsa"},
		"bind-address":              {"localhost", "1.2.3"},
		"listener-socket":           {"", "relative", "/" + strings.Repeat("a", 103)},
		"secure-port":               {"0", "65536", "https"},
		"health-probe-bind-address": {"8081", ":port", "host:8081"},
		"metrics-bind-address":      {"8080", ":0"},
		"tls-min-version":           {"VersionTLS11", "1.3"},
		"tls-cipher-suites":         {"TLS_NONE"},
		"client-ca-file":            {missing, garbage, empty, ""},
		"client-allowed-name":       {"", "a,,b"},
		"config":                    {missing, garbage},
		"shutdown-delay":            {"-1s", "ten"},
		"kubeconfig":                {missing, garbage},
		"logging-format":            {"xml"},
		"v":                         {"loud"},
	}
}

// anyText are the flags that take any text, or that component-base declares and checks.
func anyText(flag *pflag.Flag) bool {
	switch flag.Name {
	case "cert-dir", "help", "log-flush-frequency", "vmodule":
		return true
	default:
		return flag.Hidden
	}
}

func TestEveryFlagHasAWrongValue(t *testing.T) {
	table := wrongValues(t)
	serveCommand(t).Flags().VisitAll(func(flag *pflag.Flag) {
		if _, found := table[flag.Name]; !found && !anyText(flag) {
			t.Errorf("no wrong value of --%s is tested", flag.Name)
		}
	})
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"service":         {want: "--service-name ($SERVICE_NAME) is missing"},
		"all at once":     {want: "; --namespace ($POD_NAMESPACE) is missing"},
		"namespace":       {args: []string{"--service-name=web"}, want: "--namespace"},
		"service account": {args: []string{"--service-name=web", "--namespace=shop"}, want: "--service-account"},
		"publish-trust-bundle": {
			args: []string{"--service-name=web", "--namespace=shop", "--signer-name=example.com/serving",
				"--publish-trust-bundle"},
			want: "--publish-trust-bundle"},
		"cert-dir": {
			args: []string{"--service-name=web", "--namespace=shop", "--certificate-source=files"}, want: "--cert-dir"},
		"client CA": {
			args: []string{"--service-name=web", "--namespace=shop", "--service-account=web",
				"--client-allowed-name=api-server"},
			want: "--client-allowed-name needs --client-ca-file"},
		"webhook configuration": {
			args: []string{"--service-name=web", "--namespace=shop", "--service-account=web"},
			want: "--webhook-configuration is missing: name the object whose caBundle is to be kept right, or set --webhook-configuration=none"},
		"webhook configuration of files": {
			args: []string{"--service-name=web", "--namespace=shop", "--certificate-source=files", "--cert-dir=x"},
			want: "--webhook-configuration is missing"},
		"webhook configurations, and none": {
			args: []string{"--service-name=web", "--namespace=shop", "--service-account=web",
				"--webhook-configuration=none,web"},
			want: "--webhook-configuration=none and --webhook-configuration do not go together"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			code := run(t.Context(), append([]string{"serve"}, tc.args...), &stderr, &stderr)
			if code != exitUsage || !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("exit code %d and %q, want %d and %s named", code, &stderr, exitUsage, tc.want)
			}
		})
	}
}

// TestEnvironmentFillsInWhatIsNotSet: what a command needs to know itself. The rest is read where it is used.
func TestEnvironmentFillsInWhatIsNotSet(t *testing.T) {
	o, fs := newServeOptions(nil), pflag.NewFlagSet("serve", pflag.ContinueOnError)
	o.addFlags(fs)
	if err := fs.Parse([]string{"--namespace=from-flag", "--webhook-configuration=web"}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SERVICE_NAME", "web")
	t.Setenv("POD_NAMESPACE", "from-environment")
	o.complete()
	if b := o.bootstrap; b.Service != "web" || b.Namespace != "from-flag" || b.ExternalTrust {
		t.Errorf("got %+v", b)
	}
}

func TestBadEnvironmentNamesTheVariable(t *testing.T) {
	t.Setenv("POD_IPS", "10.0.0.256")
	code, stderr := runServe(t, "--shutdown-delay=1s")
	if code != exitUsage || !strings.Contains(stderr, "--pod-ip ($POD_IPS) cannot be read") {
		t.Errorf("exit code %d, and %q does not name POD_IPS and --pod-ip", code, stderr)
	}
}

func TestCommandLine(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"version":         {args: []string{"version"}, code: exitOK, want: "webhook "},
		"version flag":    {args: []string{"--version"}, code: exitOK, want: "webhook "},
		"completion":      {args: []string{"completion", "bash"}, code: exitOK, want: "bash completion"},
		"help":            {args: []string{"--help"}, code: exitOK, want: "serve"},
		"help of issue":   {args: []string{"issue", "--help"}, code: exitOK, want: "--self-address"},
		"help of request": {args: []string{"request", "--help"}, code: exitOK, want: "--write-kubeconfig"},
		"help of serve":   {args: []string{"serve", "--help"}, code: exitOK, want: "--signer-name"},
		"unknown command": {args: []string{"dance"}, code: exitUsage, want: `"dance"`},
		"unknown flag":    {args: []string{"serve", "--dance"}, code: exitUsage, want: "--dance"},
		"argument":        {args: []string{"version", "dance"}, code: exitUsage, want: `"dance"`},
		"serve is the default": {
			args: []string{"--signer-name=nodomain"}, code: exitUsage, want: "--signer-name"},
	} {
		t.Run(name, func(t *testing.T) {
			var output bytes.Buffer
			if code := run(t.Context(), tc.args, &output, &output); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if !strings.Contains(output.String(), tc.want) {
				t.Errorf("%q does not say %s", &output, tc.want)
			}
		})
	}
}

// TestOwnSignerName: a program that calls the built-in signer by another name asks it under that name.
func TestOwnSignerName(t *testing.T) {
	for _, command := range []string{"serve", "issue"} {
		var output bytes.Buffer
		code := Run(t.Context(), []string{command, "--help"}, Options{
			Stdout: &output, BuiltInSignerName: "webhooks.example.com/serving"})
		if code != exitOK || !strings.Contains(output.String(), "(default webhooks.example.com/serving)") ||
			strings.Contains(output.String(), signer.BuiltIn) {
			t.Errorf("%s: exit code %d and another signer than ours:\n%s", command, code, &output)
		}
	}
}

func TestClientNames(t *testing.T) {
	for text, good := range map[string]bool{"kube-apiserver": true, "system:kube-apiserver": true, "": false} {
		if _, err := parseClientName(text); (err == nil) != good {
			t.Errorf("%q: %v, want it to be good: %t", text, err, good)
		}
	}
}

// TestCertificateDurationFitsIntoTheRequest: where the signer is somebody else's, nothing but the parser bounds it.
func TestCertificateDurationFitsIntoTheRequest(t *testing.T) {
	for text, want := range map[string]string{
		"0s": "", "10m": "", "87600h": "", "596523h14m7s": "",
		"9m59s": "too short", "596523h14m7.5s": "too long", "596523h14m8s": "too long", "1200000h": "too long",
	} {
		_, err := parseCertificateDuration(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// runServe runs serve with everything it needs but a reachable API server, and one more argument.
func runServe(t *testing.T, argument string) (code int, stderr string) {
	t.Helper()
	var output bytes.Buffer
	code = run(t.Context(), []string{"serve", "--service-name=web", "--namespace=shop", "--service-account=web",
		"--webhook-configuration=web", "--kubeconfig=" + unreachable(t), argument}, &output, &output)
	return code, output.String()
}

// unreachable is a kubeconfig of an API server that no one runs: a test that contacts it does not end.
func unreachable(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	content := "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n" +
		"contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func serveCommand(t *testing.T) *cobra.Command {
	t.Helper()
	command, _, err := newRootCommand(Options{}.withDefaults()).Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	return command
}
