// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// definition is the built-in one of that name.
func definition(t testing.TB, name string) handler.Definition {
	t.Helper()
	for _, d := range Definitions() {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("there is no check %q", name)
	return handler.Definition{}
}

// built makes the check of parameters in YAML, in a cluster of the given objects.
func built(t testing.TB, d handler.Definition, parameters string, cluster ...client.Object) handler.Check {
	t.Helper()
	p := d.NewParameters()
	if err := yaml.UnmarshalStrict([]byte(parameters), p); err != nil {
		t.Fatalf("parameters %s: %v", parameters, err)
	}
	if errs := d.Validate(field.NewPath(d.Name), p); len(errs) > 0 {
		t.Fatal(errs)
	}
	check, err := d.Build(p, handler.Environment{Cluster: memory(cluster)})
	if err != nil {
		t.Fatal(err)
	}
	return check
}

// row is a line of a check's table: with these parameters, what is said of the object, which is a manifest in YAML.
type row struct {
	params, object string
	cluster        []client.Object
	want           []string
}

// testRows runs a check's table, in a cluster that has these objects beside those of each row.
func testRows(t *testing.T, name string, rows map[string]row, cluster ...client.Object) {
	t.Helper()
	for title, r := range rows {
		t.Run(title, func(t *testing.T) {
			check := built(t, definition(t, name), r.params, slices.Concat(cluster, r.cluster)...)
			got, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, r.object))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r.want, shown(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// testInvalid wants errors about the given fields of parameters in YAML.
func testInvalid(t *testing.T, name, params string, want ...string) {
	t.Helper()
	d := definition(t, name)
	p := d.NewParameters()
	if err := yaml.UnmarshalStrict([]byte(params), p); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, err := range d.Validate(field.NewPath("p"), p) {
		got = append(got, err.Field)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors of %s (-want +got):\n%s", params, diff)
	}
}

// podSpec is the manifest of a Pod with that spec.
func podSpec(spec string) string {
	return "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: " + spec + "}"
}

// requestOf is a request about a manifest, which may name no more than the kind's usual resource.
func requestOf(t testing.TB, operation admissionv1.Operation, manifest string) *handler.Request {
	t.Helper()
	asJSON, err := yaml.YAMLToJSONStrict([]byte(manifest))
	if err != nil {
		t.Fatalf("%s: %v", manifest, err)
	}
	var obj unstructured.Unstructured
	if err := json.Unmarshal(asJSON, &obj.Object); err != nil {
		t.Fatal(err)
	}
	kind := obj.GroupVersionKind()
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	return handler.NewRequest(admissionv1.AdmissionRequest{
		UID: "1", Kind: metav1.GroupVersionKind(kind), Resource: metav1.GroupVersionResource(resource),
		Operation: operation, Name: obj.GetName(), Namespace: obj.GetNamespace(),
		Object: runtime.RawExtension{Raw: asJSON},
	})
}

// answer is what a server with only that check says.
func answer(t testing.TB, check handler.Check, req *handler.Request) *admissionv1.AdmissionResponse {
	t.Helper()
	return answerWithin(t, handler.Limits{}, check, req)
}

func answerWithin(
	t testing.TB, limits handler.Limits, check handler.Check, req *handler.Request,
) *admissionv1.AdmissionResponse {
	t.Helper()
	return answerOf(t, handler.Options{Entries: []handler.Entry{{Check: check}}, Limits: limits}, req)
}

func answerOf(t testing.TB, o handler.Options, req *handler.Request) *admissionv1.AdmissionResponse {
	t.Helper()
	h, err := handler.New(o)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request:  &req.AdmissionRequest,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &review); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return review.Response
}

// memory is a cluster of a few objects.
type memory []client.Object

// Get implements [client.Reader].
func (m memory) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	for _, obj := range m {
		if reflect.TypeOf(obj) == reflect.TypeOf(into) && client.ObjectKeyFromObject(obj) == key {
			reflect.ValueOf(into).Elem().Set(reflect.ValueOf(obj).Elem())
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// List implements [client.Reader].
func (m memory) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	options := (&client.ListOptions{}).ApplyOptions(opts)
	kind, err := apiutil.GVKForObject(list, scheme.Scheme)
	if err != nil {
		return err
	}
	_, isPart := list.(*metav1.PartialObjectMetadataList)
	var found []runtime.Object
	for _, obj := range m {
		is, err := apiutil.GVKForObject(obj, scheme.Scheme)
		if err != nil {
			return err
		}
		switch {
		case is.Kind+"List" != kind.Kind || options.Namespace != "" && options.Namespace != obj.GetNamespace():
		case isPart:
			part := &metav1.PartialObjectMetadata{}
			part.SetNamespace(obj.GetNamespace())
			part.SetName(obj.GetName())
			found = append(found, part)
		default:
			found = append(found, obj)
		}
	}
	return meta.SetList(list, found)
}

// testUpdate wants an update from one manifest to another to be allowed, or not.
func testUpdate(t *testing.T, name, params, before, after string, allowed bool, cluster ...client.Object) {
	t.Helper()
	req := requestOf(t, admissionv1.Update, after)
	req.OldObject = requestOf(t, admissionv1.Update, before).Object
	got := answer(t, built(t, definition(t, name), params, cluster...), req)
	if got.Allowed != allowed || !allowed && got.Result.Code != http.StatusForbidden {
		t.Errorf("%s: got %v for the update of\n%s\nto\n%s", name, got.Result, before, after)
	}
}

func mustUnmarshal(t testing.TB, manifest string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(manifest), into); err != nil {
		t.Fatalf("%s: %v", manifest, err)
	}
}
