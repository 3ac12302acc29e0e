// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// peer is another tool, and its rules.
type peer struct {
	Tool  string     `json:"tool"`
	Rules []peerRule `json:"rules"`
}

// peerRule is a row of the table: a rule of another tool, and what to use in its place.
type peerRule struct {
	Rule       string `json:"rule"`
	Check      string `json:"check"`
	Parameters string `json:"parameters"`
	Denied     sketch `json:"denied"` // by the rule and by our check
	Differs    string `json:"differs"`
	Other      sketch `json:"other"`   // shows the difference
	Verdict    string `json:"verdict"` // ours on the other
}

// sketch is an object in short: what is not said is ordinary.
type sketch struct {
	Kind        string            `json:"kind"`      // Pod by default
	Name        string            `json:"name"`      // web by default
	Namespace   *string           `json:"namespace"` // shop by default
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Spec        map[string]any    `json:"spec"`
	Fields      map[string]any    `json:"fields"`    // beside the metadata
	Template    map[string]string `json:"template"`  // labels of the template
	Pod         map[string]any    `json:"pod"`       // fields of the Pod
	Container   map[string]any    `json:"container"` // fields of its container
	Policy      map[string]any    `json:"policy"`    // the rule of a role
	Subject     string            `json:"subject"`   // of a binding
	Role        string            `json:"role"`      // of a binding, a ClusterRole
	Beside      []sketch          `json:"beside"`    // objects that are there already
	// Operation is CREATE by default. The object of a CONNECT are its options.
	Operation admissionv1.Operation `json:"operation"`
}

// object is the object in full.
func (s sketch) object() map[string]any {
	versions := map[string]string{
		"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1",
		"Ingress": "networking.k8s.io/v1", "NetworkPolicy": "networking.k8s.io/v1", "PodDisruptionBudget": "policy/v1", "StorageClass": "storage.k8s.io/v1",
		"HorizontalPodAutoscaler": "autoscaling/v2", "Role": "rbac.authorization.k8s.io/v1",
		"ClusterRole": "rbac.authorization.k8s.io/v1", "RoleBinding": "rbac.authorization.k8s.io/v1",
		"ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
	}
	metadata := map[string]any{"name": or(s.Name, "web"), "labels": s.Labels, "annotations": s.Annotations, "namespace": "shop"}
	if s.Namespace != nil {
		metadata["namespace"] = *s.Namespace
	}
	object := map[string]any{"apiVersion": or(versions[s.Kind], "v1"), "kind": or(s.Kind, "Pod"), "metadata": metadata}
	maps.Copy(object, s.Fields)
	if spec := s.spec(); spec != nil {
		object["spec"] = spec
	}
	switch {
	case s.Policy != nil:
		object["rules"] = []any{s.Policy}
	case s.Subject != "":
		kind := map[bool]string{true: "User", false: "Group"}[s.Subject == "system:anonymous"]
		object["subjects"] = []any{map[string]any{"kind": kind, "name": s.Subject, "apiGroup": "rbac.authorization.k8s.io"}}
		object["roleRef"] = map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": s.Role}
	case s.Kind == "StorageClass":
		object["provisioner"] = "example.com/disk"
	}
	return object
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// spec is what is in the object, a Pod in what has one.
func (s sketch) spec() map[string]any {
	container := map[string]any{"name": "app", "image": "registry.example/app:1.2.3"}
	maps.Copy(container, s.Container)
	pod := map[string]any{"containers": []any{container}}
	maps.Copy(pod, s.Pod)
	labels := map[string]string{"app": "web"}
	maps.Copy(labels, s.Template)
	template := map[string]any{"metadata": map[string]any{"labels": labels}, "spec": pod}
	spec := map[string]any{}
	switch s.Kind {
	case "":
		return pod
	case "CronJob":
		pod["restartPolicy"] = "Never"
		spec["schedule"] = "0 0 * * *"
		spec["jobTemplate"] = map[string]any{"spec": map[string]any{"template": template}}
	case "Job":
		pod["restartPolicy"] = "Never"
		spec["template"] = template
	case "Deployment", "StatefulSet", "DaemonSet":
		spec["selector"] = map[string]any{"matchLabels": map[string]any{"app": "web"}}
		spec["template"] = template
	default:
		return s.Spec
	}
	maps.Copy(spec, s.Spec)
	return spec
}

func peers(t *testing.T) (all []peer) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(read(t, "testdata/peers.yaml")), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Each row does what it says: the check denies what the rule denies, and does to the other object what shows the
// difference.
func TestPeers(t *testing.T) {
	rows := 0
	for _, p := range peers(t) {
		for _, r := range p.Rules {
			rows++
			t.Run(p.Tool+"/"+r.Rule, func(t *testing.T) {
				if found := r.judge(t, r.Denied); found == "" {
					t.Error("what the rule denies is admitted")
				}
				found := r.judge(t, r.Other)
				if denied := found != ""; r.Verdict != "denied" && r.Verdict != "admitted" || denied != (r.Verdict == "denied") {
					t.Errorf("that %s is not so: want %s, got %q", r.Differs, r.Verdict, found)
				}
			})
		}
	}
	if rows < 100 {
		t.Errorf("the table has %d rows, want 100", rows)
	}
}

// judge returns what the check of the row alone says of an object, among those that are there already.
func (r peerRule) judge(t *testing.T, s sketch) string {
	t.Helper()
	checks := map[string]any{"podSecurity": map[string]any{"mode": "off"}, "imageTag": map[string]any{"mode": "off"}}
	parameters := map[string]any{"mode": "deny"}
	if err := yaml.Unmarshal([]byte(r.Parameters), &parameters); err != nil {
		t.Fatal(err)
	}
	checks[r.Check] = parameters
	data, err := json.Marshal(map[string]any{"apiVersion": config.APIVersion, "kind": config.Kind, "checks": checks})
	if err != nil {
		t.Fatal(err)
	}
	configuration, err := config.Parse(data, check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	if s.Operation != "" {
		return s.ask(t, configuration)
	}
	objects := []any{s.object(), map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop", "labels": s.Labels},
	}}
	for _, other := range s.Beside {
		objects = append(objects, other.object())
	}
	manifest, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	if err != nil {
		t.Fatal(err)
	}
	report, err := offline.Judge(t.Context(), offline.Options{
		Paths: []string{"-"}, Input: strings.NewReader(string(manifest)), Configuration: configuration, Scheme: scheme.Scheme,
	})
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for _, f := range report.Findings {
		switch {
		case f.Check != r.Check: // Such as a field that there is not.
			t.Errorf("%s %s: %s", f.Kind, f.Name, f.Message)
		case f.Level == offline.Denied && f.Kind == or(s.Kind, "Pod") && f.Name == or(s.Name, "web"):
			found += f.Message
		}
	}
	return found
}

// ask returns what the checks say of an operation that is not to create the object.
func (s sketch) ask(t *testing.T, configuration config.Configuration) string {
	t.Helper()
	entries, err := configuration.Build(handler.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(s.object())
	if err != nil {
		t.Fatal(err)
	}
	object := runtime.RawExtension{Raw: raw}
	req := admissionv1.AdmissionRequest{
		UID: "1", Kind: metav1.GroupVersionKind{Version: "v1", Kind: s.Kind}, Operation: s.Operation, Name: "web", Namespace: "shop",
		Resource: metav1.GroupVersionResource{Version: "v1", Resource: "services"},
	}
	switch s.Operation {
	case admissionv1.Connect:
		req.Object, req.Resource.Resource = object, "pods"
		req.SubResource = map[string]string{"PodExecOptions": "exec", "PodAttachOptions": "attach"}[s.Kind]
	case admissionv1.Delete:
		req.OldObject = object
	default:
		req.Object, req.OldObject = object, object
	}
	found := ""
	for _, f := range h.Judge(t.Context(), handler.NewRequest(req)).Findings {
		if f.Refuses {
			found += f.Text()
		}
	}
	return found
}

// TestPeersPage holds the table to the rows that are tested; -update writes it.
func TestPeersPage(t *testing.T) {
	table := "\n| you come from | its rule | use | difference |\n|---|---|---|---|\n"
	for _, p := range peers(t) {
		for _, r := range p.Rules {
			use := fmt.Sprintf("[`%s`](#%s)", r.Check, strings.ToLower(r.Check))
			if r.Parameters != "" {
				use += " `" + r.Parameters + "`"
			}
			table += fmt.Sprintf("| %s | %s | %s | %s |\n", p.Tool, cell(r.Rule), cell(use), cell(r.Differs))
		}
	}
	got := between(t, "checks.md", "<!-- begin peers -->", "<!-- end peers -->", table)
	if diff := gocmp.Diff(table, got); diff != "" {
		t.Errorf("docs/checks.md has other rows than testdata/peers.yaml; run `go test ./docs -update` (-rows +page):\n%s", diff)
	}
}
