// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// What the page about a check says is denied is denied, and for the reason it gives.
func TestExamples(t *testing.T) {
	for _, d := range Definitions() {
		t.Run(d.Name, func(t *testing.T) {
			check := built(t, d, d.Doc.Parameters)
			if check.Name() != d.Name {
				t.Errorf("the check is called %q", check.Name())
			}
			denied := exampleOf(t, d, d.Doc.Denied)
			got := answer(t, check, denied)
			if got.Allowed || got.Result.Code != 403 || !strings.Contains(got.Result.Message, "denied by 1 check: "+d.Name+": ") {
				t.Fatalf("the object that is to be denied: %+v", got)
			}
			t.Log(got.Result.Message)
			admitted := exampleOf(t, d, d.Doc.Admitted)
			if got := answer(t, check, admitted); !got.Allowed {
				t.Errorf("the object that is to be admitted: %s", got.Result.Message)
			}
			sameObject(t, denied, admitted)
		})
	}
}

// exampleOf is the request that an example is about.
func exampleOf(t testing.TB, d handler.Definition, manifest string) *handler.Request {
	t.Helper()
	req := requestOf(t, cmp.Or(d.Doc.Operation, admissionv1.Create), manifest)
	if d.Doc.Operation == admissionv1.Delete {
		req.Object, req.OldObject = runtime.RawExtension{}, req.Object
	}
	if d.Doc.Operation == admissionv1.Connect {
		req.Resource, req.SubResource, req.Name = metav1.GroupVersionResource{Version: "v1", Resource: "pods"}, "exec", "web"
	}
	return req
}

// sameObject wants the second example to be a version of the first.
func sameObject(t *testing.T, denied, admitted *handler.Request) {
	t.Helper()
	if denied.Kind != admitted.Kind || denied.Name != admitted.Name {
		t.Errorf("the examples are %v %s and %v %s", denied.Kind, denied.Name, admitted.Kind, admitted.Name)
	}
}

// An object that is older than the check can lose its finalizer, and get a label, but not become another bad one.
func TestUpdatesThatTouchNothingPass(t *testing.T) {
	for _, d := range Definitions() {
		if d.Doc.Operation != "" {
			continue // no update
		}
		t.Run(d.Name, func(t *testing.T) {
			check := built(t, d, d.Doc.Parameters)
			req := requestOf(t, admissionv1.Update, d.Doc.Denied)
			req.OldObject.Raw = edit(t, req.Object.Raw, func(obj *unstructured.Unstructured) {
				obj.SetFinalizers([]string{"example.com/wait"})
			})
			if got := answer(t, check, req); !got.Allowed {
				t.Errorf("a finalizer cannot be taken off: %s", got.Result.Message)
			}
			if d.Name == "defaultNamespace" {
				return // the one thing that no update can make worse
			}
			req.OldObject.Raw = requestOf(t, admissionv1.Update, d.Doc.Admitted).Object.Raw
			if got := answer(t, check, req); got.Allowed {
				t.Error("what was good may be made bad")
			}
		})
	}
}

func edit(t *testing.T, raw []byte, change func(*unstructured.Unstructured)) []byte {
	t.Helper()
	var obj unstructured.Unstructured
	if err := obj.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	change(&obj)
	edited, err := obj.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return edited
}

// Checks share what was decoded with each other: none may change it, nor remember anything.
func TestChecksChangeNothing(t *testing.T) {
	for _, d := range Definitions() {
		t.Run(d.Name, func(t *testing.T) {
			check := built(t, d, d.Doc.Parameters)
			for _, manifest := range []string{d.Doc.Denied, d.Doc.Admitted} {
				req := exampleOf(t, d, manifest)
				raw := string(req.Object.Raw)
				before := decodedPod(t, req)
				first, err := check.Evaluate(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				second, err := check.Evaluate(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				if diff := gocmp.Diff(first, second); diff != "" {
					t.Errorf("asked twice (-first +second):\n%s", diff)
				}
				if diff := gocmp.Diff(before, decodedPod(t, req)); diff != "" || string(req.Object.Raw) != raw {
					t.Errorf("the object was changed: %s", diff)
				}
			}
		})
	}
}

// decodedPod is a copy of the Pod that checks see in the request, as JSON.
func decodedPod(t *testing.T, req *handler.Request) string {
	t.Helper()
	pod, _, err := podOf(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(pod.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Deletes carry no object, and other kinds are no one's business.
func TestOtherRequestsPass(t *testing.T) {
	widget := "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, namespace: shop, " +
		"labels: {team: shop}, annotations: {example.com/runbook: 'https://x'}}, spec: {replicas: 900}}"
	for _, d := range Definitions() {
		t.Run(d.Name, func(t *testing.T) {
			check := built(t, d, d.Doc.Parameters)
			gone := requestOf(t, admissionv1.Delete, d.Doc.Denied)
			gone.Object, gone.OldObject = runtime.RawExtension{}, gone.Object
			if got := answer(t, check, gone); !got.Allowed && d.Doc.Operation != admissionv1.Delete {
				t.Errorf("a delete: %s", got.Result.Message)
			}
			if got := answer(t, check, requestOf(t, admissionv1.Create, widget)); !got.Allowed {
				t.Errorf("a custom resource: %s", got.Result.Message)
			}
			status := requestOf(t, admissionv1.Update, d.Doc.Denied)
			status.SubResource = "status"
			if got := answer(t, check, status); !got.Allowed {
				t.Errorf("an update of the status: %s", got.Result.Message)
			}
		})
	}
}

// What cannot be read does not pass: neither another version of a kind, nor nonsense.
func TestOtherVersionsDoNotPass(t *testing.T) {
	for _, d := range Definitions() {
		if d.Doc.Operation == admissionv1.Delete || d.Name == "requiredLabels" || d.Name == "requiredAnnotations" || d.Name == "defaultNamespace" {
			continue // for objects of every kind, and so of every version
		}
		t.Run(d.Name, func(t *testing.T) {
			check := built(t, d, d.Doc.Parameters)
			req := exampleOf(t, d, d.Doc.Admitted)
			req.Kind.Version = "v1beta1"
			if got := answer(t, check, req); got.Allowed || got.Result.Code != 500 {
				t.Errorf("version v1beta1: %+v", got)
			}
			req = exampleOf(t, d, d.Doc.Admitted)
			req.Object.Raw = []byte(`{"spec":1,"rules":1,"subjects":1,"container":1}`)
			if got := answer(t, check, req); got.Allowed || got.Result.Code != 500 {
				t.Errorf("an object that cannot be read: %+v", got)
			}
		})
	}
}

// Every check comes with its page, and with parameters that a configuration can leave out, unless there is nothing to
// say about a default.
func TestDefinitions(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Definitions() {
		t.Run(d.Name, func(t *testing.T) {
			if seen[d.Name] {
				t.Error("there are two")
			}
			seen[d.Name] = true
			for what, text := range map[string]string{"Summary": d.Doc.Summary, "Why": d.Doc.Why} {
				if len(strings.Fields(text)) < 4 || !strings.HasSuffix(text, ".") || strings.Contains(text, "  ") {
					t.Errorf("%s %q is no sentence", what, text)
				}
			}
			for _, err := range d.Validate(field.NewPath(d.Name), d.NewParameters()) {
				if err.Type != field.ErrorTypeRequired {
					t.Errorf("the defaults: %v", err)
				}
			}
			wantMode := map[string]handler.Mode{"podSecurity": handler.Deny, "imageTag": handler.Deny}[d.Name]
			if d.DefaultMode != wantMode {
				t.Errorf("by default its mode is %q", d.DefaultMode)
			}
			freshDefaults(t, d)
		})
	}
}

// freshDefaults wants a new value at every call: a configuration is decoded over it.
func freshDefaults(t *testing.T, d handler.Definition) {
	t.Helper()
	first := reflect.ValueOf(d.NewParameters()).Elem()
	before, err := yaml.Marshal(d.NewParameters())
	if err != nil {
		t.Fatal(err)
	}
	for i := range first.NumField() {
		if f := first.Field(i); f.Kind() == reflect.Slice && f.Len() > 0 {
			f.Index(0).SetZero()
		}
	}
	after, err := yaml.Marshal(d.NewParameters())
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Errorf("the defaults are shared: %s became %s", before, after)
	}
}
