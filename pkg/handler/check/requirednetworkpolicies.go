// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// requiredNetworkPolicies denies Pods that no NetworkPolicy of their namespace selects. Pods on the network of their
// node are left alone: no NetworkPolicy is about them. Policies of other kinds, as of Cilium or Calico, are not known.
type requiredNetworkPolicies struct {
	// PolicyTypes are the directions, of each of which a NetworkPolicy has to be: Ingress, Egress.
	PolicyTypes []string `json:"policyTypes"`
}

func requiredNetworkPoliciesDefinition() handler.Definition {
	return handler.Define("requiredNetworkPolicies", handler.Doc{
		Summary: "A NetworkPolicy, which is created first, selects every Pod that is not on the network of its node.",
		Why: "A Pod that no NetworkPolicy selects can be reached from every Pod of the cluster: an attacker in one of them " +
			"reaches all. A policy for a whole namespace is enough, with podSelector: {}.",
	}, func() requiredNetworkPolicies { return requiredNetworkPolicies{PolicyTypes: []string{"Ingress"}} },
		func(p requiredNetworkPolicies, env handler.Environment) (handler.Check, error) {
			return ruleFunc{"requiredNetworkPolicies", func(
				ctx context.Context, req *handler.Request,
			) ([]handler.Violation, error) {
				return p.evaluate(ctx, req, env)
			}}, nil
		}, networkPolicies())
}

// Values implements [handler.Enumerator].
func (requiredNetworkPolicies) Values() map[string][]string {
	return map[string][]string{"policyTypes": {"Ingress", "Egress"}}
}

// Validate implements [handler.Validator].
func (p requiredNetworkPolicies) Validate(path *field.Path) field.ErrorList {
	at := path.Child("policyTypes")
	if len(p.PolicyTypes) == 0 {
		return field.ErrorList{field.Required(at, "list Ingress, Egress or both, or turn the check off")}
	}
	var errs field.ErrorList
	for i, value := range p.PolicyTypes {
		errs = append(errs, oneOf(at.Index(i), value, p.Values()["policyTypes"])...)
	}
	return errs
}

// networkPolicy is what is kept of one: its selector, as text, and the directions that it is about.
type networkPolicy struct {
	selector string
	types    []string
}

// networkPolicies are found by the first label that they ask for, as budgets are.
func networkPolicies() *view.View[networkPolicy] {
	return view.New("selectors", &networkingv1.NetworkPolicy{}, &networkingv1.NetworkPolicyList{},
		func(o *networkingv1.NetworkPolicy) (view.Kept[networkPolicy], bool) {
			selector, err := metav1.LabelSelectorAsSelector(&o.Spec.PodSelector)
			if err != nil {
				return view.Kept[networkPolicy]{}, false
			}
			kept := view.Kept[networkPolicy]{Value: networkPolicy{selector.String(), directionsOf(o)}}
			ways := keysOf(selector)
			for _, key := range ways[min(1, len(ways)-1)] {
				kept.Keys = append(kept.Keys, view.Key{Text: first + key})
			}
			return kept, true
		})
}

// directionsOf are the directions of a policy. One that does not say is about what comes in, and about what goes out if
// it has rules for that.
func directionsOf(o *networkingv1.NetworkPolicy) []string {
	var types []string
	for _, t := range o.Spec.PolicyTypes {
		types = append(types, strings.Clone(string(t)))
	}
	if len(types) == 0 {
		types = append(types, string(networkingv1.PolicyTypeIngress))
		if len(o.Spec.Egress) > 0 {
			types = append(types, string(networkingv1.PolicyTypeEgress))
		}
	}
	return types
}

func (p requiredNetworkPolicies) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	pod, ok, err := podOf(req)
	if err != nil || !ok || pod.Spec.HostNetwork {
		return nil, err
	}
	find, err := finderOf(ctx, env, networkPolicies())
	if err != nil {
		return nil, err
	}
	own := pairsOf(pod.Metadata.Labels)
	lacking := slices.Clone(p.PolicyTypes)
	for _, key := range firstKeys(own) {
		err := find(view.Query{Key: key, In: req.Namespace}, func(found view.Found[networkPolicy]) bool {
			if selector, err := labels.Parse(found.Value.selector); err == nil && selector.Matches(own) {
				lacking = slices.DeleteFunc(lacking, func(t string) bool { return slices.Contains(found.Value.types, t) })
			}
			return len(lacking) > 0 && ctx.Err() == nil
		})
		if err != nil || len(lacking) == 0 {
			return nil, err
		}
	}
	var violations []handler.Violation
	for _, t := range lacking {
		violations = append(violations, keep(handler.Violationf(pod.Path,
			"no NetworkPolicy of type %s selects the Pod; create one first, for it or for the whole namespace", t)))
	}
	return violations, ctx.Err()
}
