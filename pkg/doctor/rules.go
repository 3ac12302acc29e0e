// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/asked"
)

// longTimeout is more than a webhook for a core kind should take, in seconds, and mostTogether the request timeout of
// an API server (--request-timeout).
const (
	longTimeout  = 15
	mostTogether = 60
)

// ruled judges what an entry is asked about, and when.
type ruled struct{ *examination }

// rules judges what a webhook of a configuration is asked about.
func (x ruled) rules(e *Entry) {
	if e.Rules == nil {
		return
	}
	conditions(x).conditions(e)
	x.withoutEffect(e)
	x.width(e)
	if e.Object.Kind == KindValidating && !e.failsClosed() {
		x.find(e, IDFailsOpen, "set failurePolicy: Fail if it is there to protect", "failurePolicy is Ignore")
	}
	about := x.aboutCore(e)
	if len(about) > 0 && e.timeout() > longTimeout {
		x.find(e, IDTimeoutLong, "set timeoutSeconds: 5", "it is asked about %s, and has a timeout of %d s",
			strings.Join(about, ", "), e.timeout())
	}
	if e.failsClosed() && allObjects(e.Rules) {
		x.closed(e, about)
	}
}

// closed judges a webhook that refuses what it is asked about when it cannot be called. A namespaceSelector leaves
// out no Nodes.
func (x ruled) closed(e *Entry, about []string) {
	const noNodes = "leave nodes out of its rules, as no namespaceSelector does"
	fix, asked := leaveOut(e), "it fails closed, and is asked about all %s of the cluster"
	hasNodes := slices.Contains(about, "nodes")
	switch {
	case !everywhere(e.Rules) && hasNodes:
		x.find(e, IDCoreKind, noNodes, asked, "nodes")
	case !everywhere(e.Rules):
	case slices.ContainsFunc(e.Rules.Rules, isEverything):
		x.find(e, IDRulesAll, "name the resources in its rules; "+fix, "it fails closed, and is asked about everything")
	case hasNodes:
		x.find(e, IDCoreKind, fix+"; "+noNodes, asked, strings.Join(about, ", "))
	case len(about) > 0:
		x.find(e, IDCoreKind, fix, asked, strings.Join(about, ", "))
	}
}

// everywhere says that neither selectors nor conditions leave anything out.
func everywhere(w *admissionregistrationv1.ValidatingWebhook) bool {
	return isEmpty(w.NamespaceSelector) && allObjects(w)
}

// allObjects says that nothing but the selector of namespaces leaves anything out, which says nothing of objects that
// are in none.
func allObjects(w *admissionregistrationv1.ValidatingWebhook) bool {
	return isEmpty(w.ObjectSelector) && len(w.MatchConditions) == 0
}

func isEmpty(s *metav1.LabelSelector) bool {
	return s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0
}

func isEverything(r admissionregistrationv1.RuleWithOperations) bool {
	return slices.Contains(r.APIGroups, "*") &&
		(slices.Contains(r.Resources, "*") || slices.Contains(r.Resources, "*/*")) &&
		slices.ContainsFunc(r.Operations, isWrite)
}

func isWrite(o admissionregistrationv1.OperationType) bool {
	return o != admissionregistrationv1.Connect
}

// leaveOut is the selector that leaves out kube-system and the server's own namespace.
func leaveOut(e *Entry) string {
	namespaces := []string{"kube-system"}
	if name, _, ok := e.service(); ok && name.Namespace != "kube-system" {
		namespaces = append(namespaces, name.Namespace)
	}
	return notIn(namespaces...)
}

// notIn is a namespaceSelector as a line of YAML.
func notIn(namespaces ...string) string {
	return fmt.Sprintf("namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, "+
		"values: [%s]}]}",
		strings.Join(namespaces, ", "))
}

// coreKinds are those that the cluster's own components write, and every user of a cluster.
func coreKinds() []schema.GroupVersionResource {
	core := schema.GroupVersion{Version: "v1"}
	return []schema.GroupVersionResource{
		core.WithResource("pods"), core.WithResource("services"), core.WithResource("namespaces"),
		core.WithResource("nodes"), core.WithResource("secrets"), core.WithResource("configmaps"),
		core.WithResource("serviceaccounts"),
		{Group: "apps", Version: "v1", Resource: "deployments"},
		{Group: "apps", Version: "v1", Resource: "daemonsets"},
		{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
		{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},
		{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
	}
}

// aboutCore are the core kinds about which the webhook is asked when they are created or changed.
func (x ruled) aboutCore(e *Entry) []string {
	of, err := askedOf(e)
	if err != nil {
		return nil // The API server has checked the selectors.
	}
	var about []string
	for _, kind := range coreKinds() {
		namespaced := kind.Resource != "namespaces" && kind.Resource != "nodes"
		if of.AboutAny(kind, namespaced, admissionregistrationv1.Create, admissionregistrationv1.Update) {
			about = append(about, kind.Resource)
		}
	}
	return about
}

func askedOf(e *Entry) (asked.Asked, error) {
	return asked.Of(admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: e.Object.Name},
		Webhooks:   []admissionregistrationv1.ValidatingWebhook{*e.Rules},
	})
}

// timeouts adds up how long the creation of a Pod takes if no server answers: mutating webhooks are asked one after the
// other, validating ones at the same time.
func (x ruled) timeouts() {
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	var together, validating int32
	var last *Entry
	for i := range x.facts.All {
		e := &x.facts.All[i]
		if e.Rules == nil {
			continue
		}
		of, err := askedOf(e)
		if err != nil || !of.AboutAny(pods, true, admissionregistrationv1.Create) || !everywhere(e.Rules) {
			continue
		}
		if e.Object.Kind == KindValidating {
			validating = max(validating, e.timeout())
			continue
		}
		together += e.timeout()
		if e.Again {
			together += e.timeout()
		}
		if last == nil || e.timeout() > last.timeout() {
			last = e
		}
	}
	if last != nil && coldStart(x).judged(last) && together+validating > mostTogether {
		x.find(last, IDTimeoutsAddUp, "set timeoutSeconds: 5",
			"the timeouts of the webhooks that are asked about all Pods add up to %d s", together+validating)
	}
}
