// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// maxRulesCompared is how many rules a role may have had for a new one to be compared with each of them. The largest
// roles of people have a few dozen.
const maxRulesCompared = 100

// rulesBefore are the rules that the role had before an update, and none if there was none, if it cannot be read, or if
// there were too many to compare.
func rulesBefore(req *handler.Request) []givenRule {
	old, err := before[rbacv1.ClusterRole](req)
	if err != nil || old == nil || len(old.Rules) > maxRulesCompared {
		return nil
	}
	given := make([]givenRule, 0, len(old.Rules))
	for _, rule := range old.Rules {
		given = append(given, givenRule{
			verbs: sets.New(rule.Verbs...), apiGroups: sets.New(rule.APIGroups...), resources: sets.New(rule.Resources...),
			names: sets.New(rule.ResourceNames...), urls: sets.New(rule.NonResourceURLs...),
			below: prefixes(rule.NonResourceURLs),
		})
	}
	return given
}

// givenRule is a rule to compare many values with.
type givenRule struct {
	verbs, apiGroups, resources, names, urls sets.Set[string]
	below                                    []string // what the URLs begin with of which all are given; sorted
}

// prefixes are the beginnings of URLs that end in a *, without those that begin with another one: the only one of them
// that a URL can begin with is then the last one that is not behind it in the order.
func prefixes(urls []string) []string {
	var sorted []string
	for _, url := range urls {
		if prefix, ok := strings.CutSuffix(url, "*"); ok {
			sorted = append(sorted, prefix)
		}
	}
	slices.Sort(sorted)
	kept := sorted[:0]
	for _, prefix := range sorted {
		if len(kept) == 0 || !strings.HasPrefix(prefix, kept[len(kept)-1]) {
			kept = append(kept, prefix)
		}
	}
	return kept
}

// covers says whether the rule gives all that another one gives. It may say no where several together do.
func (g givenRule) covers(rule rbacv1.PolicyRule) bool {
	return all(rule.Verbs, hasOrAll(g.verbs)) && all(rule.APIGroups, hasOrAll(g.apiGroups)) &&
		all(rule.Resources, g.hasResource) && all(rule.NonResourceURLs, g.hasURL) &&
		(len(g.names) == 0 || len(rule.ResourceNames) > 0 && all(rule.ResourceNames, g.names.Has))
}

func all(values []string, is func(string) bool) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return !is(value) })
}

func hasOrAll(set sets.Set[string]) func(string) bool {
	return func(value string) bool { return set.Has(value) || set.Has("*") }
}

// hasResource knows that */scale has the subresource of every resource.
func (g givenRule) hasResource(resource string) bool {
	_, subresource, _ := strings.Cut(resource, "/")
	return g.resources.Has(resource) || g.resources.Has("*") || subresource != "" && g.resources.Has("*/"+subresource)
}

// hasURL knows that /metrics/* has every path that begins so.
func (g givenRule) hasURL(url string) bool {
	if g.urls.Has(url) {
		return true
	}
	i, found := slices.BinarySearch(g.below, url)
	return found || i > 0 && strings.HasPrefix(url, g.below[i-1])
}
