// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// rollout is the manifest of an object of a kind that is not Kubernetes' own, with a template of Pods in it.
func rollout(template string) string {
	return `{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web", "namespace": "shop"},
		"spec": {"replicas": 2, "template": ` + template + `}}`
}

// rolloutEntry is how a configuration uses a check that has been told of Rollouts.
func rolloutEntry(c handler.Check) handler.Entry {
	return handler.Entry{Check: c, PodTemplates: []handler.PodTemplate{{Group: "argoproj.io", Kind: "Rollout", Path: "spec.template"}}}
}

// Every check of Pods denies in such a template what it denies in a Pod, and says where.
func TestEveryCheckOfPodsLooksIntoOtherKinds(t *testing.T) {
	seen := 0
	for _, d := range Definitions() {
		denied := requestOf(t, admissionv1.Create, d.Doc.Denied)
		if denied.Kind.Kind != "Pod" || d.Name == "defaultNamespace" { // which is about the object
			continue
		}
		seen++
		t.Run(d.Name, func(t *testing.T) {
			for _, tt := range []struct {
				manifest string
				allowed  bool
			}{{d.Doc.Denied, false}, {d.Doc.Admitted, true}} {
				pod := requestOf(t, admissionv1.Create, tt.manifest).AdmissionRequest.Object.Raw
				req := requestOf(t, admissionv1.Create, rollout(string(pod)))
				check := built(t, d, d.Doc.Parameters)
				got := answerOf(t, handler.Options{Entries: []handler.Entry{rolloutEntry(check)}}, req)
				if got.Allowed != tt.allowed {
					t.Fatalf("got %v for %s", got.Result, pod)
				}
				if !tt.allowed && !strings.Contains(got.Result.Message, d.Name+": spec.template.") {
					t.Errorf("it does not say where: %s", got.Result.Message)
				}
				if got := answer(t, check, req); !got.Allowed && d.Name != "requiredLabels" && d.Name != "requiredAnnotations" {
					t.Errorf("without being told of the kind: %s", got.Result.Message)
				}
			}
		})
	}
	if seen < 15 {
		t.Errorf("%d checks were asked", seen)
	}
}

func TestTemplatesOfOtherKinds(t *testing.T) {
	pod := func(image, more string) string {
		return fmt.Sprintf(`{"metadata": {}, "spec": {"containers": [{"name": "a", "image": %q}]%s}}`, image, more)
	}
	check := built(t, definition(t, "imageTag"), "")
	ask := func(operation admissionv1.Operation, now, before string, change func(*handler.Entry)) string {
		t.Helper()
		req := requestOf(t, operation, now)
		if before != "" {
			req.OldObject = requestOf(t, operation, before).Object
		}
		entry := rolloutEntry(check)
		if change != nil {
			change(&entry)
		}
		got := answerOf(t, handler.Options{Entries: []handler.Entry{entry}}, req)
		if got.Allowed {
			return strings.Join(append([]string{"allowed"}, got.Warnings...), "; ")
		}
		return got.Result.Message
	}
	at := func(path string) func(*handler.Entry) {
		return func(e *handler.Entry) { e.PodTemplates[0].Path = path }
	}
	const denied = `imageTag: spec.template.spec.containers[0].image: container "a":`
	for name, tt := range map[string]struct {
		got, want string
	}{
		"bad":                    {ask("CREATE", rollout(pod("x", "")), "", nil), denied},
		"good":                   {ask("CREATE", rollout(pod("x:1", "")), "", nil), "allowed"},
		"no template":            {ask("CREATE", rollout("null"), "", nil), "allowed"},
		"a template of no sort":  {ask("CREATE", rollout(`"x"`), "", nil), "allowed"},
		"what cannot be read":    {ask("CREATE", rollout(`{"spec": 1}`), "", nil), "check \"imageTag\" failed: cannot read object"},
		"elsewhere":              {ask("CREATE", rollout(pod("x", "")), "", at("spec.other")), "allowed"},
		"another kind":           {ask("CREATE", strings.Replace(rollout(pod("x", "")), "Rollout", "Roll", 1), "", nil), "allowed"},
		"another group":          {ask("CREATE", strings.Replace(rollout(pod("x", "")), "argoproj", "argo", 1), "", nil), "allowed"},
		"another version":        {ask("CREATE", strings.Replace(rollout(pod("x", "")), "v1alpha1", "v2", 1), "", nil), denied},
		"kept":                   {ask("UPDATE", rollout(pod("x", `, "hostNetwork": true`)), rollout(pod("x", "")), nil), "allowed; imageTag: its new Pods will be denied"},
		"made worse":             {ask("UPDATE", rollout(pod("y", "")), rollout(pod("x", "")), nil), denied},
		"made bad":               {ask("UPDATE", rollout(pod("x", "")), rollout(pod("x:1", "")), nil), denied},
		"a template that is new": {ask("UPDATE", rollout(pod("x", "")), rollout("null"), nil), denied},
		"taken away":             {ask("UPDATE", rollout("null"), rollout(pod("x", "")), nil), "allowed"},
		"an exempt image": {ask("CREATE", rollout(pod("vendor/x", "")), "", func(e *handler.Entry) {
			e.Exempt.Images = []string{"vendor/*"}
		}), "allowed"},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: got %s, want %s", name, tt.got, tt.want)
		}
	}
}

// What is beside a template hides it neither by its depth nor by its place.
func TestTemplatesBesideManyLevels(t *testing.T) {
	const template = `"template": {"spec": {"containers": [{"name": "a", "image": "x"}]}}`
	deep := strings.Repeat(`{"a":[`, 100) + strings.Repeat(`]}`, 100)
	for name, object := range map[string]string{
		"before the template":    `{"spec": {"other": ` + deep + `, ` + template + `}}`,
		"behind the template":    `{"spec": {` + template + `, "other": ` + deep + `}}`,
		"before the spec":        `{"a": ` + deep + `, "spec": {` + template + `}}`,
		"in the metadata":        `{"metadata": {"managedFields": [{"fieldsV1": ` + deep + `}]}, "spec": {` + template + `}}`,
		"in the template":        `{"spec": {"template": {"other": ` + deep + `, ` + template[len(`"template": {`):] + `}}`,
		"an empty one before it": `{"spec": {"template": {}, "other": ` + deep + `, ` + template + `}}`,
		"a name that is escaped": `{"spec": {"other": ` + deep + `, "t\u0065` + template[3:] + `}}`,
		"white space before it":  " {\n\"spec\" :\t{ \"other\": " + deep + `, ` + template + `}}`,
	} {
		req := requestOf(t, admissionv1.Create, rollout("null"))
		req.Object.Raw = []byte(object)
		entry := rolloutEntry(built(t, definition(t, "imageTag"), ""))
		got := answerOf(t, handler.Options{Entries: []handler.Entry{entry}}, req)
		if want := "imageTag: spec.template.spec.containers[0].image"; got.Allowed || !strings.Contains(got.Result.Message, want) {
			t.Errorf("%s: allowed %v, %v", name, got.Allowed, got.Result)
		}
	}
}

// Each of several templates of a kind is judged by itself, in whatever order they are listed.
func TestSeveralTemplatesOfOneKind(t *testing.T) {
	pod := func(image string) string {
		return fmt.Sprintf(`{"spec": {"containers": [{"name": "a", "image": %q}]}}`, image)
	}
	set := func(leader, worker string) string {
		return `{"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "web",
			"namespace": "shop"}, "spec": {"leaderTemplate": ` + leader + `, "workerTemplate": ` + worker + `}}`
	}
	const leader, worker, file = "spec.leaderTemplate", "spec.workerTemplate", ".spec.containers[0].image: container"
	kind := handler.PodTemplate{Group: "leaderworkerset.x-k8s.io", Kind: "LeaderWorkerSet"}
	for name, tt := range map[string]struct {
		now, before string
		policy      handler.FailurePolicy
		want        []string
	}{
		"both good":      {now: set(pod("x:1"), pod("x:1")), want: []string{"allowed"}},
		"a bad leader":   {now: set(pod("x"), pod("x:1")), want: []string{leader + file}},
		"a bad worker":   {now: set(pod("x:1"), pod("x")), want: []string{worker + file}},
		"only workers":   {now: set("null", pod("x")), want: []string{worker + file}},
		"both bad":       {now: set(pod("x"), pod("x")), want: []string{leader + file, worker + file}},
		"not readable":   {now: set(`{"spec": 1}`, pod("x")), policy: handler.Ignore, want: []string{worker + file}},
		"neither of two": {now: set(`{"spec": 1}`, `{"spec": 1}`), want: []string{"cannot read object"}},
		"kept": {now: set(pod("x:1"), pod("x")), before: set(pod("y:1"), pod("x")),
			want: []string{"allowed", "its new Pods will be denied"}},
		"moved": {now: set(pod("x:1"), pod("x")), before: set(pod("x"), pod("x:1")), want: []string{worker + file}},
	} {
		for _, paths := range [][]string{{leader, worker}, {worker, leader}, {worker, leader, worker}} {
			operation := admissionv1.Create
			if tt.before != "" {
				operation = admissionv1.Update
			}
			req := requestOf(t, operation, tt.now)
			if tt.before != "" {
				req.OldObject = requestOf(t, operation, tt.before).Object
			}
			entry := handler.Entry{Check: built(t, definition(t, "imageTag"), ""), FailurePolicy: tt.policy}
			for _, path := range paths {
				kind.Path = path
				entry.PodTemplates = append(entry.PodTemplates, kind)
			}
			answer := answerOf(t, handler.Options{Entries: []handler.Entry{entry}}, req)
			got := fmt.Sprint("allowed ", answer.Warnings)
			if !answer.Allowed {
				got = answer.Result.Message
			}
			for _, want := range tt.want {
				if strings.Count(got, want) != 1 {
					t.Errorf("%s, listed as %q: got %s, want %q", name, paths, got, want)
				}
			}
			if n := strings.Count(got, file); !answer.Allowed && n != strings.Count(strings.Join(tt.want, ""), file) {
				t.Errorf("%s, listed as %q: %d findings: %s", name, paths, n, got)
			}
		}
	}
}

// The longest object that an API server takes is read through once for all checks, and its template once more.
func TestTemplatesOfOtherKindsCostWhatTheyHave(t *testing.T) {
	measure := func(containers int) float64 {
		list := make([]map[string]string, containers)
		for i := range list {
			list[i] = map[string]string{"name": fmt.Sprint("c", i), "image": "registry.example/app:1"}
		}
		text, err := json.Marshal(map[string]any{"spec": map[string]any{"containers": list}})
		if err != nil {
			t.Fatal(err)
		}
		req := requestOf(t, admissionv1.Create, rollout(string(text)))
		h, err := handler.New(handler.Options{Entries: []handler.Entry{
			rolloutEntry(built(t, definition(t, "imageTag"), "")), rolloutEntry(built(t, definition(t, "privileged"), ""))}})
		if err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(admissionv1.AdmissionReview{Request: &req.AdmissionRequest})
		if err != nil {
			t.Fatal(err)
		}
		body = append([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview",`), body[1:]...)
		return allocated(t, h, body, 5)
	}
	if few, many := measure(100), measure(800); many > 2*8*few {
		t.Errorf("100 containers take %.0f bytes, and 800 %.0f", few, many)
	}
}
