// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/hookstrap/hookstrap/internal/audit"
	"github.com/hookstrap/hookstrap/internal/clean"
)

func yields(results []audit.Result, err error) iter.Seq2[audit.Result, error] {
	return func(yield func(audit.Result, error) bool) {
		for _, result := range results {
			if !yield(result, nil) {
				return
			}
		}
		if err != nil {
			yield(audit.Result{}, err)
		}
	}
}

func TestFoundIn(t *testing.T) {
	of := func(kind, namespace, name string, left audit.Left, checks ...string) audit.Result {
		r := audit.Result{
			Object: audit.Object{Kind: schema.GroupVersionKind{Version: "v1", Kind: kind}, Namespace: namespace, Name: name}, Left: left,
		}
		for _, check := range checks {
			r.Findings = append(r.Findings, audit.Finding{Check: check})
		}
		return r
	}
	results := []audit.Result{
		of("Pod", "shop", "a", "", "imageTag", "podSecurity"), of("Pod", "shop", "b", "", "imageTag"), of("Pod", "attic", "c", ""),
		of("Pod", "kube-system", "d", audit.NotAsked), of("Pod", "shop", "e", audit.NotAsked), of("Pod", "jobs", "f", audit.Finished),
		{Object: audit.Object{Kind: schema.GroupVersionKind{Group: "a.example", Kind: "Namespace"}, Namespace: "shop", Name: "it"}},
		of("Namespace", "", "team", "", "requiredLabels"), of("ClusterRole", "", "g", "", "rbacWildcards"),
	}
	want := clean.Found{
		Unasked: sets.New("kube-system"), In: map[string]sets.Set[string]{
			"imageTag": sets.New("shop"), "podSecurity": sets.New("shop"), "requiredLabels": sets.New("team"), "rbacWildcards": sets.New(""),
		},
	}
	got, err := foundIn(yields(results, nil))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
	// What was not read may be what is wrong.
	if _, err := foundIn(yields(results, &audit.PartError{Resource: "pods", Err: errors.New("forbidden")})); err == nil {
		t.Error("a part that was not judged counts as clean")
	}
}
