// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// namespaces is a cluster of namespaces and their labels.
type namespaces map[string]map[string]string

func (n namespaces) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	set, ok := n[key.Name]
	if !ok {
		return errors.New("not found")
	}
	obj.SetLabels(set)
	return nil
}

func (namespaces) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("nobody lists")
}

func TestExemptRequests(t *testing.T) {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"trusted": "yes"}}
	cluster := namespaces{"shop": {"trusted": "yes"}, "attic": {"trusted": "no"}}
	tests := map[string]struct {
		exempt          Exemptions
		namespace, user string
		groups          []string
		want            string // the annotation; empty if it is not exempt
	}{
		"nothing":                 {namespace: "shop", user: "jane"},
		"namespace":               {exempt: Exemptions{Namespaces: []string{"shop"}}, namespace: "shop", want: "namespace: shop"},
		"other namespace":         {exempt: Exemptions{Namespaces: []string{"shop"}}, namespace: "shop2"},
		"no namespace":            {exempt: Exemptions{Namespaces: []string{"shop"}}},
		"selector":                {exempt: Exemptions{NamespaceSelector: selector}, namespace: "shop", want: "namespaceSelector: shop"},
		"selector does not match": {exempt: Exemptions{NamespaceSelector: selector}, namespace: "attic"},
		"namespace is unknown":    {exempt: Exemptions{NamespaceSelector: selector}, namespace: "new"},
		"cluster-scoped":          {exempt: Exemptions{NamespaceSelector: selector}},
		"user":                    {exempt: Exemptions{Users: []string{"jane"}}, user: "jane", want: "user: jane"},
		"other user":              {exempt: Exemptions{Users: []string{"jane"}}, user: "janet"},
		"nobody":                  {exempt: Exemptions{Users: []string{"jane"}}},
		"group":                   {exempt: Exemptions{Groups: []string{"ops"}}, groups: []string{"dev", "ops"}, want: "group: ops"},
		"other group":             {exempt: Exemptions{Groups: []string{"ops"}}, groups: []string{"dev"}},
		"user is no group":        {exempt: Exemptions{Groups: []string{"ops"}}, user: "ops"},
		"service account": {
			exempt: Exemptions{ServiceAccounts: []string{"ci/deployer"}}, user: "system:serviceaccount:ci:deployer",
			want: "serviceAccount: system:serviceaccount:ci:deployer",
		},
		"other service account": {
			exempt: Exemptions{ServiceAccounts: []string{"ci/deployer"}}, user: "system:serviceaccount:evil:deployer",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, Entry{Check: says("no", Violation{Message: "no"}), Exempt: tt.exempt, Cluster: cluster})
			pod := webPod()
			pod.Namespace = tt.namespace
			req := createPod(t, pod)
			req.UserInfo = authenticationv1.UserInfo{Username: tt.user, Groups: tt.groups}
			got := ask(t.Context(), t, h, req)
			if got.Allowed != (tt.want != "") || got.AuditAnnotations["no-exempt"] != tt.want {
				t.Errorf("allowed %t with %v, want %q", got.Allowed, got.AuditAnnotations, tt.want)
			}
		})
	}
}

// The labels of a Namespace that is asked about are its own, and those from before an update.
func TestExemptNamespaceObject(t *testing.T) {
	object := func(value string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "new", Labels: map[string]string{"trusted": value}}}
	}
	h := newHandler(t, Entry{
		Check:   says("no", Violation{Message: "no"}),
		Exempt:  Exemptions{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"trusted": "yes"}}},
		Cluster: namespaces{}, EveryUpdate: true,
	})
	for name, tt := range map[string]struct {
		from, to string
		want     bool
	}{
		"created with the label": {to: "yes", want: true},
		"created without":        {to: "no"},
		"had it":                 {from: "yes", to: "no", want: true},
		"gets it":                {from: "no", to: "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			req := admissionv1.AdmissionRequest{
				UID: "1", Operation: admissionv1.Create, Name: "new", Namespace: "new", Object: raw(t, object(tt.to)),
				Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "Namespace"},
				Resource: metav1.GroupVersionResource{Version: "v1", Resource: "namespaces"},
			}
			if tt.from != "" {
				req.Operation, req.OldObject = admissionv1.Update, raw(t, object(tt.from))
			}
			if got := ask(t.Context(), t, h, req); got.Allowed != tt.want {
				t.Errorf("allowed %t, want %t", got.Allowed, tt.want)
			}
		})
	}
}

// An exempt image hides what is wrong with its own containers, and nothing else.
func TestExemptImages(t *testing.T) {
	pod := webPod()
	pod.Spec = corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "i", Image: "docker.io/acme/init"}},
		Containers: []corev1.Container{
			{Name: "good", Image: "acme/app:1"}, {Name: "evil", Image: "docker.io/acme-evil/app"}, {Name: "none"},
		},
		EphemeralContainers: []corev1.EphemeralContainer{
			{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e", Image: "acme/debug"}}},
		Volumes: []corev1.Volume{
			{Name: "models", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "acme/models"}}},
			{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}},
		},
	}
	tests := map[string]bool{ // field to whether its violation still counts
		"spec.containers[0]":                              false,
		"spec.containers[0].image":                        false,
		"spec.containers[0].securityContext.privileged":   false,
		"spec.containers[0].ports[0].hostPort":            false,
		"spec.initContainers[0].image":                    false,
		"spec.ephemeralContainers[0].image":               false,
		"spec.volumes[0].image.reference":                 false,
		"spec.volumes[1].hostPath":                        true,
		"spec.containers[1].image":                        true,
		"spec.containers[2].image":                        true,
		"spec.containers[3].image":                        true,
		"spec.containers[99999999999999999999].image":     true,
		"spec.hostNetwork":                                true,
		"spec":                                            true,
		"":                                                true,
		"spec.containers":                                 true,
		"metadata.annotations[spec.containers[0].image]":  true,
		"spec.template.spec.containers[0].image":          true,
		"spec.containers[0]x":                             true,
		"metadata.labels[x].spec.containers[0].resources": true,
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			h := newHandler(t, Entry{
				Check: says("no", Violation{Field: path, Message: "no"}), Exempt: Exemptions{Images: []string{"acme/*"}},
			})
			got := ask(t.Context(), t, h, createPod(t, pod))
			if got.Allowed == want {
				t.Errorf("allowed %t, want the violation to count: %t", got.Allowed, want)
			}
			if _, told := got.AuditAnnotations["no-exempt"]; told == want {
				t.Errorf("annotations %v", got.AuditAnnotations)
			}
		})
	}
}

// Authors have kinds of their own, and call what has containers in it as they like.
func TestExemptImagesOfAnyKind(t *testing.T) {
	for path, object := range map[string]string{
		"status.pod.containers[1]":           `{"status":{"pod":{"containers":[{"image":"x"},{"name":"a","image":"acme/app"}]}}}`,
		"spec.metadata.containers[0].env":    `{"spec":{"metadata":{"containers":[{"env":[{}],"image":"acme/app"}]}}}`,
		"containers[0]":                      `{"containers":[{"image":"acme/app"}]}`,
		"spec.jobTemplate.spec.volumes[0].x": `{"spec":{"jobTemplate":{"spec":{"volumes":[{"image":{"reference":"acme/app"}}]}}}}`,
	} {
		t.Run(path, func(t *testing.T) {
			h := newHandler(t, Entry{
				Check: says("no", Violation{Field: path, Message: "no"}), Exempt: Exemptions{Images: []string{"acme/*"}},
			})
			for text, want := range map[string]bool{object: true, strings.ReplaceAll(object, "acme/", "evil/"): false} {
				req := createPod(t, webPod())
				req.Kind.Group, req.Kind.Kind, req.Object.Raw = "example.com", "Thing", []byte(text)
				if got := ask(t.Context(), t, h, req); got.Allowed != want {
					t.Errorf("%s: allowed %t", text, got.Allowed)
				}
			}
		})
	}
}

// What an exempt image was allowed does not pass on to the image that takes its place.
func TestExemptImageIsReplaced(t *testing.T) {
	pod := func(image string) *corev1.Pod {
		p := webPod()
		p.Spec.Containers = []corev1.Container{{Name: "c", Image: image}}
		return p
	}
	h := newHandler(t, Entry{
		Check:  says("privileged", Violation{Field: "spec.containers[0].securityContext.privileged", Message: "must not be true"}),
		Exempt: Exemptions{Images: []string{"acme/*"}},
	})
	for name, tt := range map[string]struct {
		from, to string
		want     bool
	}{
		"exempt to another":        {"acme/app", "evil/app", false},
		"exempt to exempt":         {"acme/app", "acme/app2", true},
		"never exempt, but older":  {"evil/app", "evil/app", true},
		"another to exempt, later": {"evil/app", "acme/app", true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ask(t.Context(), t, h, updatePod(t, pod(tt.from), pod(tt.to))); got.Allowed != tt.want {
				t.Errorf("allowed %t, want %t", got.Allowed, tt.want)
			}
		})
	}
}

// A dry run gets the answer that the real request would get; a check has nothing to tell them apart by but the flag.
func TestDryRunGetsTheSameAnswer(t *testing.T) {
	h := newHandler(t, Entry{Check: says("no", imageViolation)}, Entry{Check: says("note", hostViolation), Mode: Audit})
	req := createPod(t, webPod())
	actual := ask(t.Context(), t, h, req)
	req.DryRun = ptr.To(true)
	if diff := cmp.Diff(actual, ask(t.Context(), t, h, req)); diff != "" {
		t.Errorf("(-real +dry run):\n%s", diff)
	}
}

func TestExemptImagesAreTold(t *testing.T) {
	pod := webPod()
	pod.Spec.Containers = []corev1.Container{{Image: "acme/a"}, {Image: "acme/b"}, {Image: "acme/a"}}
	var all []Violation
	for i := range pod.Spec.Containers {
		all = append(all, Violationf(field.NewPath("spec", "containers").Index(i), "bad"))
	}
	h := newHandler(t, Entry{Check: says("no", all...), Exempt: Exemptions{Images: []string{"acme/*"}}, Mode: Audit})
	got := ask(t.Context(), t, h, createPod(t, pod))
	if diff := cmp.Diff(map[string]string{"no-exempt": "image: acme/a, acme/b"}, got.AuditAnnotations); diff != "" {
		t.Error(diff)
	}
}

func TestExemptionsAreValidated(t *testing.T) {
	exempt := Exemptions{
		Namespaces: []string{"ok", "Not_Ok"}, NamespaceSelector: &metav1.LabelSelector{}, Users: []string{" "}, Groups: []string{""},
		ServiceAccounts: []string{"ns/name", "name", "a/b/c", "/x"}, Images: []string{"nginx", "*"},
	}
	var got []string
	for _, err := range exempt.Validate(field.NewPath("e")) {
		got = append(got, err.Field)
	}
	want := []string{
		"e.namespaces[1]", "e.users[0]", "e.groups[0]", "e.serviceAccounts[1]", "e.serviceAccounts[2]", "e.serviceAccounts[3]",
		"e.images[1]", "e.namespaceSelector",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	exempt = Exemptions{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a b": "c"}}}
	if err := exempt.Validate(field.NewPath("e")).ToAggregate(); err == nil || !strings.Contains(err.Error(), "e.namespaceSelector") {
		t.Errorf("got %v", err)
	}
}

// A check that denies and fails refuses, unless it is told to let pass what it cannot judge.
func TestFailurePolicy(t *testing.T) {
	broken, panics := fails("broken", errors.New("no idea")), checkFunc{"panics", func(context.Context, *Request) ([]Violation, error) {
		panic("oh")
	}}
	for name, check := range map[string]Check{"error": broken, "panic": panics} {
		t.Run(name, func(t *testing.T) {
			if got := ask(t.Context(), t, newHandler(t, Entry{Check: check}), createPod(t, webPod())); got.Allowed {
				t.Error("a failure lets the request pass")
			}
			got := ask(t.Context(), t, newHandler(t, Entry{Check: check, FailurePolicy: Ignore}), createPod(t, webPod()))
			if !got.Allowed || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], check.Name()+" failed: ") {
				t.Errorf("got %v", got)
			}
			got = ask(t.Context(), t, newHandler(t, Entry{Check: check, FailurePolicy: Ignore}, Entry{Check: says("no", Violation{Message: "no"})}),
				createPod(t, webPod()))
			if got.Allowed || len(got.Warnings) > 0 || strings.Contains(got.Result.Message, "failed") {
				t.Errorf("got %v", got)
			}
		})
	}
}
