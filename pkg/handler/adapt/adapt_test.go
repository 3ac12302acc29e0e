// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package adapt_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/adapt"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

// validator takes its answer from a label of the object.
type validator struct{}

func (validator) ValidateCreate(ctx context.Context, pod *corev1.Pod) (admission.Warnings, error) {
	return answer(ctx, pod)
}

func (validator) ValidateUpdate(ctx context.Context, old, pod *corev1.Pod) (admission.Warnings, error) {
	if old.Labels["owner"] != pod.Labels["owner"] {
		return nil, errors.New("the owner has changed from " + old.Labels["owner"])
	}
	return answer(ctx, pod)
}

func (validator) ValidateDelete(ctx context.Context, pod *corev1.Pod) (admission.Warnings, error) {
	return answer(ctx, pod)
}

func answer(ctx context.Context, pod *corev1.Pod) (admission.Warnings, error) {
	path := field.NewPath("spec", "nodeName")
	invalid := field.ErrorList{field.Required(path, "choose one"), field.Forbidden(field.NewPath("spec", "hostIPC"), "no")}
	switch pod.Labels["answer"] {
	case "user":
		req, err := admission.RequestFromContext(ctx)
		if err != nil {
			return nil, err
		}
		return nil, errors.New("asked by " + req.UserInfo.Username)
	case "invalid":
		kind := schema.GroupKind{Kind: "Pod"}
		return nil, apierrors.NewInvalid(kind, pod.Name, invalid)
	case "status":
		return nil, apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, pod.Name, errors.New("again"))
	case "list":
		return nil, invalid.ToAggregate()
	case "warn":
		return admission.Warnings{"first", "second"}, nil
	case "both":
		return admission.Warnings{"first"}, errors.New("bad")
	}
	return nil, nil
}

func pod(labels string) runtime.RawExtension {
	return runtime.RawExtension{
		Raw: []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","labels":{` + labels + `}}}`)}
}

func request(op admissionv1.Operation, object, old runtime.RawExtension) admissionv1.AdmissionRequest {
	return admissionv1.AdmissionRequest{
		UID: "1", Operation: op, Object: object, OldObject: old, Name: "web", Namespace: "shop",
		Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
		Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		UserInfo: authenticationv1.UserInfo{Username: "jane"},
	}
}

// review asks the handler as an API server does.
func review(t *testing.T, h http.Handler, req admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	t.Helper()
	in := admissionv1.AdmissionReview{Request: &req}
	in.APIVersion, in.Kind = "admission.k8s.io/v1", "AdmissionReview"
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var out admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Response == nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return out.Response
}

func TestCheckOf(t *testing.T) {
	var none runtime.RawExtension
	user, warn := pod(`"answer":"user"`), pod(`"answer":"warn"`)
	status := request(admissionv1.Create, user, none)
	status.SubResource = "status"
	other := request(admissionv1.Create, user, none)
	other.Kind.Kind = "ConfigMap"
	version := request(admissionv1.Create, user, none)
	version.Kind.Version = "v2"
	for name, tt := range map[string]struct {
		req      admissionv1.AdmissionRequest
		mode     handler.Mode
		says     []string // in the message; allowed if there is none
		warnings []string
	}{
		"nothing":             {req: request(admissionv1.Create, pod(""), none)},
		"a create":            {req: request(admissionv1.Create, user, none), says: []string{"owner: asked by jane"}},
		"a delete":            {req: request(admissionv1.Delete, none, user), says: []string{"owner: asked by jane"}},
		"an update":           {req: request(admissionv1.Update, pod(`"owner":"b"`), pod(`"owner":"a"`)), says: []string{"from a"}},
		"an update as it was": {req: request(admissionv1.Update, user, user), says: []string{"owner: asked by jane"}},
		"fields": {req: request(admissionv1.Create, pod(`"answer":"invalid"`), none),
			says: []string{"spec.nodeName: Required value: choose one", "spec.hostIPC: Forbidden: no"}},
		"a list of fields": {req: request(admissionv1.Create, pod(`"answer":"list"`), none),
			says: []string{"spec.nodeName: Required value: choose one", "spec.hostIPC: Forbidden: no"}},
		"a status": {req: request(admissionv1.Create, pod(`"answer":"status"`), none), says: []string{"again"}},
		"warnings": {req: request(admissionv1.Create, warn, none), warnings: []string{"owner: first", "owner: second"}},
		"warnings in mode warn": {req: request(admissionv1.Create, pod(`"answer":"both"`), none), mode: handler.Warn,
			warnings: []string{"owner: bad", "owner: first"}},
		"warnings in mode audit": {req: request(admissionv1.Create, warn, none), mode: handler.Audit},
		"warnings of a denial":   {req: request(admissionv1.Create, pod(`"answer":"both"`), none), says: []string{"owner: bad"}},
		"a subresource":          {req: status},
		"another kind":           {req: other},
		"another version":        {req: version, says: []string{"cannot read Pod of version v2"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := handler.New(handler.Options{Entries: []handler.Entry{{
				Check: adapt.CheckOf("owner", scheme.Scheme, &corev1.Pod{}, validator{}), Mode: tt.mode,
			}}})
			if err != nil {
				t.Fatal(err)
			}
			got := review(t, h, tt.req)
			if got.Allowed != (tt.says == nil) {
				t.Errorf("allowed is %v: %v", got.Allowed, got.Result)
			}
			for _, text := range tt.says {
				if got.Result == nil || !strings.Contains(got.Result.Message, text) || strings.Contains(got.Result.Message, "first") {
					t.Errorf("got %v, want it to say %q", got.Result, text)
				}
			}
			if diff := cmp.Diff(tt.warnings, got.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// Offline, what warns is found, and refuses nothing.
func TestAdviceIsFound(t *testing.T) {
	h, err := handler.New(handler.Options{Entries: []handler.Entry{{
		Check: adapt.CheckOf("owner", scheme.Scheme, &corev1.Pod{}, validator{})}}})
	if err != nil {
		t.Fatal(err)
	}
	verdict := h.Judge(t.Context(), handler.NewRequest(request(admissionv1.Create, pod(`"answer":"warn"`), runtime.RawExtension{})))
	if !verdict.Allowed() || len(verdict.Findings) != 2 || verdict.Findings[0].Mode != handler.Warn {
		t.Errorf("%+v", verdict)
	}
}

type defaulter struct{}

func (defaulter) Default(ctx context.Context, pod *corev1.Pod) error {
	if _, err := admission.RequestFromContext(ctx); err != nil {
		return err
	}
	if pod.Labels["answer"] == "error" {
		return errors.New("no default")
	}
	if pod.Labels["team"] == "" {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, "team", "none")
	}
	return nil
}

// custom is a defaulter and a validator as controller-runtime had them before they were generic.
type custom struct{}

func (custom) Default(ctx context.Context, obj runtime.Object) error {
	return defaulter{}.Default(ctx, obj.(*corev1.Pod))
}

func (custom) ValidateCreate(ctx context.Context, obj runtime.Object) (admission.Warnings, error) {
	return validator{}.ValidateCreate(ctx, obj.(*corev1.Pod))
}

func (custom) ValidateUpdate(ctx context.Context, old, obj runtime.Object) (admission.Warnings, error) {
	return validator{}.ValidateUpdate(ctx, old.(*corev1.Pod), obj.(*corev1.Pod))
}

func (custom) ValidateDelete(ctx context.Context, obj runtime.Object) (admission.Warnings, error) {
	return validator{}.ValidateDelete(ctx, obj.(*corev1.Pod))
}

var (
	_ admission.CustomValidator = custom{}
	_ admission.CustomDefaulter = custom{}
)

func TestMutationOf(t *testing.T) {
	for name, m := range map[string]handler.Mutation{
		"generic": adapt.MutationOf("team", scheme.Scheme, &corev1.Pod{}, defaulter{}),
		"custom":  adapt.MutationOf[runtime.Object]("team", scheme.Scheme, &corev1.Pod{}, custom{}),
	} {
		t.Run(name, func(t *testing.T) {
			handlertest.Idempotent(t, m, "{apiVersion: v1, kind: Pod, metadata: {name: web}}",
				"{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {team: a}}, spec: {containers: [{name: a, image: a}]}}")
			h, err := handler.New(handler.Options{Entries: []handler.Entry{{Mutation: m}}})
			if err != nil {
				t.Fatal(err)
			}
			var none runtime.RawExtension
			got := review(t, h.Mutating(), request(admissionv1.Create, pod(`"a":"b"`), none))
			if want := `[{"op":"add","path":"/metadata/labels/team","value":"none"}]`; string(got.Patch) != want {
				t.Errorf("the patch is %s, want %s", got.Patch, want)
			}
			got = review(t, h.Mutating(), request(admissionv1.Create, pod(`"answer":"error"`), none))
			if got.Allowed || !strings.Contains(got.Result.Message, "no default") {
				t.Errorf("a defaulter with an error: %+v", got)
			}
			if got := review(t, h.Mutating(), request(admissionv1.Delete, none, pod(""))); !got.Allowed || got.Patch != nil {
				t.Errorf("a delete: %+v", got)
			}
		})
	}
}

func TestCustomValidator(t *testing.T) {
	c := adapt.CheckOf[runtime.Object]("owner", scheme.Scheme, &corev1.Pod{}, custom{})
	req := handler.NewRequest(request(admissionv1.Create, pod(`"answer":"user"`), runtime.RawExtension{}))
	got, err := c.Evaluate(t.Context(), req)
	if diff := cmp.Diff([]handler.Violation{{Message: "asked by jane"}}, got); diff != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
}

func TestATypeThatTheSchemeDoesNotKnow(t *testing.T) {
	defer func() {
		if reason, _ := recover().(string); !strings.Contains(reason, "is not in the scheme") {
			t.Errorf("it panics with %q", reason)
		}
	}()
	adapt.CheckOf("owner", runtime.NewScheme(), &corev1.Pod{}, validator{})
}

// The API server has to ask about deletes for a validator, and not for a defaulter.
func TestLooksAt(t *testing.T) {
	pod := corev1.SchemeGroupVersion.WithKind("Pod")
	check := adapt.CheckOf("x", scheme.Scheme, &corev1.Pod{}, validator{}).(handler.Looker)
	all := []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete}
	if diff := cmp.Diff([]handler.Look{{Kind: pod, Operations: all}}, check.LooksAt()); diff != "" {
		t.Errorf("a check (-want +got):\n%s", diff)
	}
	mutation := adapt.MutationOf("x", scheme.Scheme, &corev1.Pod{}, defaulter{}).(handler.Looker)
	if diff := cmp.Diff([]handler.Look{{Kind: pod}}, mutation.LooksAt()); diff != "" {
		t.Errorf("a mutation (-want +got):\n%s", diff)
	}
}
