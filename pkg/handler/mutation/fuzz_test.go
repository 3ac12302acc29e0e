// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/patch"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Whatever the object is, the patch makes of it what the mutations say (RFC 6902), by the library that the API server has for
// it, and asked again about that they change nothing.
func FuzzMutation(f *testing.F) {
	var entries []handler.Entry
	for _, d := range Definitions() {
		into := d.NewParameters()
		if err := yaml.UnmarshalStrict([]byte(d.Doc.Parameters), into); err != nil {
			f.Fatal(err)
		}
		entry, err := d.Entry(into, handler.Environment{})
		if err != nil {
			f.Fatal(err)
		}
		entries = append(entries, entry)
		for _, manifest := range []string{d.Doc.Denied, d.Doc.Admitted} {
			f.Add(seed(f, manifest))
		}
	}
	for _, manifest := range []string{deployment, cronJobManifest, injected, windows, podOf(manyImages),
		workloadOf("ReplicaSet", ofAnother, bare), workloadOf("StatefulSet", "name: web", bare)} {
		f.Add(seed(f, manifest))
	}
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		changed, verdict, ok := mutate(t, h, object)
		if !ok || len(verdict.Findings) > 0 { // What cannot be read is refused.
			return
		}
		text, err := patch.JSON(verdict.Changes)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := jsonpatch.DecodePatch(text)
		if err != nil {
			t.Fatalf("%v, in the patch %s", err, text)
		}
		patched, err := steps.Apply(object)
		if err != nil {
			t.Fatalf("the patch %s cannot be applied: %v", text, err)
		}
		want, err := patch.Parse(changed)
		if err != nil {
			t.Fatal(err)
		}
		got, err := patch.Parse(patched)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("the patch %s makes something else (-mutations +patch): %v\n%s", text, err, diff)
		}
		if _, again, _ := mutate(t, h, changed); len(again.Changes) > 0 {
			t.Errorf("asked again, the mutations change %v", again.Changes)
		}
	})
}

func seed(f *testing.F, manifest string) []byte {
	f.Helper()
	object, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		f.Fatal(err)
	}
	return object
}

// mutate creates an object, if it says what it is.
func mutate(t *testing.T, h *handler.Handler, object []byte) (changed []byte, verdict handler.Verdict, ok bool) {
	t.Helper()
	var head metav1.TypeMeta
	if json.Unmarshal(object, &head) != nil || head.Kind == "" {
		return nil, verdict, false
	}
	req := handler.NewRequest(admissionv1.AdmissionRequest{
		Kind:      metav1.GroupVersionKind(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)),
		Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: object},
	})
	after, verdict := h.Mutate(t.Context(), req)
	return after.AdmissionRequest.Object.Raw, verdict, true
}
