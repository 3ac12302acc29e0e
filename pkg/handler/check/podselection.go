// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/hookstrap/hookstrap/internal/view"
)

// fewAtFirst is how many workloads are looked at by each requirement of a selector, before any is followed further.
const fewAtFirst = 16

// podSelection are the workloads of a namespace whose Pods a selector selects.
type podSelection struct {
	namespace string
	selector  labels.Selector
}

// of returns the selected workloads of a kind. It looks at few by each requirement of a value, then at twice as many,
// until one of them is through with all of its own: so what it costs depends on the requirement that selects the
// fewest. What has a label, whatever its value, is looked for among all: to find it faster takes more memory than it is
// worth.
func (s podSelection) of(ctx context.Context, find finder[workloadPods]) ([]view.Found[workloadPods], error) {
	ways := slices.DeleteFunc(keysOf(s.selector), func(keys []string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return key != everyWorkload && !strings.Contains(key, "=") })
	})
	for most := fewAtFirst; ; most *= 2 {
		for _, keys := range ways {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			selected, complete, err := s.among(keys, most, find)
			if err != nil || complete {
				return selected, err
			}
		}
		if len(ways) == 0 {
			return nil, nil
		}
	}
}

// among returns the selected workloads among those with one of the keys, and false if there are more than so many to
// look at.
func (s podSelection) among(
	keys []string, most int, find finder[workloadPods],
) (selected []view.Found[workloadPods], complete bool, err error) {
	for _, key := range keys {
		err := find(view.Query{Key: key, In: s.namespace}, func(found view.Found[workloadPods]) bool {
			most--
			if most >= 0 && s.selector.Matches(found.Value.labels) {
				selected = append(selected, found)
			}
			return most >= 0
		})
		if err != nil || most < 0 {
			return nil, false, err
		}
	}
	return selected, true, nil
}

// keysOf returns for each requirement of a selector that says which labels there must be the keys, by one of which each
// workload is found that is selected. No two keys find the same one.
func keysOf(selector labels.Selector) [][]string {
	requirements, selectable := selector.Requirements()
	if !selectable {
		return nil // it selects nothing
	}
	ways := [][]string{{everyWorkload}}
	for _, r := range requirements {
		var keys []string
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals, selection.In:
			for _, value := range r.ValuesUnsorted() {
				keys = append(keys, pair(r.Key(), value))
			}
		case selection.Exists:
			keys = []string{r.Key()}
		default: // what lacks a label has no key for that
			continue
		}
		ways = append(ways, keys)
	}
	return ways
}
