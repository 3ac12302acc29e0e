// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/hookstrap/hookstrap/internal/patch"
	"github.com/hookstrap/hookstrap/test/sample"
)

// Whatever the object is, the patch makes of it what the author has changed, and the rest stays as it was sent.
func FuzzMutation(f *testing.F) {
	f.Add([]byte(`{"metadata":{"labels":{"b":"c"},"new":[1]},"spec":{"containers":[{"name":"a","new":1},{"name":"a"},null]}}`), byte(0))
	f.Add([]byte(`{"spec":{"containers":[{"image":"b","resources":{"limits":{"cpu":0.1}}}],"hostNetwork":false,"tolerations":[{"new":1},{}]}}`), byte(7))
	f.Add([]byte(`{"metadata":{"ownerReferences":[{"name":"a"},{"name":"b"}],"annotations":{"a":"b"}},"status":{"phase":"Running","new":1}}`), byte(0xe1))
	f.Add(raw(f, sample.Pod(true, 1)).Raw, byte(0xff))
	shared := &sharedMemory{limit: 1 << 40} // which knows types
	f.Fuzz(func(t *testing.T, object []byte, what byte) {
		var plain map[string]any
		decoder := json.NewDecoder(bytes.NewReader(object))
		decoder.UseNumber()
		if decoder.Decode(&plain) != nil || plain == nil {
			return
		}
		object, err := json.Marshal(plain) // With each name once, as API servers send it.
		if err != nil {
			t.Fatal(err)
		}
		var want *corev1.Pod
		req := createPod(t, webPod())
		req.Object.Raw = object
		asked := NewRequest(req)
		asked.memory = &memory{shared: shared}
		defer asked.memory.release()
		changed, err := Edit(asked, func(pod *corev1.Pod) error {
			edit(pod, what)
			want = pod.DeepCopy()
			return nil
		})
		slow, isPod, slowErr := editedSlowly(t, object, what)
		if unclear := (*patch.UnclearError)(nil); errors.As(slowErr, &unclear) {
			if err == nil || err.Error() != slowErr.Error() {
				t.Errorf("%s: got the error %v, want %v", object, err, slowErr)
			}
			return
		}
		isWhole := kjson.Unmarshal(object, new(corev1.Pod)) == nil
		if err == nil && !isPod || err != nil && isWhole { // What is passed over may be of any type.
			t.Fatalf("%s: got the error %v, and it is a Pod: %t, as a whole: %t", object, err, isPod, isWhole)
		}
		if err != nil {
			return
		}
		if changed == nil {
			changed = object
		}
		changes, err := asked.changes(changed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slow, changes, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s is changed in another way (-slow +fast):\n%s", object, diff)
		}
		comparePatched(t, object, changed, changes)
		var got corev1.Pod
		if err := kjson.Unmarshal(withoutManagedFields(t, changed), &got); err != nil {
			t.Fatalf("%s has become %s: %v", object, changed, err)
		}
		want.ManagedFields = nil // They are left out as a rule, and compared with the changes.
		wantJSON, gotJSON := raw(t, want).Raw, raw(t, got).Raw
		if !bytes.Equal(wantJSON, gotJSON) {
			t.Errorf("%s has become\n%s and not\n%s", object, gotJSON, wantJSON)
		}
		for name, value := range plain {
			if name != "metadata" && name != "spec" && name != "status" {
				var result map[string]json.RawMessage
				if json.Unmarshal(changed, &result) != nil || !bytes.Equal(raw(t, value).Raw, raw(t, result[name]).Raw) {
					t.Errorf("%q of %s has become %s", name, object, result[name])
				}
			}
		}
	})
}

// edit changes a Pod in some ways.
func edit(pod *corev1.Pod, what byte) {
	if what&1 != 0 {
		pod.Labels = map[string]string{"a": "b"}
	}
	if what&2 != 0 {
		pod.Spec.Containers = append([]corev1.Container{{Name: "s"}}, pod.Spec.Containers...)
	}
	if what&4 != 0 {
		for i := range pod.Spec.Containers {
			pod.Spec.Containers[i].Image += "x"
		}
	}
	if what&8 != 0 && len(pod.Spec.Tolerations) > 0 {
		pod.Spec.Tolerations = pod.Spec.Tolerations[1:]
	}
	if what&16 != 0 {
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	if what&32 != 0 {
		pod.Status.Phase, pod.Annotations = "", nil
		slices.Reverse(pod.OwnerReferences)
	}
	if what&64 != 0 {
		for i := range pod.Spec.Containers {
			if cpu := pod.Spec.Containers[i].Resources.Limits.Cpu(); !cpu.IsZero() {
				cpu.Add(resource.MustParse("1m")) // in place
				pod.Spec.Containers[i].Resources.Limits[corev1.ResourceCPU] = *cpu
			}
		}
	}
	if what&128 != 0 {
		pod.CreationTimestamp = metav1.Unix(1, 0)
		pod.Spec.Volumes, pod.Spec.TerminationGracePeriodSeconds = nil, new(int64)
	}
}

// editedSlowly are the changes by Kubernetes' own decoder, of the whole object as it was and is, and with all of it read.
func editedSlowly(t *testing.T, object []byte, what byte) (changes []Change, isPod bool, err error) {
	t.Helper()
	var pod corev1.Pod
	if err := kjson.Unmarshal(withoutManagedFields(t, object), &pod); err != nil {
		return nil, false, err
	}
	before := raw(t, pod).Raw
	edit(&pod, what)
	var documents []any
	for _, text := range [][]byte{object, before, raw(t, pod).Raw} {
		document, err := patch.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
	}
	merged, err := patch.Merge(documents[0], documents[1], documents[2], reflect.TypeFor[corev1.Pod]())
	return patch.Diff(documents[0], merged), true, err
}

func withoutManagedFields(t *testing.T, object []byte) []byte {
	t.Helper()
	document, err := patch.Parse(object)
	if err != nil {
		t.Fatal(err)
	}
	if metadata, ok := document.(map[string]any)["metadata"].(map[string]any); ok {
		delete(metadata, "managedFields")
	}
	return raw(t, document).Raw
}

func comparePatched(t *testing.T, object, changed []byte, changes []Change) {
	t.Helper()
	response := &admissionv1.AdmissionResponse{}
	o := outcome{entry: &entry{}, object: changed, changes: changes}
	if err := attach(response, nil, []outcome{o}); err != nil {
		t.Fatal(err)
	}
	if len(changes) == 0 {
		return
	}
	decoded, err := jsonpatch.DecodePatch(response.Patch)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decoded.Apply(object)
	if err != nil {
		t.Fatalf("%s of %s: %v", response.Patch, object, err)
	}
	want, err := patch.Lazy(changed)
	if err != nil {
		t.Fatal(err)
	}
	is, err := patch.Lazy(got)
	if err != nil {
		t.Fatal(err)
	}
	if differences := patch.Diff(want, is); len(differences) > 0 {
		t.Errorf("%s makes of\n%s\n%s and not\n%s", response.Patch, object, got, changed)
	}
}

// An item of a list keeps what the type does not know, or the mutation fails.
func TestEditItems(t *testing.T) {
	type rule struct {
		Priority int `json:"priority"`
	}
	type box struct {
		Rules []rule `json:"rules"`
	}
	number := func(b *box) error {
		for i := range b.Rules {
			b.Rules[i].Priority = 100 + i
		}
		return nil
	}
	for object, want := range map[string]string{
		`{"rules":[{"priority":7,"host":"one"},{"priority":50,"host":"two"}]}`: `{"rules":[{"host":"one","priority":100},{"host":"two","priority":101}]}`,
		// It may as well be the one of host two that is removed, and the one of host one that is behind a new one.
		`{"rules":[{"priority":101,"host":"one"},{"priority":50,"host":"two"}]}`: "",
	} {
		req := createPod(t, webPod())
		req.Object.Raw = []byte(object)
		got, err := Edit(NewRequest(req), number)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%s has become %s (%v), want %s", object, got, err, want)
		}
	}
	req := createPod(t, webPod())
	req.Object.Raw = []byte(`{"spec":{"tolerations":[{"key":"a","new":1}],"containers":[{"name":"Web","image":"a","new":2}]}}`)
	got, err := Edit(NewRequest(req), func(pod *corev1.Pod) error {
		pod.Spec.Tolerations[0].Operator = "Exists"
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: "b"})
		pod.Spec.Containers[0].Name = "web"
		return nil
	})
	const want = `{"spec":{"containers":[{"image":"a","name":"web","new":2}],` +
		`"tolerations":[{"key":"a","new":1,"operator":"Exists"},{"key":"b"}]}}`
	if string(got) != want || err != nil {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

// BenchmarkMutation is all that the review of a mutation costs but for the network, TLS and net/http.
func BenchmarkMutation(b *testing.B) {
	h, err := New(Options{Entries: []Entry{{Mutation: MutateFor("label", func(_ context.Context, _ *Request, pod *corev1.Pod) error {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, "cost-center", "none")
		return nil
	})}}})
	if err != nil {
		b.Fatal(err)
	}
	body, err := sample.Review(8800)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/mutate?timeout=10s", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		h.Mutating().ServeHTTP(httptest.NewRecorder(), r)
	}
}
