// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

const (
	goodPod = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec: {containers: [{name: c, image: 'x:1'}]}\n"
	badPod  = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec:\n  containers:\n  - name: c\n    image: x\n"
)

// checkFiles runs check in a directory with these files.
func checkFiles(t *testing.T, files map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	code = Run(t.Context(), append([]string{"check"}, args...), Options{
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Definitions: check.Definitions(), Version: "v1.2.3",
	})
	return code, out.String(), errs.String()
}

// Of a kind that has two templates of Pods, both are judged, on their own lines.
func TestCheckOfSeveralTemplates(t *testing.T) {
	code, out, _ := checkFiles(t, map[string]string{
		"config.yaml": "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {privileged: {}}\npodTemplates:\n" +
			"- {group: leaderworkerset.x-k8s.io, kind: LeaderWorkerSet, path: spec.leader}\n" +
			"- {group: leaderworkerset.x-k8s.io, kind: LeaderWorkerSet, path: spec.worker}\n",
		"set.yaml": "apiVersion: leaderworkerset.x-k8s.io/v1\nkind: LeaderWorkerSet\nmetadata: {name: a, namespace: shop}\nspec:\n" +
			"  leader: {spec: {containers: [{name: a, image: 'x:1'}]}}\n" +
			"  worker: {spec: {containers: [{name: a, image: 'x:1', securityContext: {privileged: true}}]}}\n",
	}, "", "--config=config.yaml", "set.yaml")
	if want := "set.yaml:6: denied: LeaderWorkerSet \"a\" in namespace \"shop\": privileged: spec.worker.spec.containers[0]"; code != exitFailure ||
		!strings.Contains(out, want) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestCheck(t *testing.T) {
	files := map[string]string{
		"good/pod.yaml": goodPod, "bad/pod.yaml": badPod, "empty/x.txt": "", "broken/a.yaml": "a: {{ b }}\n",
		"namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {psa: restricted, a: c}}\n",
		"rules.yaml": "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n" +
			"checks: {podSecurity: {level: privileged, rules: [{level: restricted, namespaceSelector: {matchLabels: {psa: restricted}}}]}}\n",
		"warn.yaml":  "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {imageTag: {mode: warn}}\n",
		"user.yaml":  "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {imageTag: {exempt: {users: [jane], groups: [ops]}}}\n",
		"typos.yaml": "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {imageTag: {mood: warn}}\ncheckz: {}\n",
		"typo.yaml":  "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {imageTag: {mood: warn}}\n",
	}
	for name, tt := range map[string]struct {
		args           []string
		stdin          string
		code           int
		stdout, stderr string
	}{
		"good":           {args: []string{"-f", "good"}, stdout: "1 object in 1 file: 0 denied, 0 warnings\n"},
		"bad":            {args: []string{"-f", "bad"}, code: exitFailure, stdout: `bad/pod.yaml:7: denied: Pod "bad" in namespace "default": imageTag:`},
		"both":           {args: []string{"-f", "good", "--filename=bad/pod.yaml"}, code: exitFailure, stdout: "2 objects in 2 files: 1 denied"},
		"stdin":          {args: []string{"-f", "-"}, stdin: badPod, code: exitFailure, stdout: "stdin:7: denied"},
		"warning":        {args: []string{"-f", "bad", "--config=warn.yaml"}, stdout: "bad/pod.yaml:7: warning"},
		"exempt user":    {args: []string{"-f", "bad", "--config=user.yaml", "--as=jane"}, stdout: "0 denied, 0 warnings, 1 exemption"},
		"exempt group":   {args: []string{"-f", "bad", "--config=user.yaml", "--as-group=ops"}, stdout: "0 denied"},
		"nobody":         {args: []string{"-f", "bad", "--config=user.yaml"}, code: exitFailure, stdout: "1 denied"},
		"namespace":      {args: []string{"-f", "bad", "-n", "shop"}, code: exitFailure, stdout: `in namespace "shop"`},
		"no file":        {code: exitUsage, stderr: "webhook: no path is given"},
		"a path":         {args: []string{"good", "bad/pod.yaml"}, code: exitFailure, stdout: "2 objects in 2 files: 1 denied"},
		"paths of both":  {args: []string{"good", "-f", "bad", "bad/pod.yaml"}, code: exitFailure, stdout: "2 objects in 2 files: 1 denied"},
		"stdin by path":  {args: []string{"-"}, stdin: badPod, code: exitFailure, stdout: "stdin:7: denied"},
		"excluded":       {args: []string{"good", "bad", "--exclude=bad"}, stdout: "1 object in 1 file: 0 denied, 0 warnings; 1 file or directory excluded\n"},
		"all excluded":   {args: []string{"bad", "--exclude=*.yaml"}, code: exitUsage, stderr: "1 file or directory is excluded"},
		"bad pattern":    {args: []string{"bad", "--exclude=[a"}, code: exitUsage, stderr: "--exclude"},
		"fail on deny":   {args: []string{"bad", "--config=warn.yaml", "--fail-on=deny"}, stdout: "bad/pod.yaml:7: warning"},
		"fail on warn":   {args: []string{"bad", "--config=warn.yaml", "--fail-on=warn"}, code: exitFailure, stdout: "bad/pod.yaml:7: warning"},
		"no warning":     {args: []string{"good", "--config=warn.yaml", "--fail-on=warn"}, stdout: "0 denied"},
		"bad fail-on":    {args: []string{"bad", "--fail-on=error"}, code: exitUsage, stderr: "use deny or warn"},
		"no baseline":    {args: []string{"bad", "--baseline=gone"}, code: exitUsage, stderr: "--baseline: open gone"},
		"missing file":   {args: []string{"-f", "gone"}, code: exitUsage, stderr: "gone"},
		"nothing":        {args: []string{"-f", "empty"}, code: exitUsage, stderr: "nothing to check"},
		"bad output":     {args: []string{"-f", "good", "-o", "xml"}, code: exitUsage, stderr: "use text, json, sarif or junit"},
		"bad config":     {args: []string{"-f", "good", "--config=typo.yaml"}, code: exitUsage, stderr: `line 3: unknown field "checks.imageTag.mood"`},
		"worse config":   {args: []string{"-f", "good", "--config=typos.yaml"}, code: exitUsage, stderr: "is not valid:\n  line 3: unknown field \"checks.imageTag.mood\"\n  line 4: unknown field \"checkz\""},
		"unreadable":     {args: []string{"-f", "good", "-f", "broken"}, code: exitUsage, stdout: "2 files: 0 denied, 0 warnings, 1 unreadable"},
		"and denied":     {args: []string{"-f", "bad", "-f", "broken"}, code: exitFailure, stdout: "1 denied, 0 warnings, 1 unreadable"},
		"no namespace":   {args: []string{"-f", "good", "--config=rules.yaml"}, code: exitFailure, stdout: `failed: cannot look up the labels of namespace "default": no manifest is of that Namespace; add it, or name its labels, as in --namespace-labels=default:KEY=VALUE` + "\n"},
		"its labels":     {args: []string{"-f", "good", "--config=rules.yaml", "--namespace-labels=default:a=b,psa=restricted"}, code: exitFailure, stdout: "podSecurity: spec.containers[0]: allowPrivilegeEscalation"},
		"other labels":   {args: []string{"-f", "good", "--config=rules.yaml", "--namespace-labels=default:a=b", "--namespace-labels=default:psa=no"}, stdout: "0 denied"},
		"more labels":    {args: []string{"-f", "good", "--config=rules.yaml", "--namespace-labels=default:a=b", "--namespace-labels=default:psa=restricted"}, code: exitFailure, stdout: "1 denied"},
		"over manifests": {args: []string{"-f", "good", "-f", "namespace.yaml", "--config=rules.yaml", "--namespace-labels=default:a=b"}, code: exitFailure, stdout: "1 denied"},
		"labels of none": {args: []string{"-f", "good", "--namespace-labels=psa=no"}, code: exitUsage, stderr: "--namespace-labels"},
		"no labels":      {args: []string{"-f", "good", "--namespace-labels=default"}, code: exitUsage, stderr: "write NAME:KEY=VALUE"},
		"missing config": {args: []string{"-f", "good", "--config=gone"}, code: exitUsage, stderr: "--config"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := checkFiles(t, files, tt.stdin, tt.args...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("code %d, want %d\nstdout: %s\nstderr: %s", code, tt.code, stdout, stderr)
			}
			if tt.stderr == "" && stderr != "" {
				t.Errorf("stderr: %s", stderr)
			}
		})
	}
}

func TestCheckOutputs(t *testing.T) {
	code, stdout, _ := checkFiles(t, map[string]string{"a.yaml": badPod}, "", "-f", "a.yaml", "-o", "json")
	var report offline.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != exitFailure || report.DeniedObjects != 1 {
		t.Errorf("%d, %v: %s", code, err, stdout)
	}
	code, stdout, _ = checkFiles(t, map[string]string{"a.yaml": goodPod}, "", "-f", "a.yaml", "-o", "sarif")
	if code != exitOK || !strings.Contains(stdout, `"results": []`) || !strings.Contains(stdout, `"version": "v1.2.3"`) {
		t.Errorf("%d: %s", code, stdout)
	}
	warns := map[string]string{"a.yaml": badPod, "warn.yaml": "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {imageTag: {mode: warn}}\n"}
	for level, failures := range map[string]string{"deny": `failures="0"`, "warn": `failures="1"`} {
		if _, stdout, _ := checkFiles(t, warns, "", "a.yaml", "--config=warn.yaml", "-o", "junit", "--fail-on="+level); !strings.Contains(stdout, failures) {
			t.Errorf("--fail-on=%s: no %s in %s", level, failures, stdout)
		}
	}
}

// A format of one command is none of another that does not write it.
func TestAuditWritesNoJUnit(t *testing.T) {
	var out, errs bytes.Buffer
	code := Run(t.Context(), []string{"audit", "--output=junit"}, Options{
		Stdout: &out, Stderr: &errs, Definitions: check.Definitions(),
	})
	if code != exitUsage || !strings.Contains(errs.String(), `unknown output "junit": use text, json or sarif`) {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
}

// fullDevice is where nothing can be written to.
type fullDevice struct{}

func (fullDevice) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// That a report cannot be written is no denial.
func TestCheckOfAFullDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte(goodPod), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{"text", "json", "sarif", "junit"} {
		var errs bytes.Buffer
		code := Run(t.Context(), []string{"check", "-f", path, "-o", output}, Options{
			Stdout: fullDevice{}, Stderr: &errs, Definitions: check.Definitions(),
		})
		if code != exitUsage || !strings.Contains(errs.String(), "writing the report: no space left on device") {
			t.Errorf("%s: exit code %d: %s", output, code, &errs)
		}
	}
}

// The commands of docs/configuration.md do what it says, with its configuration.
func TestCheckOnThePage(t *testing.T) {
	data, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	configuration := regexp.MustCompile("(?s)```yaml\n# checks.yaml\n(.*?)```").FindStringSubmatch(string(data))
	commands := regexp.MustCompile(`(?m)^(?:.*\| )?webhook check (.*?)(?: > (\S+))?$`).FindAllStringSubmatch(string(data), -1)
	if configuration == nil || len(commands) < 7 {
		t.Fatalf("the page has no configuration or %d commands", len(commands))
	}
	webhook, err := os.ReadFile("../../manifests/base/validatingwebhookconfiguration.yaml")
	if err != nil {
		t.Fatal(err)
	}
	deployment := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: c, image: x}\n"
	for _, command := range commands {
		t.Run(command[1], func(t *testing.T) {
			code, stdout, stderr := checkFiles(t, map[string]string{
				"checks.yaml": configuration[1], "deploy/web.yaml": deployment, "webhook.yaml": string(webhook),
				"known.yaml": "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckBaseline\n",
			}, deployment, strings.Fields(command[1])...)
			if strings.Contains(command[1], "--write-baseline") {
				if code != exitOK || !strings.Contains(stdout, "0 denied, 0 warnings, ") || !strings.Contains(stdout, " known") {
					t.Errorf("code %d: %s %s", code, stdout, stderr)
				}
				return
			}
			if code != exitFailure || !strings.Contains(stdout, "podSecurity") || !strings.Contains(stdout, "imageTag") {
				t.Errorf("code %d: %s %s", code, stdout, stderr)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Now()
	p := newProgress(&out)
	p.update(1, 2)
	p.clear()
	if out.Len() > 0 {
		t.Errorf("%q goes to what is no terminal", out.String())
	}
	p.w, p.now, p.next = &out, func() time.Time { return now }, now.Add(time.Second)
	p.update(1, 9)
	now = now.Add(time.Second)
	p.update(2, 9)
	p.update(3, 9)
	now = now.Add(progressEvery)
	p.update(4, 9)
	p.clear()
	if got, want := out.String(), "\r\x1b[K2 of 9 objects checked\r\x1b[K4 of 9 objects checked\r\x1b[K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte(goodPod), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if code := run(ctx, []string{"check", "-f", path}, &out, &out); code != exitFailure {
		t.Errorf("exit code %d: %s", code, &out)
	}
}
