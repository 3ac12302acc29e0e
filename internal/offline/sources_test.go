// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.name }}\n"

// What another program makes manifests of is said once, and what is a manifest beside it is judged.
func TestSourcesOfOtherPrograms(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a chart": {
			map[string]string{
				"web/Chart.yaml": "apiVersion: v2\nname: web\n", "web/values.yaml": "name: x\n", "web/crds/a.yaml": owned,
				"web/templates/a.yaml": template, "web/templates/b.yaml": template, "web/charts/db/Chart.yaml": "apiVersion: v2\nname: db\n",
				"web/charts/db/templates/a.yaml": template,
			},
			"web/Chart.yaml:1: unreadable: " + isChart + "\n" +
				"1 object in 3 files: 0 denied, 0 warnings, 1 unreadable; 2 documents skipped: no objects of Kubernetes\n",
		},
		"a kustomization with patches": {
			map[string]string{
				"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n" +
					"patches:\n- path: patch.yaml\n- patch: |-\n    - op: add\npatchesStrategicMerge: [other.yaml]\n",
				"a.yaml": owned, "patch.yaml": teamless, "other.yaml": teamless,
			},
			"kustomization.yaml:1: unreadable: " + isKustomization + "\n" +
				"1 object in 2 files: 0 denied, 0 warnings, 1 unreadable; 1 document skipped: no objects of Kubernetes\n",
		},
		"a kustomization without": {
			map[string]string{
				"kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator:\n- name: x\n  files: [b.yaml, key=c.yaml]\n",
				"a.yaml":             owned, "b.yaml": teamless, "c.yaml": teamless,
			},
			"1 object in 2 files: 0 denied, 0 warnings; 1 document skipped: no objects of Kubernetes\n",
		},
		"a template": {
			map[string]string{"a.yaml": owned + "---\n" + template},
			"a.yaml:8: unreadable: it is not valid YAML: ",
		},
		"a configuration of checks": {
			map[string]string{"a.yaml": owned, "checks.yaml": "apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\n"},
			"1 object in 2 files: 0 denied, 0 warnings; 1 document skipped: no objects of Kubernetes\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := text(t, judge(t, "{}", tt.files))
			if name == "a template" {
				if !strings.HasPrefix(got, tt.want) || !strings.Contains(got, "render it first") {
					t.Error(got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Who names such a file is told what to do with it.
func TestSourcesThatAreNamed(t *testing.T) {
	for content, want := range map[string]string{
		"apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: {}\n":  "give it to --config",
		"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n":          "render it first",
		"{{- if .Values.on }}\napiVersion: v1\nkind: ConfigMap\n{{- end }}\n":         "render it first",
		"apiVersion: v1\nkind: Pod\nmetadata: {name: {{ include \"web.name\" . }}}\n": "render it first",
	} {
		report := judge(t, "{}", nil, func(o *Options) { o.Paths, o.Input = []string{"-"}, strings.NewReader(content) })
		if got := text(t, report); !strings.Contains(got, want) || !strings.Contains(got, "0 objects in 1 file") {
			t.Errorf("%s: got %s", content, got)
		}
	}
}

// A file has one place in a cluster, and counts once.
func TestFilesAreReadOnce(t *testing.T) {
	dir := tree(t, map[string]string{"a.yaml": owned, "sub/b.yaml": teamless, "values.txt": "x: 1\n"})
	if err := os.Symlink("b.yaml", filepath.Join(dir, "sub/c.yaml")); err != nil {
		t.Fatal(err)
	}
	for name, paths := range map[string][]string{
		"twice":                  {dir, dir},
		"a file and a directory": {filepath.Join(dir, "a.yaml"), dir},
		"another spelling":       {dir, dir + "/sub/../a.yaml", dir + "/sub/"},
	} {
		report := judge(t, "{team: {mode: off}}", nil, func(o *Options) { o.Paths = paths })
		if report.Objects != 2 || report.Files != 2 {
			t.Errorf("%s: got %d objects of %d files", name, report.Objects, report.Files)
		}
	}
	report := judge(t, "{team: {mode: off}}", nil, func(o *Options) { o.Paths = []string{dir, filepath.Join(dir, "sub/b.yaml")} })
	if report.Objects != 2 {
		t.Errorf("named after its directory: got %+v", report)
	}
}

// A directive is not a document.
func TestDirectives(t *testing.T) {
	for name, tt := range map[string]struct{ content, want string }{
		"at the beginning":     {"%YAML 1.2\n---\n" + teamless, "a.yaml:5: denied"},
		"behind a comment":     {"# x\n\n%YAML 1.1\n%TAG ! tag:example.com,2000:\n---\n" + teamless, "a.yaml:8: denied"},
		"between documents":    {owned + "...\n%YAML 1.2\n---\n" + teamless, "a.yaml:9: denied"},
		"a text that looks so": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: |\n    a\n    %YAML 1.2\n", "a.yaml:3: denied"},
	} {
		if got := text(t, judge(t, "{}", map[string]string{"a.yaml": tt.content})); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// The line is that of the mistake, in the text too.
func TestLinesOfMistakes(t *testing.T) {
	for content, want := range map[string]string{
		owned + "---\n\nkind: Pod\nkind: Pod\n":                     "a.yaml:7: unreadable: it is not valid YAML: key",
		owned + "---\na:\n  b: c: d\n":                              "a.yaml:6: unreadable: it is not valid YAML: ",
		"{\"apiVersion\": \"v1\",\n\n\"kind\": \"Pod\" \"x\": 1}\n": "a.yaml:3: unreadable: it is not JSON",
	} {
		if got := text(t, judge(t, "{}", map[string]string{"a.yaml": content})); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s", content, got)
		}
	}
}

// Of what is filled in nothing is said.
func TestWhatIsFilledInIsNotUnknown(t *testing.T) {
	for _, manifest := range []string{
		"apiVersion: v1\nkind: List\n", "apiVersion: v1\nkind: PodList\nitems: null\n", "apiVersion: policy/v1\nkind: DeleteOptions\n",
	} {
		got := text(t, judge(t, "{team: {mode: off}}", map[string]string{"a.yaml": manifest}))
		if !strings.Contains(got, "0 denied, 0 warnings") {
			t.Errorf("%s: got %s", manifest, got)
		}
	}
}

// It is no news to anybody that a version is wrong; since when is.
func TestVersionsThatAreGone(t *testing.T) {
	for manifest, want := range map[string]string{
		"apiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\n":           "since version 1.25: use autoscaling/v2\n",
		"apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\n":           "since version 1.26: use autoscaling/v2\n",
		"apiVersion: batch/v2alpha1\nkind: CronJob\n":                                "since version 1.21: use batch/v1\n",
		"apiVersion: apiextensions.k8s.io/v1beta1\nkind: CustomResourceDefinition\n": "since version 1.22: use apiextensions.k8s.io/v1\n",
		"apiVersion: settings.k8s.io/v1alpha1\nkind: PodPreset\n":                    "since version 1.20",
	} {
		got := text(t, judge(t, "{}", map[string]string{"a.yaml": manifest + "metadata: {name: x, labels: {team: x}}\n"}))
		if !strings.Contains(got, want) || !strings.Contains(got, "1 denied") {
			t.Errorf("%s: got %s", manifest, got)
		}
	}
}

// What cannot be read keeps nothing else from being judged.
func TestUnreadableFiles(t *testing.T) {
	dir := tree(t, map[string]string{"a.yaml": teamless})
	for name, target := range map[string]string{".#a.yaml": "user@host.123:456", "loop.yaml": "loop.yaml"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	got := text(t, judge(t, "{}", nil, func(o *Options) { o.Paths = []string{dir} }))
	for _, want := range []string{
		".#a.yaml:1: warning: it is a symbolic link to nothing", "loop.yaml:1: unreadable: it cannot be read: too many levels",
		"a.yaml:3: denied", "1 object in 1 file: 1 denied, 1 warning, 1 unreadable",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
	}
}
