// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"math"
	"slices"
	"strings"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/hookstrap/hookstrap/internal/view"
)

// budgets keep the selector of each PodDisruptionBudget, as text. It is found by every label that it asks for, as
// workloads are, and by the first of them alone.
func budgets() *view.View[string] {
	return view.New("selectors", &policyv1.PodDisruptionBudget{}, &policyv1.PodDisruptionBudgetList{},
		func(o *policyv1.PodDisruptionBudget) (view.Kept[string], bool) {
			selector, err := metav1.LabelSelectorAsSelector(o.Spec.Selector)
			if err != nil {
				return view.Kept[string]{}, false
			}
			ways := keysOf(selector)
			if len(ways) == 0 { // It selects nothing.
				return view.Kept[string]{}, false
			}
			kept := view.Kept[string]{Value: selector.String()}
			for _, key := range slices.Concat(ways...) {
				kept.Keys = append(kept.Keys, view.Key{Text: key})
			}
			for _, key := range ways[min(1, len(ways)-1)] {
				kept.Keys = append(kept.Keys, view.Key{Text: first + key})
			}
			return kept, true
		})
}

// first marks the key of the first label that a budget asks for, or that of all if it asks for none.
const first = "\x00"

// rivals look for another budget of the same Pods. What only Pods could tell that belong to no known workload is not
// found.
type rivals struct {
	namespace, name string // of the budget that is judged
	selector        labels.Selector
	find            finder[string]
}

// of is the name of another budget that selects all that the selector does, or nothing else, or the Pods of one of the
// workloads; it is empty if there is none.
func (r rivals) of(ctx context.Context, workloads []pairs) (string, error) {
	ways := keysOf(r.selector)
	if len(ways) == 0 {
		return "", nil
	}
	isWider := func(other labels.Selector) bool { return covers(other, r.selector) }
	asked := []string{everyWorkload}
	for _, key := range slices.Concat(ways[1:]...) {
		name, _, _ := strings.Cut(key, "=")
		asked = append(asked, key, name)
	}
	found, err := r.firstOf(ctx, asked, isWider)
	if found != "" || err != nil {
		return found, err
	}
	if found, err = r.narrower(ctx, ways); found != "" || err != nil {
		return found, err
	}
	for _, pod := range workloads {
		if found, err = r.selecting(ctx, pod); found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}

// selecting is the name of another budget that selects Pods with these labels.
func (r rivals) selecting(ctx context.Context, pod pairs) (string, error) {
	isSelecting := func(other labels.Selector) bool { return other.Matches(pod) }
	for _, key := range firstKeys(pod) {
		if found, _, err := r.look(ctx, key, math.MaxInt, isSelecting); found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}

// firstKeys are the keys of all selectors that may select Pods with these labels, by the first label that each asks
// for.
func firstKeys(pod pairs) []string {
	keys := []string{first + everyWorkload}
	for i := 0; i+1 < len(pod); i += 2 {
		keys = append(keys, first+pod[i], first+pair(pod[i], pod[i+1]))
	}
	return keys
}

// firstOf looks at the budgets whose first label has one of the keys.
func (r rivals) firstOf(ctx context.Context, keys []string, is func(labels.Selector) bool) (string, error) {
	for _, key := range keys {
		if found, _, err := r.look(ctx, first+key, math.MaxInt, is); found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}

// narrower looks at the budgets that ask for all that the selector does, by the requirement of which there are fewest.
func (r rivals) narrower(ctx context.Context, ways [][]string) (string, error) {
	isNarrower := func(other labels.Selector) bool { return covers(r.selector, other) }
	for most := fewAtFirst; ; most *= 2 {
		for _, keys := range ways {
			left := most
			for _, key := range keys {
				found, looked, err := r.look(ctx, key, left, isNarrower)
				if found != "" || err != nil {
					return found, err
				}
				left -= looked
			}
			if left > 0 {
				return "", nil
			}
		}
	}
}

// look looks at no more than so many of the budgets with a key, and says at how many.
func (r rivals) look(
	ctx context.Context, key string, most int, is func(labels.Selector) bool,
) (found string, looked int, err error) {
	if err := ctx.Err(); err != nil || most <= 0 {
		return "", 0, err
	}
	err = r.find(view.Query{Key: key, In: r.namespace}, func(other view.Found[string]) bool {
		looked++
		if selector, err := labels.Parse(other.Value); err == nil && other.Name != r.name && is(selector) {
			found = other.Name
		}
		return found == "" && looked < most && ctx.Err() == nil
	})
	if err == nil {
		err = ctx.Err()
	}
	return found, looked, err
}

// covers says whether all that the narrow selector selects is selected by the wide one, as far as their requirements
// say so one by one.
func covers(wide, narrow labels.Selector) bool {
	asks, _ := wide.Requirements()
	given, _ := narrow.Requirements()
	for _, a := range asks {
		implied := false
		for _, g := range given {
			implied = implied || g.Key() == a.Key() && implies(g, a)
		}
		if !implied {
			return false
		}
	}
	return true
}

// implies says whether a requirement holds wherever another one of the same key does.
func implies(given, asked labels.Requirement) bool {
	if given.Equal(asked) {
		return true
	}
	isIn := func(r labels.Requirement) bool {
		return r.Operator() == selection.In || r.Operator() == selection.Equals || r.Operator() == selection.DoubleEquals
	}
	has := sets.New(asked.ValuesUnsorted()...)
	switch {
	case isIn(given) && isIn(asked):
		return has.HasAll(given.ValuesUnsorted()...)
	case isIn(given) && asked.Operator() == selection.Exists:
		return true
	case isIn(given) && asked.Operator() == selection.NotIn:
		return !has.HasAny(given.ValuesUnsorted()...)
	case given.Operator() == selection.DoesNotExist && asked.Operator() == selection.NotIn:
		return true
	}
	return false
}
