// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// How often all rights are asked about while requests are refused: once at first, and later when the answers may have
// changed. Between two sweeps that find the same the time doubles.
const (
	shortestPause = 30 * time.Second
	longestPause  = 10 * time.Minute
	// sweepTimeout bounds one sweep; the request that was refused waits for it.
	sweepTimeout = 5 * time.Second
)

// Right is something that this process does.
type Right struct {
	authorizationv1.ResourceAttributes
	// Option is what the name was given to us by, such as "--service-name"; "" if it is not an option's value.
	Option string
}

// Rights finds out which rights are missing, when the first of them is refused. It is safe for concurrent use.
type Rights struct {
	needed    []Right
	namespace string

	mu      sync.Mutex
	swept   time.Time // when a sweep last ended; zero before the first
	pause   time.Duration
	found   []Right // what is missing
	allowed []authorizationv1.ResourceRule
}

// NewRights are those that this process needs. Namespace is the one it was told to be in.
func NewRights(namespace string, needed []Right) *Rights {
	return &Rights{needed: needed, namespace: namespace}
}

// missing says which rights are missing, as RBAC rules, and which of our names may be wrong. Both are "" if it cannot
// be told: the refusal then speaks for itself.
func (r *Rights) missing(ctx context.Context, cfg *rest.Config, refused Refusal, subject string) (rules, names string) {
	if r == nil || !hasAction(r.needed, refused.Right) {
		return "", ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); r.due(refused.Right, now) {
		r.sweep(ctx, cfg, now)
	}
	if hasAction(r.found, refused.Right) {
		rules = ruleText(r.found)
	}
	return rules, r.misnamed(cmp.Or(refused.User, subject))
}

// hasAction ignores the name: a request that creates or lists may have none.
func hasAction(rights []Right, a authorizationv1.ResourceAttributes) bool {
	return slices.ContainsFunc(rights, func(b Right) bool {
		return a.Verb == b.Verb && a.Group == b.Group && a.Resource == b.Resource && a.Subresource == b.Subresource
	})
}

// due tells whether to ask: at first, when something is refused that was not missing, and after the pause.
func (r *Rights) due(refused authorizationv1.ResourceAttributes, now time.Time) bool {
	pause := r.pause
	if !hasAction(r.found, refused) {
		pause = min(pause, shortestPause)
	}
	return r.swept.IsZero() || now.Sub(r.swept) >= pause
}

// sweep asks about every right. What cannot be asked leaves what was found before.
func (r *Rights) sweep(ctx context.Context, cfg *rest.Config, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	found, allowed, err := ask(ctx, cfg, r.needed, r.namespace)
	same := err != nil || slices.Equal(found, r.found)
	if err == nil {
		r.found, r.allowed = found, allowed
	}
	r.pause = min(max(2*r.pause, shortestPause), longestPause)
	if !same {
		r.pause = shortestPause
	}
	r.swept = now
}

// misnamed says which names may be wrong: our namespace, by the credentials, and names that the rules do not have.
func (r *Rights) misnamed(user string) string {
	var doubts []string
	if namespace, name, ok := serviceAccount(user); ok && namespace != r.namespace {
		doubts = append(doubts, fmt.Sprintf("the token is of ServiceAccount %q of namespace %q, and --namespace is %q", name,
			namespace, r.namespace))
	}
	for _, right := range r.found {
		names := namesOf(r.allowed, right.ResourceAttributes)
		if right.Option == "" || len(names) == 0 {
			continue
		}
		doubt := fmt.Sprintf("for %s the rules name %s instead of %q, see %s", right.Resource, strings.Join(names, ", "),
			right.Name, right.Option)
		if !slices.Contains(doubts, doubt) {
			doubts = append(doubts, doubt)
		}
	}
	return strings.Join(doubts, "; ")
}

// namesOf are the names that the rules allow the verb for.
func namesOf(rules []authorizationv1.ResourceRule, right authorizationv1.ResourceAttributes) []string {
	var names []string
	for _, rule := range rules {
		if !slices.Contains(rule.Verbs, right.Verb) || !slices.Contains(rule.APIGroups, right.Group) ||
			!slices.Contains(rule.Resources, resourceOf(right)) {
			continue
		}
		for _, name := range rule.ResourceNames {
			if quoted := fmt.Sprintf("%q", name); !slices.Contains(names, quoted) {
				names = append(names, quoted)
			}
		}
	}
	return names
}

// resourceOf is how a rule names the resource, or the subresource, that a right is about.
func resourceOf(right authorizationv1.ResourceAttributes) string {
	if right.Subresource == "" {
		return right.Resource
	}
	return right.Resource + "/" + right.Subresource
}
