// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/asked"
)

// guard is an entry that refuses requests while its server is not there.
type guard struct {
	entry  *Entry
	server types.NamespacedName // its Service
	asked  asked.Asked
}

// refusal is a request that a server needs to come back, and that a guard refuses.
type refusal struct {
	guard *guard
	need  need
}

// coldStart judges whether webhooks come back when none of them runs, or when a node is gone.
type coldStart struct{ *examination }

// verdict are the servers that do not come back, each with the requests that are refused to the end: for certain, and
// if match conditions are met.
type verdict struct {
	certain, possible map[types.NamespacedName][]refusal
}

// coldStart simulates that every Pod is gone and every node registers again: which server does not come back, because
// what it needs is refused by an entry that fails closed, and whose server is not there either. Servers come back one
// after the other: a guard whose server is back refuses nothing. Then it simulates the loss of each node alone.
func (x coldStart) coldStart() {
	guards := x.guards()
	cold, lost := x.simulate(guards, x.nodeNeeds(), x.coldNeeds), nodeLoss{x}.simulateEach(guards)
	x.cycles(cold.certain, IDColdCycle, lost.certain)
	x.cycles(cold.possible, IDColdCondition, lost.possible)
	isCold := func(server types.NamespacedName, _ []refusal) bool {
		return cold.certain[server] != nil || cold.possible[server] != nil
	}
	maps.DeleteFunc(lost.certain, isCold)
	maps.DeleteFunc(lost.possible, isCold)
	x.cycles(lost.certain, IDNodeLoss, lost.certain)
	x.cycles(lost.possible, IDNodeLossCondition, lost.possible)
}

// simulate has the servers of all guards away. Common is what all of them need to come back, and needs is the rest.
func (x coldStart) simulate(
	guards []*guard, common []need, needs func(types.NamespacedName, *corev1.Service) []need,
) verdict {
	all := x.refusalsOf(guards, common, needs)
	v := verdict{stuck(all, func(r refusal) bool { return !r.guard.isConditional() }),
		stuck(all, func(refusal) bool { return true })}
	maps.DeleteFunc(v.possible, func(server types.NamespacedName, _ []refusal) bool { return v.certain[server] != nil })
	return v
}

func (g *guard) isConditional() bool { return len(g.entry.Rules.MatchConditions) > 0 }

// guards are the entries that fail closed and call a Service of the cluster with Pods behind it.
func (x coldStart) guards() []*guard {
	var all []*guard
	for i := range x.facts.All {
		e := &x.facts.All[i]
		name, _, ok := e.service()
		service := x.index.services[name]
		if !ok || !e.failsClosed() || service == nil || service.Spec.Type == corev1.ServiceTypeExternalName ||
			len(service.Spec.Selector) == 0 {
			continue
		}
		if of, err := askedOf(e); err == nil {
			all = append(all, &guard{e, name, of})
		}
	}
	return all
}

// stuck are the servers that do not come back, each with the requests that are refused to the end. Only the refusals
// that count keep a server away.
func stuck(all map[types.NamespacedName][]refusal, counts func(refusal) bool) map[types.NamespacedName][]refusal {
	down := map[types.NamespacedName][]refusal{}
	for server, refusals := range all {
		down[server] = slices.DeleteFunc(slices.Clone(refusals), func(r refusal) bool { return !counts(r) })
	}
	for changed := true; changed; {
		changed = false
		for server, refusals := range down {
			left := slices.DeleteFunc(refusals, func(r refusal) bool {
				_, isDown := down[r.guard.server]
				return !isDown
			})
			down[server] = left
			if len(left) == 0 {
				delete(down, server)
				changed = true
			}
		}
	}
	return down
}

// refusalsOf are, for each server of a guard, the requests that it needs, and that guards refuse as long as their
// servers are not there. What all servers need is compared once.
func (x coldStart) refusalsOf(
	guards []*guard, common []need, needs func(types.NamespacedName, *corev1.Service) []need,
) map[types.NamespacedName][]refusal {
	byCommon := map[*guard]need{}
	for _, g := range guards {
		if n, isAsked := x.firstAsked(g, common); isAsked {
			byCommon[g] = n
		}
	}
	all := map[types.NamespacedName][]refusal{}
	for _, of := range guards {
		if _, known := all[of.server]; known {
			continue
		}
		own := needs(of.server, x.index.services[of.server])
		all[of.server] = []refusal{}
		for _, g := range guards {
			n, isAsked := byCommon[g]
			if !isAsked {
				n, isAsked = x.firstAsked(g, own)
			}
			if isAsked {
				all[of.server] = append(all[of.server], refusal{g, n})
			}
		}
	}
	return all
}

// firstAsked is the first of the needs that a guard is asked about.
func (x coldStart) firstAsked(g *guard, needs []need) (need, bool) {
	for _, n := range needs {
		if _, isAsked := g.asked.About(n.object, n.operation, x.index.namespaces); isAsked {
			return n, true
		}
	}
	return need{}, false
}

// cycles reports each circle of servers that wait for each other, once. What only waits for a circle is not reported:
// it comes back when the circle is broken. Lost are the servers that do not come back from the loss of one node.
func (x coldStart) cycles(
	stuck map[types.NamespacedName][]refusal, id string, lost map[types.NamespacedName][]refusal,
) {
	reported := map[types.NamespacedName]bool{}
	for _, start := range sortedNames(stuck) {
		if reported[start] {
			continue
		}
		if circle := circleOf(start, stuck); circle != nil {
			for _, r := range circle {
				reported[r.guard.server] = true
			}
			node := ""
			if lost[start] != nil {
				node = x.index.onlyNode(circle[len(circle)-1].guard.entry)
			}
			x.cycle(start, circle, id, node)
		}
	}
}

func sortedNames(servers map[types.NamespacedName][]refusal) []types.NamespacedName {
	return slices.SortedFunc(maps.Keys(servers), func(a, b types.NamespacedName) int {
		return cmp.Compare(a.String(), b.String())
	})
}

// circleOf finds the shortest way from a server over those that refuse what it needs back to itself; nil if there is
// none.
func circleOf(start types.NamespacedName, stuck map[types.NamespacedName][]refusal) []refusal {
	type step struct {
		server types.NamespacedName
		way    []refusal
	}
	seen := map[types.NamespacedName]bool{}
	for queue := []step{{server: start}}; len(queue) > 0; queue = queue[1:] {
		for _, r := range stuck[queue[0].server] {
			way := append(slices.Clone(queue[0].way), r)
			if r.guard.server == start {
				return way
			}
			if !seen[r.guard.server] {
				seen[r.guard.server] = true
				queue = append(queue, step{r.guard.server, way})
			}
		}
	}
	return nil
}

// cycle reports a circle at its first entry, with the line that breaks it, and with the node whose loss is enough.
func (x coldStart) cycle(start types.NamespacedName, circle []refusal, id, node string) {
	var steps []string
	waiting := start
	for _, r := range circle {
		steps = append(steps, fmt.Sprintf("Service %s comes back only if %s, which webhook %q of %s refuses until Service "+
			"%s is back",
			waiting, r.need.what, r.guard.entry.Webhook, r.guard.entry.Object, r.guard.server))
		waiting = r.guard.server
	}
	first := circle[0]
	if !x.judged(first.guard.entry) {
		return
	}
	fix := "leave that resource out of the rules of webhook " + first.guard.entry.Webhook
	if first.need.namespace != "" {
		fix = fmt.Sprintf("in webhook %s: %s", first.guard.entry.Webhook,
			narrowed(first.guard.entry.Rules.NamespaceSelector, x.leftOut(first)))
	}
	if object := first.guard.entry.Object; !x.facts.Offline {
		fix = fmt.Sprintf("kubectl edit %s %s # %s", strings.ToLower(object.Kind), object.Name, fix)
	}
	if node != "" {
		steps = append(steps, fmt.Sprintf("the loss of node %s is enough, for all ready Pods of Service %s are there", node,
			start))
	}
	x.find(first.guard.entry, id, fix, "%s", strings.Join(steps, "; ")).Node = node
}

// narrowed is a namespaceSelector as a line of YAML that leaves out namespaces as well. What it has stays: without
// that, the line would have the webhook asked about more than before.
func narrowed(s *metav1.LabelSelector, namespaces []string) string {
	if isEmpty(s) {
		return notIn(namespaces...)
	}
	var labels, expressions []string
	for _, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		labels = append(labels, fmt.Sprintf("%s: %q", key, s.MatchLabels[key]))
	}
	for _, e := range s.MatchExpressions {
		text := fmt.Sprintf("{key: %s, operator: %s", e.Key, e.Operator)
		if len(e.Values) > 0 {
			text += fmt.Sprintf(", values: [%s]", strings.Join(quoted(e.Values), ", "))
		}
		expressions = append(expressions, text+"}")
	}
	kept := ""
	if len(labels) > 0 {
		kept = "matchLabels: {" + strings.Join(labels, ", ") + "}, "
	}
	expressions = append(expressions, fmt.Sprintf("{key: %s, operator: NotIn, values: [%s]}", corev1.LabelMetadataName,
		strings.Join(namespaces, ", ")))
	return fmt.Sprintf("namespaceSelector: {%smatchExpressions: [%s]}", kept, strings.Join(expressions, ", "))
}

// quoted are texts that YAML does not take for numbers or booleans.
func quoted(values []string) []string {
	var all []string
	for _, v := range values {
		all = append(all, fmt.Sprintf("%q", v))
	}
	return all
}

// leftOut are the namespaces that the selector of a guard should leave out: that of the request, and its own.
func (x coldStart) leftOut(r refusal) []string {
	return slices.Compact(slices.Sorted(slices.Values([]string{r.need.namespace, r.guard.server.Namespace})))
}

// judged says whether an entry is one of those that are judged.
func (x coldStart) judged(e *Entry) bool {
	return slices.ContainsFunc(x.facts.Entries, func(other Entry) bool {
		return other.Object == e.Object && other.Webhook == e.Webhook
	})
}
