// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	teamless = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
	owned    = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, labels: {team: x}}\n"
)

func TestWhatIsRead(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"good": {map[string]string{"a.yaml": owned}, "1 object in 1 file: 0 denied, 0 warnings\n"},
		"bad": {
			map[string]string{"a.yaml": teamless},
			"a.yaml:3: denied: ConfigMap \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"1 object in 1 file: 1 denied, 0 warnings\n",
		},
		"all documents": {
			map[string]string{"a.yaml": "# first\n---\n" + owned + "--- # second\n" + teamless + "---\n# nothing\n---\n" + teamless},
			"a.yaml:9: denied: ConfigMap \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"a.yaml:16: denied: ConfigMap \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"3 objects in 1 file: 2 denied, 0 warnings\n",
		},
		"lists": {
			map[string]string{"a.yaml": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n" +
				"- {apiVersion: v1, kind: ConfigMap, metadata: {name: b, labels: {team: x}}}\n"},
			"a.yaml:6: denied: ConfigMap \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"2 objects in 1 file: 1 denied, 0 warnings\n",
		},
		"typed lists, empty lists": {
			map[string]string{"a.yaml": "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n", "b.yaml": "apiVersion: v1\nkind: List\nitems: []\n"},
			"a.yaml:4: denied: Pod \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"1 object in 2 files: 1 denied, 0 warnings\n",
		},
		"JSON": {
			map[string]string{"a.json": "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\n\t\t\"name\": \"a\"}}\n" +
				`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}`},
			"a.json:4: denied: ConfigMap \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"a.json:6: denied: ConfigMap \"b\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"2 objects in 1 file: 2 denied, 0 warnings\n",
		},
		"JSON between dashes, YAML in the flow style": {
			map[string]string{"a.json": "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}\n---\n" +
				"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\n\"metadata\":{\"name\":\"b\"}}\n---\n" +
				"{apiVersion: v1, kind: Pod,\n  metadata: {name: c}}\n"},
			"a.json:1: denied: Pod \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"a.json:4: denied: Pod \"b\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"a.json:7: denied: Pod \"c\" in namespace \"default\": team: metadata.labels[team]: say which team\n" +
				"3 objects in 1 file: 3 denied, 0 warnings\n",
		},
		"below, but not hidden, nor of another name": {
			map[string]string{"x/y/a.yml": teamless, ".git/a.yaml": teamless, "README.md": teamless, "x/.b.yaml": owned},
			"x/.b.yaml", // see below
		},
		"what is no object is skipped": {
			map[string]string{"values.yaml": "replicas: 1\n", "patch.yaml": "- op: add\n", "a.yaml": owned,
				"Chart.yaml":         "apiVersion: v2\nname: web\n",
				"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
				"component.yaml":     "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"},
			"1 object in 6 files: 0 denied, 0 warnings; 5 documents skipped: no objects of Kubernetes\n",
		},
		"what is broken is denied": {
			map[string]string{
				"a.yaml": owned + "---\na: b: c\n", "b.yaml": "kind: ConfigMap\n", "c.json": "{", "d.yaml": owned + "kind: Secret\n",
				"e.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: []\n", "f.yaml": "apiVersion: a/b/c\nkind: X\n",
				"g.yaml": "apiVersion: v1\nmetadata: {name: a}\n",
			},
			"a.yaml:5: unreadable: it is not valid YAML: mapping values are not allowed in this context\n" +
				"b.yaml:1: denied: it is no object of Kubernetes: it lacks apiVersion or kind\n" +
				"c.json:1: unreadable: it is not JSON: unexpected EOF; and it is not valid YAML: did not find expected node content\n" +
				"d.yaml:4: unreadable: it is not valid YAML: key \"kind\" already set in map\n" +
				"e.yaml:1: denied: it is no object of Kubernetes: its apiVersion, kind, metadata or items are of a wrong type\n" +
				"f.yaml:1: denied: its apiVersion is not valid: unexpected GroupVersion string: a/b/c\n" +
				"g.yaml:1: denied: it is no object of Kubernetes: it lacks apiVersion or kind\n" +
				"1 object in 7 files: 4 denied, 0 warnings, 3 unreadable\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := text(t, judge(t, "{}", tt.files))
			if name == "below, but not hidden, nor of another name" {
				if !strings.Contains(got, "x/y/a.yml:3: denied") || !strings.Contains(got, "2 objects in 2 files: 1 denied") {
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

// What a YAML library would be silent about is not passed over.
func TestNothingIsLeftOut(t *testing.T) {
	second := strings.ReplaceAll(teamless, "\n", "\r")
	for name, content := range map[string]string{
		"end of document": owned + "...\n" + teamless,
		"carriage return": strings.ReplaceAll(owned, "\n", "\r") + "---\r" + second,
		"JSON":            "# c\n" + `{"apiVersion":"v1","kind":"ConfigMap"}` + "\n" + `{"apiVersion":"v1","kind":"Pod"}` + "\n",
	} {
		got := text(t, judge(t, "{team: {mode: off}}", map[string]string{"a.yaml": content}))
		if !strings.Contains(got, "unreadable: something follows its first document") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := text(t, judge(t, "{}", map[string]string{"a.yaml": owned + "...\n"})); !strings.Contains(got, ": 0 denied") {
		t.Errorf("dots at the end: %s", got)
	}
}

// The modes are those of the server.
func TestModes(t *testing.T) {
	for checks, want := range map[string]string{
		"{team: {mode: warn}}": "a.yaml:3: warning: ConfigMap \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n1 object in 1 file: 0 denied, 1 warning\n",
		// As in a new namespace, which is clean.
		"{team: {mode: denyWhenClean}}":             "a.yaml:3: denied: ConfigMap \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n1 object in 1 file: 1 denied, 0 warnings\n",
		"{team: {mode: audit}}":                     "a.yaml:3: audit: ConfigMap \"a\" in namespace \"default\": team: metadata.labels[team]: say which team\n1 object in 1 file: 0 denied, 0 warnings, 1 for the audit log\n",
		"{team: {mode: off}}":                       "1 object in 1 file: 0 denied, 0 warnings\n",
		"{team: {exempt: {namespaces: [default]}}}": "1 object in 1 file: 0 denied, 0 warnings, 1 exemption\n",
	} {
		if diff := cmp.Diff(want, text(t, judge(t, checks, map[string]string{"a.yaml": teamless}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", checks, diff)
		}
	}
}

// The request is the one that the API server would send.
func TestRequests(t *testing.T) {
	object := func(apiVersion, kind, namespace string) string {
		return "apiVersion: " + apiVersion + "\nkind: " + kind + "\nmetadata: {name: x, labels: {team: x}, namespace: '" + namespace + "'}\n"
	}
	crd := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: oxen.farm.example, labels: {team: x}}\n" +
		"spec: {group: farm.example, scope: SCOPE, names: {kind: Ox, plural: oxen}}\n"
	for name, tt := range map[string]struct{ manifests, want string }{
		"default namespace": {object("v1", "Pod", ""), "CREATE pods  v1 in default object in default by jane"},
		"own namespace":     {object("apps/v1", "Deployment", "shop"), "CREATE deployments apps v1 in shop object in shop by jane"},
		"cluster-scoped":    {object("v1", "Node", ""), "CREATE nodes  v1 in  object in  by jane"},
		"a Namespace":       {object("v1", "Namespace", ""), "CREATE namespaces  v1 in x object in  by jane"},
		"irregular plural":  {object("networking.k8s.io/v1", "NetworkPolicy", ""), "CREATE networkpolicies networking.k8s.io v1 in default object in default by jane"},
		"a vowel and y":     {object("farm.example/v1", "Gateway", "z"), "CREATE gateways farm.example v1 in z object in z by jane"},
		"custom, undefined": {object("farm.example/v1", "Ox", ""), "CREATE oxes farm.example v1 in  object in  by jane"},
		"custom, of k8s.io": {object("gateway.networking.k8s.io/v1", "GatewayClass", ""),
			"CREATE gatewayclasses gateway.networking.k8s.io v1 in  object in  by jane"},
		"custom, of k8s.io, in a namespace": {object("gateway.networking.k8s.io/v1", "Gateway", "shop"),
			"CREATE gateways gateway.networking.k8s.io v1 in shop object in shop by jane"},
		"a CustomResourceDefinition": {strings.Replace(crd, "SCOPE", "Cluster", 1),
			"CREATE customresourcedefinitions apiextensions.k8s.io v1 in  object in  by jane"},
		"an APIService": {object("apiregistration.k8s.io/v1", "APIService", "z"),
			"CREATE apiservices apiregistration.k8s.io v1 in  object in z by jane"},
		"custom, namespaced": {strings.Replace(crd, "SCOPE", "Namespaced", 1) + "---\n" + object("farm.example/v1", "Ox", ""),
			"CREATE oxen farm.example v1 in default object in default by jane"},
		"custom, cluster": {strings.Replace(crd, "SCOPE", "Cluster", 1) + "---\n" + object("farm.example/v1", "Ox", ""),
			"CREATE oxen farm.example v1 in  object in  by jane"},
	} {
		t.Run(name, func(t *testing.T) {
			report := judge(t, "{place: {mode: warn}}", map[string]string{"a.yaml": tt.manifests}, func(o *Options) {
				o.User = authenticationv1.UserInfo{Username: "jane"}
			})
			if got := report.Findings[len(report.Findings)-1].Message; got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// What checks look up in the cluster they look up in the manifests.
func TestManifestsAreTheCluster(t *testing.T) {
	ingress := func(name, namespace, host string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " + name + ", namespace: " + namespace + ", labels: {team: x}}\n" +
			"spec:\n  rules:\n  - host: " + host + "\n"
	}
	report := judge(t, "{hosts: {mode: deny}}", map[string]string{
		"1.yaml": ingress("a", "shop", "www.example.com"), "2.yaml": ingress("b", "attic", "www.example.com"), "3.yaml": ingress("c", "shop", "api.example.com"),
		"4.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: attic, labels: {team: ghosts}}\n",
	})
	want := "1.yaml:6: denied: Ingress \"a\" in namespace \"shop\": hosts: spec.rules[0].host: b also has it, whose team is ghosts\n" +
		"2.yaml:4: denied: Ingress \"b\" in namespace \"attic\": hosts: namespaces \"shop\" not found\n" +
		"4 objects in 4 files: 2 denied, 0 warnings\n"
	if got := strings.Replace(text(t, report), "2.yaml:1:", "2.yaml:4:", 1); got != want {
		t.Error(cmp.Diff(want, got))
	}
}

func TestStandardInputAndNamedFiles(t *testing.T) {
	values := filepath.Join(tree(t, map[string]string{"values.txt": "replicas: 1\n"}), "values.txt")
	report := judge(t, "{}", nil, func(o *Options) {
		o.Paths, o.Input = []string{"-", values}, strings.NewReader(teamless)
	})
	got := text(t, report)
	if !strings.Contains(got, "stdin:3: denied: ConfigMap") || !strings.Contains(got, "values.txt:1: denied: it is no object of Kubernetes: it has neither") {
		t.Error(got)
	}
}

// Who names a file means it.
func TestNamedFilesAreNotSkipped(t *testing.T) {
	for content, want := range map[string]string{
		"kind: Pod\n": "it is no object of Kubernetes: it lacks apiVersion or kind",
		"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n": "it is no object of Kubernetes: it is for kustomize",
	} {
		report := judge(t, "{}", nil, func(o *Options) { o.Paths, o.Input = []string{"-"}, strings.NewReader(content) })
		if got := text(t, report); !strings.Contains(got, "stdin:1: denied: "+want) {
			t.Errorf("got %s", got)
		}
	}
}

func TestNothingToCheckIsAnError(t *testing.T) {
	empty := tree(t, map[string]string{"README.md": "x", "values.yaml": "a: 1\n"})
	for _, path := range []string{empty, filepath.Join(empty, "missing")} {
		_, err := Judge(t.Context(), Options{Paths: []string{path}, Configuration: configuration(t, "{}"), Scheme: scheme.Scheme})
		if err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

func TestProgressAndEnd(t *testing.T) {
	var told []int
	dir := tree(t, map[string]string{"a.yaml": owned + "---\n" + owned})
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Paths: []string{dir}, Configuration: configuration(t, "{}"), Scheme: scheme.Scheme}
	o.Progress = func(done, all int) { told = append(told, done, all) }
	if _, err := Judge(ctx, o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 2, 2}, told); diff != "" {
		t.Error(diff)
	}
	cancel()
	if _, err := Judge(ctx, o); err == nil {
		t.Error("goes on for ever")
	}
}

// Our own manifests are a tree that is as real as any.
func TestOurOwnManifests(t *testing.T) {
	data, err := os.ReadDir("../../manifests/base")
	if err != nil {
		t.Fatal(err)
	}
	report, err := Judge(t.Context(), Options{Paths: []string{"../../manifests/base"}, Configuration: configuration(t, "{team: {mode: off}}"), Scheme: scheme.Scheme})
	if err != nil || report.Objects < len(data)-3 || report.DeniedObjects > 0 {
		t.Errorf("got %+v, %v", report, err)
	}
}

func FuzzDocuments(f *testing.F) {
	f.Add([]byte(teamless + "---\n" + owned))
	f.Add([]byte(`{"apiVersion":"v1","kind":"List","items":[{}]}{`))
	f.Add([]byte("apiVersion: v1\nkind: PodList\nitems:\n- &a {metadata: {name: x}}\n- *a\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		for _, d := range documents(data) {
			objects, _ := objectsOf("f", d)
			known := newKinds(objects)
			for i := range objects {
				objects[i].complete(known, "default")
				objects[i].lines.Line("spec.containers[0].image")
			}
		}
	})
}
