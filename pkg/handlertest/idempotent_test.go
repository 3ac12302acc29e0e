// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

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
