// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

// recorder takes down what a test would say.
type recorder struct {
	testing.TB
	said []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

const manifest = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - {name: a, image: "a:1"}
`

func TestIdempotent(t *testing.T) {
	calls := 0
	pods := func(fn func(pod *corev1.Pod) error) handler.Mutation {
		return handler.MutateFor("m", func(_ context.Context, _ *handler.Request, pod *corev1.Pod) error { return fn(pod) })
	}
	for name, tt := range map[string]struct {
		mutation handler.Mutation
		want     string // in what is said; nothing if empty
	}{
		"a good one": {pods(func(pod *corev1.Pod) error {
			pod.Spec.NodeSelector = map[string]string{"a": "b"}
			return nil
		}), ""},
		"one that adds again": {pods(func(pod *corev1.Pod) error {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "s"})
			return nil
		}), "the mutation changes spec.containers[2] in what it has made itself"},
		"one that counts": {pods(func(pod *corev1.Pod) error {
			calls++
			if pod.Spec.NodeName == "" {
				pod.Spec.NodeName = fmt.Sprint(calls)
			}
			return nil
		}), "another time"},
		"one that fails":                       {pods(func(*corev1.Pod) error { return errors.New("no idea") }), "failed: no idea"},
		"one that loses what it does not know": {lossy{}, "with fields that are not known, the mutation makes something else"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			handlertest.Idempotent(r, tt.mutation, manifest)
			said := strings.Join(r.said, "\n")
			if !strings.Contains(said, tt.want) || tt.want == "" && said != "" {
				t.Errorf("got %q, want %q", said, tt.want)
			}
		})
	}
}

type rule struct {
	Priority int `json:"priority"`
}

type rules struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Weights  map[string]int    `json:"weights,omitempty"`
	Rules    []rule            `json:"rules,omitempty"`
}

// Fields that are not known are added only where a type may have such, and are looked for by their objects.
func TestIdempotentUnknown(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Box"}
	boxes := func(fn func(box *rules)) handler.Mutation {
		return handler.MutateForKind("m", kind, func(_ context.Context, _ *handler.Request, box *rules) error {
			fn(box)
			return nil
		})
	}
	const box = `{apiVersion: example.com/v1, kind: Box, metadata: {name: a}, weights: {a: 1}, rules: [{priority: 2, host: one}, {priority: 1, host: two}]}`
	for name, tt := range map[string]struct {
		mutation handler.Mutation
		manifest string
		want     string // in what is said; nothing if empty
	}{
		"a map of numbers": {boxes(func(box *rules) { box.Metadata.Labels = map[string]string{"a": "b"} }), box, ""},
		"a Secret": {handler.MutateFor("m", func(_ context.Context, _ *handler.Request, secret *corev1.Secret) error {
			metav1.SetMetaDataLabel(&secret.ObjectMeta, "a", "b")
			return nil
		}), `{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: aGVsbG8=}}`, ""},
		"one that reads a whole map": {handler.MutateFor("m", func(_ context.Context, _ *handler.Request, config *corev1.ConfigMap) error {
			metav1.SetMetaDataLabel(&config.ObjectMeta, "size", fmt.Sprint(len(config.Data)))
			return nil
		}), `{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: b}}`, ""},
		"one that removes a rule": {boxes(func(box *rules) {
			box.Rules = slices.DeleteFunc(box.Rules, func(r rule) bool { return r.Priority > 1 })
		}), box, ""},
		"one that cannot tell":    {boxes(func(box *rules) { box.Rules[0].Priority, box.Rules[1].Priority = 0, 2 }), box, "the mutation failed: cannot tell which item of rules is which"},
		"one that loses a rule's": {replacing{`"handlertest-unknown":"2",`, ""}, box, "fields that are not known of an object at rules[] are lost, while no object there is removed"},
		"one that changes, too":   {replacing{`"handlertest-unknown":"2","host":"one","priority":2`, `"host":"one","priority":3`}, box, "at rules[] are lost"},
		"one that swaps": {replacing{`{"handlertest-unknown":"2","host":"one","priority":2},{"handlertest-unknown":"3","host":"two","priority":1}`,
			`{"handlertest-unknown":"3","host":"one","priority":2},{"handlertest-unknown":"2","host":"two","priority":1}`}, box, "given to another object"},
		"one that copies": {replacing{`"handlertest-unknown":"3"`, `"handlertest-unknown":"2"`}, box, "copied to another object"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			handlertest.Idempotent(r, tt.mutation, tt.manifest)
			said := strings.Join(r.said, "\n")
			if !strings.Contains(said, tt.want) || tt.want == "" && said != "" {
				t.Errorf("got %q, want %q", said, tt.want)
			}
		})
	}
}

// replacing replaces a part of the object.
type replacing struct{ from, to string }

func (replacing) Name() string { return "m" }

func (m replacing) Mutate(_ context.Context, req *handler.Request) ([]byte, error) {
	return []byte(strings.ReplaceAll(string(req.AdmissionRequest.Object.Raw), m.from, m.to)), nil
}

// lossy makes an object of only what it knows.
type lossy struct{}

func (lossy) Name() string { return "m" }

func (lossy) Mutate(_ context.Context, req *handler.Request) ([]byte, error) {
	if strings.Contains(string(req.AdmissionRequest.Object.Raw), "unknown") {
		return []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop"}}`), nil
	}
	return nil, nil
}

func ExampleIdempotent() {
	teamLabel := handler.MutateFor("teamLabel", func(_ context.Context, _ *handler.Request, pod *corev1.Pod) error {
		if pod.Labels["team"] == "" {
			if pod.Labels == nil {
				pod.Labels = map[string]string{}
			}
			pod.Labels["team"] = "none"
		}
		return nil
	})
	test := func(t *testing.T) {
		handlertest.Idempotent(t, teamLabel, "{apiVersion: v1, kind: Pod, metadata: {name: web}}")
	}
	_ = test // go test runs it as TestTeamLabel.
}
