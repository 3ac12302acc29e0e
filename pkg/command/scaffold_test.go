// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

// What is written passes the checks that it is likely to meet, and nothing is overwritten.
func TestScaffold(t *testing.T) {
	checks := filepath.Join(t.TempDir(), "checks.yaml")
	configuration := "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n" +
		"  podSecurity: {level: restricted}\n  imageTag: {}\n  serviceAccountToken: {}\n  readOnlyRootFilesystem: {}\n"
	if err := os.WriteFile(checks, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sidecar", "server"} {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "deploy")
			line := []string{"scaffold", kind, dir, "--service-name=hook", "--image=registry.example/hook:v1",
				"--webhook-configuration=mutating/hook-rules", "--port=8443"}
			code, stdout, stderr := runSplit(t, line...)
			if code != 0 || stdout != "kubectl apply -k "+dir+"\n" {
				t.Fatalf("exit code %d, %s%s", code, stdout, stderr)
			}
			code, stdout, stderr = runSplit(t, "check", "-f", dir, "--config", checks)
			if code != 0 || !strings.Contains(stdout, " 0 denied, 0 warnings") {
				t.Errorf("exit code %d, %s%s", code, stdout, stderr)
			}
			rules, err := os.ReadFile(filepath.Join(dir, "rbac.yaml"))
			if err != nil || !strings.Contains(string(rules), "mutatingwebhookconfigurations") {
				t.Errorf("%v, the rules are\n%s", err, rules)
			}
			wantRulesOf(t, string(rules), "--service-name=hook", "--namespace=hook", "--service-account=hook",
				"--webhook-configuration=mutating/hook-rules", "--in-force-binding=hook-in-force")
			wantUntouched(t, filepath.Join(dir, "service.yaml"), line)
		})
	}
}

// wantRulesOf wants the rules that rbac prints with these flags.
func wantRulesOf(t *testing.T, rules string, flags ...string) {
	t.Helper()
	code, printed, stderr := runSplit(t, append([]string{"rbac"}, flags...)...)
	if diff := cmp.Diff(printed, rules); code != 0 || diff != "" {
		t.Errorf("exit code %d, %s, the rules are not those of rbac (-rbac +scaffold):\n%s", code, stderr, diff)
	}
}

// wantUntouched wants a second run to leave a file that was changed as it is, and to write no other one.
func wantUntouched(t *testing.T, file string, line []string) {
	t.Helper()
	dir := filepath.Dir(file)
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "webhook.yaml")); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := runSplit(t, line...)
	if code != 1 || !strings.Contains(stderr, "has deployment.yaml, in-force.yaml, kustomization.yaml") {
		t.Errorf("exit code %d, %q; want that the files are there already", code, stderr)
	}
	content, err := os.ReadFile(file)
	if err != nil || string(content) != "mine" {
		t.Errorf("the file has %q now (%v)", content, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "webhook.yaml")); err == nil {
		t.Error("a file was written although others were there")
	}
}

func TestScaffoldNamesWhatIsMissing(t *testing.T) {
	for line, want := range map[string]string{
		"scaffold sidecar d": "--service-name is missing: for example my-webhook; --image is missing",
		"scaffold server":    "takes one argument, the directory to write into",
		"scaffold pod d":     "unknown command \"pod\": see `webhook scaffold --help`",
		"scaffold server d --service-name=a --image=b --webhook-configuration=crd/x.y": "write validating/NAME or mutating/NAME",
		"scaffold server d --service-name=a --image=b --namespace=kube-system":         "--namespace is kube-system, which others use: name a new one",
		"scaffold go d --service-name=default --image=b":                               "--namespace is default, which others use",
		"scaffold sidecar d --service-name=a --image=b --port=8080":                    "--port is 8080, at which the Pod has its metrics or its probes",
		"scaffold server d --service-name=a --image=b --port=8081":                     "--port is 8081, at which the Pod",
		"scaffold server d --service-name=a --image=b,c":                               "a quotation mark or another character",
	} {
		code, _, stderr := runSplit(t, strings.Fields(line)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q; want 2 and %q", line, code, stderr, want)
		}
	}
}

// Names that YAML takes for something else than text, when they are not quoted, are names.
func TestScaffoldQuotesNames(t *testing.T) {
	for _, names := range [][2]string{{"true", "null"}, {"null", "on"}, {"on", "1e3"}, {"no", "12345"}, {"y", "0x1f"}} {
		for _, kind := range []string{"sidecar", "server", "go"} {
			plain, special := scaffoldedAs(t, kind, "hook-s", "hook-n"), scaffoldedAs(t, kind, names[0], names[1])
			rename := strings.NewReplacer("hook-s", names[0], "hook-n", names[1])
			if diff := cmp.Diff(renamed(plain, rename.Replace), any(special)); diff != "" {
				t.Errorf("%s with the names %q (-want +got):\n%s", kind, names, diff)
			}
		}
	}
}

// scaffoldedAs reads what scaffold writes for a Service in a namespace: the manifests, by their files.
func scaffoldedAs(t *testing.T, kind, service, namespace string) map[string]any {
	t.Helper()
	dir := t.TempDir()
	line := []string{"scaffold", kind, dir, "--service-name=" + service, "--namespace=" + namespace, "--image=hook"}
	if kind != "go" {
		line = append(line, "--webhook-configuration="+namespace)
	}
	if code, stdout, stderr := runSplit(t, line...); code != 0 {
		t.Fatalf("exit code %d, %s%s", code, stdout, stderr)
	}
	if kind == "go" {
		dir = filepath.Join(dir, "deploy")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, document := range strings.Split(string(text), "\n---\n") {
			var object any
			if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all[fmt.Sprint(filepath.Base(file), i)] = object
		}
	}
	return all
}

// renamed is an object of JSON with all its texts changed.
func renamed(object any, rename func(string) string) any {
	switch object := object.(type) {
	case string:
		return rename(object)
	case []any:
		for i := range object {
			object[i] = renamed(object[i], rename)
		}
	case map[string]any:
		for name := range object {
			object[name] = renamed(object[name], rename)
		}
	}
	return object
}

func TestScaffoldGoRefusesPaths(t *testing.T) {
	for path, ok := range map[string]bool{
		"example.com/hook": true, "example.com/a.b/v2": true, "hook": false, "main": false, "example.com/-x": false, "-x.com/a": false, "example.com/a~1": false, "example.com/hook/": false, "/hook": false,
		"../hook": false, "example.com//hook": false, "": false, "example.com/.hook": false, "example.com/hook.": false, "exämple.com": false,
	} {
		if _, err := parseModule(path); (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// The module that is written compiles with this repository and passes its own tests, and its manifests pass our checks.
func TestScaffoldGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hook")
	line := []string{"scaffold", "go", dir, "--service-name=hook", "--image=registry.example/hook:v1", "--module=example.com/hook"}
	code, stdout, stderr := runSplit(t, line...)
	if code != 0 || stdout != "cd "+dir+" && go mod tidy && make test\n" {
		t.Fatalf("exit code %d, %s%s", code, stdout, stderr)
	}
	// In place of go mod tidy, which needs the network: the versions of an example that is a module.
	example, err := filepath.Abs("../../examples/own-check")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(example, name))
		if err != nil {
			t.Fatal(err)
		}
		written := strings.NewReplacer("module example.com/own-check", "module example.com/hook", "=> ../..", "=> "+filepath.Join(example, "../.."))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(written.Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"vet", "-mod=mod", "./..."}, {"test", "-mod=mod", "-count=1", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOPROXY=off", "GOSUMDB=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	code, stdout, stderr = runSplit(t, "check", "-f", filepath.Join(dir, "deploy"))
	if code != 0 || !strings.Contains(stdout, " 0 denied, 0 warnings") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	for file, want := range map[string]string{"webhook.yaml": "path: '/validate'", "mutating-webhook.yaml": "path: '/mutate'",
		"kustomization.yaml": "\n- webhook.yaml\n- mutating-webhook.yaml\n"} {
		text, err := os.ReadFile(filepath.Join(dir, "deploy", file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q: %v\n%s", file, want, err, text)
		}
	}
	wantRulesOfManifest(t, dir)
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil || !strings.Contains(string(readme), "check -f deploy/") {
		t.Errorf("the manifests are in deploy, and README.md says something else: %v\n%s", err, readme)
	}
	rules, err := os.ReadFile(filepath.Join(dir, "deploy", "rbac.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	wantRulesOf(t, string(rules), "--service-name=hook", "--namespace=hook", "--service-account=hook",
		"--webhook-configuration=mutating/hook,validating/hook", "--in-force-binding=hook-in-force")
	code, _, stderr = runSplit(t, line...)
	if code != 1 || !strings.Contains(stderr, "has Dockerfile, Makefile") {
		t.Errorf("exit code %d, %q; want that the files are there already", code, stderr)
	}
}

// wantRulesOfManifest wants the API server to ask about what the program itself says that it looks at.
func wantRulesOfManifest(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "-mod=mod", ".", "manifest", "--service-name=hook")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOPROXY=off", "GOSUMDB=off")
	printed, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	checks, mutations, _ := strings.Cut(string(printed), "---\n")
	for file, want := range map[string]string{"webhook.yaml": checks, "mutating-webhook.yaml": mutations} {
		var written, of admissionregistrationv1.MutatingWebhookConfiguration // It has all fields of the other kind.
		readYAML(t, filepath.Join(dir, "deploy", file), &written)
		if err := yaml.Unmarshal([]byte(want), &of); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(flat(of.Webhooks[0].Rules), flat(written.Webhooks[0].Rules)); diff != "" {
			t.Errorf("%s (-manifest +written):\n%s", file, diff)
		}
		if diff := cmp.Diff(of.Webhooks[0].ReinvocationPolicy, written.Webhooks[0].ReinvocationPolicy); diff != "" {
			t.Errorf("%s (-manifest +written):\n%s", file, diff)
		}
	}
}
