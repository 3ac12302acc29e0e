// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/internal/lean"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/test/sample"
)

// Checks get Pods without what containers are started with, so none may look at that and take it for missing, but for the
// one that has it decoded.
func TestNoCheckLooksAtWhatIsNotDecoded(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if ok && selector.Sel.Name == "Env" && name == "plaintextsecrets.go" {
				return true // which asks environmentOf for it
			}
			unread := []string{"Env", "EnvFrom", "Command", "Args", "ManagedFields"}
			if ok && name != "danglingnames.go" && slices.Contains(unread, selector.Sel.Name) {
				t.Errorf("%s reads the field %s: take it out of what lean.Slim drops", name, selector.Sel.Name)
			}
			return true
		})
	}
}

func TestImagesAreSharedWithWhatIsDecodedAlready(t *testing.T) {
	for name, h := range holders(podWith("x:1")) {
		t.Run(name, func(t *testing.T) {
			req := create(t, h.obj)
			alone, ok, err := imagesOf(req)
			if !ok || err != nil {
				t.Fatalf("got %t, %v", ok, err)
			}
			pod, _, _ := podOf(req)
			shared, ok, err := imagesOf(req)
			if !ok || err != nil || shared.Spec != pod.Spec || alone.Spec == pod.Spec {
				t.Errorf("the images are decoded again: %t, %v", ok, err)
			}
			for _, got := range []PodTemplate{alone, shared} {
				if got.Path.String() != h.path || got.Spec.Containers[0].Image != "x:1" {
					t.Errorf("got %s: %v", got.Path, got.Spec.Containers)
				}
			}
		})
	}
}

// FuzzDecodePod holds podOf and what reads other parts to Kubernetes' own decoder: they accept what that accepts, and
// see the same.
// What they accept beyond it is wrong only in what no check reads. The mode says what becomes of the text: an object
// by itself, or in place of, or in front of, the value at a position in a sample.
func FuzzDecodePod(f *testing.F) {
	samples := sampleHolders(f)
	for _, text := range []string{
		``, `{}`, `null`, `[]`, `"x"`, `5`, `1.0`, `1e3`, `-0`, `true`, `{"a":1}`, `[null]`, `[{}]`, `{"spec":null}`,
		`"\ud800"`, "\"\xff\"", `"\u0000"`, `99999999999999999999`, `2147483648`, `{"spec":{"containers":[{"image":"a"}]}}`,
		`"100m"`, `"1e400"`, `"2026-05-04T10:30:00Z"`, `"2026-05-04"`, `"spec":{}`, `"image":"x"`, `"\u0069mage":"x"`,
		`"Image":"x"`, `"image ":"x"`, `"metadata":null`, `"managedFields":5`, `"env":[5]`, "{\"a\":1,\"a\":[]}", ` { } `,
		strings.Repeat("[", 70) + strings.Repeat("]", 70), strings.Repeat(`{"a":`, 10001) + "1" + strings.Repeat("}", 10001),
	} {
		for mode := range uint8(3) {
			for _, at := range []uint16{0, 1, 5, 40, 111} {
				f.Add(mode, uint8(at), at, []byte(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, mode, kind uint8, at uint16, text []byte) {
		s := samples[int(kind)%len(samples)]
		compareToStock(t, s.kind, sample.Mutate(s.raw, s.places, mode, int(at), text))
	})
}

type sampleHolder struct {
	kind   metav1.GroupVersionKind
	raw    []byte
	places [][2]int // of values
}

func sampleHolders(t testing.TB) []sampleHolder {
	t.Helper()
	pod := sample.Pod(true, 1)
	template := corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
	job := batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}
	var samples []sampleHolder
	for _, obj := range []runtime.Object{
		pod,
		&appsv1.Deployment{ObjectMeta: pod.ObjectMeta, Spec: appsv1.DeploymentSpec{Template: template}},
		&batchv1.CronJob{ObjectMeta: pod.ObjectMeta, Spec: batchv1.CronJobSpec{JobTemplate: job}},
		&corev1.ReplicationController{ObjectMeta: pod.ObjectMeta},
	} {
		kinds, _, err := scheme.Scheme.ObjectKinds(obj)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, sampleHolder{metav1.GroupVersionKind(kinds[0]), raw, sample.Values(raw)})
	}
	return samples
}

func compareToStock(t *testing.T, kind metav1.GroupVersionKind, raw []byte) {
	t.Helper()
	if text := bytes.TrimSpace(raw); len(text) == 0 || string(text) == "null" { // no object in a review
		return
	}
	want, found, wantErr := stockPod(t, kind, raw)
	req := func() *handler.Request { return serve(t, kind, raw) }
	got, ok, err := podOf(req())
	if err != nil {
		if wantErr == nil {
			t.Fatalf("refused %s: %v", raw, err)
		}
		return
	}
	isStripped := wantErr != nil
	if isStripped {
		// It was right to refuse it for the sake of what is not read.
		if want, found, wantErr = stockPod(t, kind, withoutUnread(kind.Kind, raw)); wantErr != nil {
			t.Fatalf("accepted %s: %v", raw, wantErr)
		}
	}
	whole := want.with(want.Spec.DeepCopy())
	if ok != found {
		t.Fatalf("found a Pod: %t, want %t in %s", ok, found, raw)
	}
	if !ok {
		return
	}
	forget(want)
	forget(got)
	if got.Path.String() != want.Path.String() || !equality.Semantic.DeepEqual(got.Spec, want.Spec) ||
		!equality.Semantic.DeepEqual(got.Metadata, want.Metadata) {
		t.Fatalf("%s\n%s\n%s", raw, cmp.Diff(want.Spec, got.Spec), cmp.Diff(want.Metadata, got.Metadata))
	}
	if isStripped {
		compareParts(t, req(), got, whole, "images")
		return
	}
	compareParts(t, req(), got, whole, "images", "resources", "mounts", "environment", "spread", "references")
}

// serve returns the request that checks see when raw comes in a review, or without one if that is refused.
func serve(t *testing.T, kind metav1.GroupVersionKind, raw []byte) *handler.Request {
	t.Helper()
	seen := &witness{}
	h, err := handler.New(handler.Options{Entries: []handler.Entry{{Check: seen}}})
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u",`+
		`"operation":"CREATE","kind":{"group":%q,"version":%q,"kind":%q},"object":`, kind.Group, kind.Version, kind.Kind)
	body := slices.Concat([]byte(head), raw, []byte("}}"))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if seen.req == nil || !json.Valid(raw) { // it may have ended the review, and gone on with another
		return handler.NewRequest(admissionv1.AdmissionRequest{Kind: kind, Object: runtime.RawExtension{Raw: raw}})
	}
	return seen.req
}

// witness is a check that keeps the request.
type witness struct{ req *handler.Request }

func (*witness) Name() string { return "witness" }

func (w *witness) Evaluate(_ context.Context, req *handler.Request) ([]handler.Violation, error) {
	w.req = req
	return nil, nil
}

// compareParts compares what only some checks read.
func compareParts(t *testing.T, req *handler.Request, pod, want PodTemplate, names ...string) {
	t.Helper()
	summaries := map[string]func(pod PodTemplate) []any{
		"images": func(pod PodTemplate) (list []any) {
			for _, v := range pod.Spec.Volumes {
				list = append(list, v.Name)
				if v.Image != nil {
					list = append(list, v.Image.Reference)
				}
			}
			return append(list, eachContainer(pod, func(c podContainer) any { return c.Image })...)
		},
		"resources": func(pod PodTemplate) []any {
			return append(eachContainer(pod, func(c podContainer) any { return []any{c.Image, c.Resources} }), pod.Spec.Resources)
		},
		"spread": func(pod PodTemplate) []any {
			return []any{pod.Metadata.Labels, pod.Spec.Affinity, pod.Spec.TopologySpreadConstraints}
		},
		"references": func(pod PodTemplate) (list []any) {
			for _, r := range referencesOf(t.Context(), pod) {
				list = append(list, r.kind, r.name, r.path.String())
			}
			return list
		},
		"mounts": func(pod PodTemplate) []any {
			return eachContainer(pod, func(c podContainer) any { return c.VolumeMounts })
		},
		"environment": func(pod PodTemplate) []any {
			return eachContainer(pod, func(c podContainer) any {
				var values []string
				for _, v := range c.Env {
					values = append(values, v.Name, v.Value)
				}
				return values
			})
		},
	}
	readers := map[string]podReader{
		"images": imagesOf, "resources": resourcesOf, "environment": environmentOf,
		"spread": func(req *handler.Request) (PodTemplate, bool, error) { return partOf[spread](req, newObject) },
		"references": func(req *handler.Request) (PodTemplate, bool, error) {
			return partOf[referring](req, newObject)
		},
		"mounts": func(req *handler.Request) (PodTemplate, bool, error) {
			got, err := withMounts(req, pod)
			return got, err == nil, err
		},
	}
	for _, name := range names {
		got, ok, err := readers[name](req)
		if err != nil {
			t.Fatalf("%s: refused %s: %v", name, req.AdmissionRequest.Object.Raw, err)
		}
		summary := summaries[name]
		if !ok || !equality.Semantic.DeepEqual(summary(want), summary(got)) {
			t.Fatalf("%s (-want +got): %s\n%s", name, cmp.Diff(summary(want), summary(got)), req.AdmissionRequest.Object.Raw)
		}
	}
}

// eachContainer lists something of all containers, with their names and places.
func eachContainer(pod PodTemplate, of func(podContainer) any) (list []any) {
	for _, c := range containersOf(pod) {
		list = append(list, c.path().String(), c.Name, of(c))
	}
	return list
}

// stockPod decodes all of an object with Kubernetes' own decoder.
func stockPod(t *testing.T, kind metav1.GroupVersionKind, raw []byte) (PodTemplate, bool, error) {
	t.Helper()
	obj, err := scheme.Scheme.New(schema.GroupVersionKind(kind))
	if err != nil {
		t.Fatal(err)
	}
	if err := kjson.Unmarshal(raw, obj); err != nil {
		return PodTemplate{}, false, err
	}
	pod, ok := PodSpecOf(obj)
	return pod, ok, nil
}

// forget takes out what podOf does not read, or reads only when it asks Kubernetes' decoder.
func forget(pod PodTemplate) {
	pod.Metadata.ManagedFields = nil
	for _, c := range containersOf(pod) {
		c.Command, c.Args, c.Env, c.EnvFrom = nil, nil, nil, nil
		c.Resources, c.VolumeMounts = corev1.ResourceRequirements{}, nil
		c.TerminationMessagePath, c.TerminationMessagePolicy, c.ImagePullPolicy = "", "", ""
	}
	pod.Spec.Tolerations, pod.Spec.Affinity, pod.Spec.TopologySpreadConstraints = nil, nil, nil
}

// withoutUnread removes from an object what podOf does not read.
func withoutUnread(kind string, raw []byte) []byte {
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&object) != nil || decoder.More() {
		return raw
	}
	path := map[string][]string{
		"Pod": {}, "CronJob": {"spec", "jobTemplate", "spec", "template"},
	}
	steps, ok := path[kind]
	if !ok {
		steps = []string{"spec", "template"}
	}
	strip(object, steps)
	stripped, err := json.Marshal(object)
	if err != nil {
		return raw
	}
	return stripped
}

// strip leaves nothing of an object but the template at the end of the path, and nothing of that but what is read.
func strip(object map[string]any, path []string) {
	read := []string{"metadata", "spec"}
	if len(path) > 0 {
		read = path[:1]
	}
	maps.DeleteFunc(object, func(name string, _ any) bool { return !slices.Contains(read, name) })
	if len(path) > 0 {
		if inner, ok := object[path[0]].(map[string]any); ok {
			strip(inner, path[1:])
		}
		return
	}
	if meta, ok := object["metadata"].(map[string]any); ok {
		delete(meta, "managedFields")
	}
	spec, _ := object["spec"].(map[string]any)
	for _, name := range []string{"tolerations", "affinity", "topologySpreadConstraints"} {
		delete(spec, name)
	}
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		items, _ := spec[list].([]any)
		for _, item := range items {
			if container, ok := item.(map[string]any); ok {
				for _, name := range []string{
					"command", "args", "env", "envFrom", "resources", "volumeMounts",
					"terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy",
				} {
					delete(container, name)
				}
			}
		}
	}
}

// What is decoded in the slow way is decoded right, but no one would notice that it is slow.
func TestUsualObjectsAreDecodedInTheFastWay(t *testing.T) {
	for _, s := range sampleHolders(t) {
		for name, shape := range map[string]lean.Shape{
			"slim": lean.Slim, "images": imagedIn, "resources": resourcedIn, "mounts": mountedIn, "environment": environedIn,
			"spread": spreadIn, "references": referringIn,
		} {
			var ok bool
			switch s.kind.Kind {
			case "Pod":
				_, ok = lean.DecodeAround(&template[checked]{}, lean.Object{Raw: s.raw}, shape)
			case "CronJob":
				_, ok = lean.DecodeAround(&withJobTemplate[checked]{}, lean.Object{Raw: s.raw}, shape)
			default:
				_, ok = lean.DecodeAround(&withSpec[checked]{}, lean.Object{Raw: s.raw}, shape)
			}
			if !ok {
				t.Errorf("a %s is not: %s", s.kind.Kind, name)
			}
		}
	}
}
