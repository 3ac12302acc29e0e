// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// setsLabel is a mutation that sets a label of Pods.
func setsLabel(name, key string, value func(pod *corev1.Pod) string) Mutation {
	return MutateFor(name, func(_ context.Context, _ *Request, pod *corev1.Pod) error {
		if pod.Labels == nil {
			pod.Labels = map[string]string{}
		}
		pod.Labels[key] = value(pod)
		return nil
	})
}

func always(value string) func(*corev1.Pod) string { return func(*corev1.Pod) string { return value } }

func failing(name string, err error) Mutation {
	return MutateFor(name, func(_ context.Context, _ *Request, pod *corev1.Pod) error {
		pod.Spec.NodeName = "changed"
		return err
	})
}

func mutate(t *testing.T, h *Handler, req admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	t.Helper()
	return askAt(t.Context(), t, h.Mutating(), "/mutate?timeout=30s", req)
}

// The first two mutations see each other's results, and there is one patch of both. It is no part of the answer to a
// review that is not for mutations, which an API server would refuse.
func TestMutationsMakeOnePatch(t *testing.T) {
	registry := prometheus.NewRegistry()
	h := newHandlerOf(t, Options{Registerer: registry, Entries: []Entry{
		{Mutation: setsLabel("first", "a", always("1"))},
		{Mutation: setsLabel("second", "b", func(pod *corev1.Pod) string { return pod.Labels["a"] + "2" })},
		{Mutation: setsLabel("nothing", "a", always("1"))},
		{Check: says("check", Violation{Message: "bad"})},
	}})
	got := mutate(t, h, createPod(t, webPod()))
	want := `[{"op":"add","path":"/metadata/labels","value":{"a":"1","b":"12"}}]`
	if !got.Allowed || string(got.Patch) != want || got.PatchType == nil || *got.PatchType != admissionv1.PatchTypeJSONPatch {
		t.Errorf("got %+v with the patch %s, want %s", got, got.Patch, want)
	}
	got = ask(t.Context(), t, h, createPod(t, webPod()))
	if got.Allowed || got.Patch != nil || got.PatchType != nil {
		t.Errorf("a review for checks is answered with %+v", got)
	}
	const counted = `
# HELP hookstrap_admission_check_decisions_total What each check said: allowed, denied, warned, audited or error; of a mutation changed as well.
# TYPE hookstrap_admission_check_decisions_total counter
hookstrap_admission_check_decisions_total{check="check",decision="denied",mode="deny",operation="CREATE",resource="pods"} 1
hookstrap_admission_check_decisions_total{check="first",decision="changed",mode="apply",operation="CREATE",resource="pods"} 1
hookstrap_admission_check_decisions_total{check="nothing",decision="allowed",mode="apply",operation="CREATE",resource="pods"} 1
hookstrap_admission_check_decisions_total{check="second",decision="changed",mode="apply",operation="CREATE",resource="pods"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(counted), "hookstrap_admission_check_decisions_total"); err != nil {
		t.Error(err)
	}
}

func TestNoPatchWithoutAChange(t *testing.T) {
	undo := MutateFor("undo", func(_ context.Context, _ *Request, pod *corev1.Pod) error {
		delete(pod.Labels, "a")
		return nil
	})
	for name, entries := range map[string][]Entry{
		"no mutation":         nil,
		"nothing to change":   {{Mutation: MutateFor("n", func(context.Context, *Request, *corev1.Pod) error { return nil })}},
		"another kind":        {{Mutation: MutateFor("n", func(context.Context, *Request, *corev1.Node) error { return errors.New("asked") })}},
		"off":                 {{Mutation: setsLabel("n", "a", always("1")), Mode: Off}},
		"taken back":          {{Mutation: setsLabel("n", "a", always("1"))}, {Mutation: undo}},
		"exempt by namespace": {{Mutation: setsLabel("n", "a", always("1")), Exempt: Exemptions{Namespaces: []string{"shop"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := webPod()
			pod.Labels = map[string]string{"b": "2"}
			got := mutate(t, newHandler(t, entries...), createPod(t, pod))
			if !got.Allowed || got.Patch != nil || got.PatchType != nil {
				t.Errorf("got %+v with the patch %s", got, got.Patch)
			}
		})
	}
}

// Only creates and updates of the object itself are changed, and no object that is only cleaned up.
func TestWhatIsMutated(t *testing.T) {
	h := newHandler(t, Entry{Mutation: setsLabel("n", "a", always("1"))})
	deleted := webPod()
	deleted.DeletionTimestamp, deleted.Finalizers = &metav1.Time{Time: time.Unix(1, 0)}, []string{"example.com/a"}
	gone := createPod(t, webPod())
	gone.Operation, gone.OldObject, gone.Object = admissionv1.Delete, gone.Object, runtime.RawExtension{}
	status := updatePod(t, webPod(), webPod())
	status.SubResource = "status"
	cleanup := updatePod(t, deleted, webPod())
	for name, tt := range map[string]struct {
		req     admissionv1.AdmissionRequest
		changes bool
	}{
		"create": {createPod(t, webPod()), true}, "update": {updatePod(t, webPod(), webPod()), true},
		"delete": {gone, false}, "status": {status, false}, "an object that is being deleted": {cleanup, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mutate(t, h, tt.req); !got.Allowed || (got.Patch != nil) != tt.changes {
				t.Errorf("got %+v with the patch %s", got, got.Patch)
			}
		})
	}
}

func TestMutationsThatOnlyTell(t *testing.T) {
	ctx, log := logged(t)
	h := newHandler(t,
		Entry{Mutation: setsLabel("noted", "a", always("1")), Mode: Audit},
		Entry{Mutation: setsLabel("warned", "b", always("2")), Mode: Warn},
		Entry{Mutation: setsLabel("applied", "c", always("3"))},
	)
	got := askAt(ctx, t, h.Mutating(), "/mutate?timeout=30s", createPod(t, webPod()))
	if want := `[{"op":"add","path":"/metadata/labels","value":{"c":"3"}}]`; string(got.Patch) != want {
		t.Errorf("got the patch %s, want %s", got.Patch, want)
	}
	if diff := cmp.Diff([]string{`warned: metadata.labels.b: would be set to "2"`}, got.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	note := map[string]string{"noted": `metadata.labels.a: would be set to "1"`}
	if diff := cmp.Diff(note, got.AuditAnnotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if !strings.Contains(log(), "noted") || !strings.Contains(log(), "metadata.labels.a: would be set to") {
		t.Errorf("the log does not tell:\n%s", log())
	}
}

// What is in a Secret is in no warning, annotation or line of the log.
func TestValuesOfSecretsAreNotTold(t *testing.T) {
	ctx, log := logged(t)
	h := newHandler(t, Entry{Mode: Audit, Mutation: MutateFor("s",
		func(_ context.Context, _ *Request, s *corev1.Secret) error {
			s.StringData = map[string]string{"password": "hunter2"}
			return nil
		})})
	req := createPod(t, webPod())
	req.Kind.Kind, req.Resource.Resource = "Secret", "secrets"
	req.Object.Raw = []byte(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"web"}}`)
	got := askAt(ctx, t, h.Mutating(), "/mutate?timeout=30s", req)
	if told := got.AuditAnnotations["s"]; told != "stringData: would be set to a value that is not shown" {
		t.Errorf("got %q", told)
	}
	if strings.Contains(log(), "hunter2") {
		t.Errorf("it is in the log:\n%s", log())
	}
}

func TestFailingMutations(t *testing.T) {
	panics := MutateFor("m", func(context.Context, *Request, *corev1.Pod) error { panic("oh") })
	wrong := MutateForKind("m", corev1.SchemeGroupVersion.WithKind("Pod"), func(context.Context, *Request, *[]int) error { return nil })
	for name, tt := range map[string]struct {
		mutation Mutation
		text     string
	}{
		"an error":   {failing("m", errors.New("no idea")), `mutation "m" failed: no idea`},
		"a panic":    {panics, `mutation "m" failed: it panicked`},
		"unreadable": {wrong, `mutation "m" failed: cannot read the object as []int`},
		"no JSON":    {rawMutation("{"), `mutation "m" failed: cannot compare the object`},
	} {
		t.Run(name, func(t *testing.T) {
			second := Entry{Mutation: setsLabel("second", "a", always("1"))}
			got := mutate(t, newHandler(t, Entry{Mutation: tt.mutation}, second), createPod(t, webPod()))
			if got.Allowed || got.Result.Code != 500 || got.Patch != nil || !strings.Contains(got.Result.Message, tt.text) {
				t.Errorf("got %+v, want a failure with %q", got, tt.text)
			}
			open := newHandler(t, Entry{Mutation: tt.mutation, FailurePolicy: Ignore}, second)
			got = mutate(t, open, createPod(t, webPod()))
			want := `[{"op":"add","path":"/metadata/labels","value":{"a":"1"}}]`
			if !got.Allowed || string(got.Patch) != want || len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], "m failed: ") {
				t.Errorf("got %+v with the patch %s, want %s and a warning", got, got.Patch, want)
			}
		})
	}
}

// rawMutation returns the same text whatever it is asked about.
type rawMutation string

func (rawMutation) Name() string { return "m" }

func (r rawMutation) Mutate(context.Context, *Request) ([]byte, error) { return []byte(r), nil }

// What comes after the deadline is not in the patch, and refuses the request.
func TestLateMutation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := MutateFor("slow", func(_ context.Context, _ *Request, pod *corev1.Pod) error {
			<-release
			pod.Spec.NodeName = "late"
			return nil
		})
		h := newHandler(t, Entry{Mutation: setsLabel("quick", "a", always("1"))}, Entry{Mutation: slow})
		got := mutate(t, h, createPod(t, webPod()))
		if got.Allowed || got.Result.Code != 504 || got.Patch != nil ||
			!strings.Contains(got.Result.Message, `mutation "slow" failed: no answer in time`) {
			t.Errorf("got %+v with the patch %s", got, got.Patch)
		}
		close(release)
		synctest.Wait()
	})
}

func TestMutationEntriesThatAreWrong(t *testing.T) {
	mutation := setsLabel("m", "a", always("1"))
	_, err := New(Options{Entries: []Entry{
		{Mutation: mutation, Check: says("both")},
		{Mutation: setsLabel("denies", "a", always("1")), Mode: Deny},
		{Check: says("applies"), Mode: Apply},
		{Mutation: mutation}, {Check: says("m")},
		{Mutation: setsLabel("images", "a", always("1")), Exempt: Exemptions{Images: []string{"ghcr.io/acme/*"}}},
	}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"entry 0 has no check, or a mutation as well", `mutation "denies" has the unknown mode "deny"`,
		`check "applies" has the unknown mode "apply"`, `check "m" is listed twice`, `mutation "images" exempts images`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error %q", want, err)
		}
	}
}

// Fields of a newer API version stay, and so does the order of lists, when several things change at once.
func TestPatchKeepsWhatTheTypeDoesNotKnow(t *testing.T) {
	const object = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","new":{"a":1}},"spec":{"new":9007199254740993,
		"containers":[{"name":"a","image":"a:1","new":"A","resources":{"limits":{"cpu":"0.50"}}},{"name":"b","image":"b:1","new":"B"}]}}`
	h := newHandler(t, Entry{Mutation: MutateFor("sidecar", func(_ context.Context, _ *Request, pod *corev1.Pod) error {
		for i := range pod.Spec.Containers {
			pod.Spec.Containers[i].Image += ".1"
		}
		pod.Spec.Containers = append([]corev1.Container{{Name: "s", Image: "s:1"}}, pod.Spec.Containers...)
		return nil
	})})
	req := createPod(t, webPod())
	req.Object.Raw = []byte(object)
	got := mutate(t, h, req)
	want := `[{"op":"add","path":"/spec/containers/0","value":{"image":"s:1","name":"s","resources":{}}},` +
		`{"op":"replace","path":"/spec/containers/1/image","value":"a:1.1"},` +
		`{"op":"replace","path":"/spec/containers/2/image","value":"b:1.1"}]`
	if string(got.Patch) != want {
		t.Errorf("got  %s\nwant %s", got.Patch, want)
	}
}

// A mutation of the metadata sees of what kind the object is. The managed fields are not decoded, and stay.
func TestMutationOfMetadata(t *testing.T) {
	const object = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","managedFields":[{"manager":"a","new":1}]},"spec":{}}`
	h := newHandler(t, Entry{Mutation: MutateFor("kind", func(_ context.Context, _ *Request, obj *metav1.PartialObjectMetadata) error {
		metav1.SetMetaDataLabel(&obj.ObjectMeta, "is", obj.APIVersion+"-"+obj.Kind+"-"+strconv.Itoa(len(obj.ManagedFields)))
		return nil
	})})
	req := createPod(t, webPod())
	req.Object.Raw = []byte(object)
	const want = `[{"op":"add","path":"/metadata/labels","value":{"is":"v1-Pod-0"}}]`
	if got := mutate(t, h, req); string(got.Patch) != want {
		t.Errorf("got %s, want %s", got.Patch, want)
	}
}
