// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// ingressHosts denies Ingresses that take hosts which are not theirs to take, or serve them without TLS, and objects of
// the Gateway API likewise.
type ingressHosts struct {
	// AllowWildcards admits hosts that begin with "*.", and rules without a host and default backends, which are for
	// every host.
	AllowWildcards bool `json:"allowWildcards,omitempty"`
	// RequireTLS wants every host in a section of spec.tls, or a section with a secret and without hosts, which is for
	// all.
	RequireTLS bool `json:"requireTLS"`
	// TLSAnnotations are annotations, one of which is enough in place of spec.tls, for controllers that take certificates
	// from elsewhere: alb.ingress.kubernetes.io/certificate-arn, networking.gke.io/managed-certificates and the like. They
	// count with any value but an empty one and "false".
	TLSAnnotations []string `json:"tlsAnnotations,omitempty"`
	// Unique is what Ingresses of two namespaces may not both have: "path", the same path of a host, or "host", the same
	// host at all; "none" does not look at other Ingresses. "*.example.com" is the same host as each that is one label
	// longer than example.com, whichever of the two comes first: www.example.com, but not example.com or a.b.example.com.
	// Two that are created in the same instant may both pass.
	Unique string `json:"unique"`
	// GatewayKinds are the kinds of the Gateway API (gateway.networking.k8s.io/v1) whose hosts are looked at as well;
	// there are none by default, because their CustomResourceDefinitions are installed apart. Those that are listed have
	// to be installed: the server is not ready before it can list them. Hostnames of HTTPRoutes, GRPCRoutes and TLSRoutes
	// are compared with those of Ingresses and of each other; "*.example.com" has all names below example.com in it there.
	// There are two limits. A Route with "*.example.com" finds an older Ingress only if its host is one label longer than
	// example.com; an Ingress that is created after the Route finds it. And it finds older Routes only if their hosts are
	// at most nine labels longer; hosts that are created later find it, however long they are.
	// Routes have no TLS of their own: requireTLS wants a listener of a Gateway with protocol HTTP to have one with HTTPS
	// or TLS beside it for its host. Gateways are compared with Gateways alone, because Routes share their hosts.
	GatewayKinds []string `json:"gatewayKinds,omitempty"`
}

// The values of IngressHosts.Unique.
const (
	uniquePath = "path"
	uniqueHost = "host"
	uniqueNone = "none"
)

func ingressHostsDefinition() handler.Definition {
	return handler.Define("ingressHosts", handler.Doc{
		Summary: "Ingresses name their hosts, serve them with TLS, and do not share them with other namespaces; " +
			"with `gatewayKinds`, so do objects of the Gateway API.",
		Why: "Which of two Ingresses for the same host gets the traffic is up to the controller: somebody else's cookies " +
			"and passwords, maybe. A rule without a host is for every host.",
	}, func() ingressHosts { return ingressHosts{RequireTLS: true, Unique: uniquePath} },
		func(p ingressHosts, env handler.Environment) (handler.Check, error) {
			return ruleFunc{"ingressHosts", func(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
				return p.evaluate(ctx, req, env)
			}}, nil
		}, append([]client.Object{ingressRoutes()}, allGatewayRoutes()...)...)
}

// ReadsCluster implements [handler.Reader].
func (p ingressHosts) ReadsCluster() bool { return p.Unique != uniqueNone }

// Needs implements [handler.Chooser].
func (p ingressHosts) Needs(read client.Object) bool {
	if view.Same(read, ingressRoutes()) {
		return true
	}
	return slices.ContainsFunc(p.GatewayKinds, func(kind string) bool { return view.Same(read, gatewayRoutes(kind)) })
}

// Values implements [handler.Enumerator].
func (ingressHosts) Values() map[string][]string {
	return map[string][]string{"unique": {uniquePath, uniqueHost, uniqueNone}, "gatewayKinds": gatewayKinds()}
}

// Validate implements [handler.Validator].
func (p ingressHosts) Validate(path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("unique"), p.Unique, p.Values()["unique"])
	for i, kind := range p.GatewayKinds {
		errs = append(errs, oneOf(path.Child("gatewayKinds").Index(i), kind, gatewayKinds())...)
	}
	for i, key := range p.TLSAnnotations {
		for _, problem := range validation.IsQualifiedName(strings.ToLower(key)) {
			errs = append(errs, field.Invalid(path.Child("tlsAnnotations").Index(i), key, problem))
		}
	}
	return errs
}

func (p ingressHosts) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	// extensions/v1beta1 was the first home of the kind; it cannot be read, and so must not pass.
	ingress, ok, err := objectOf[networkingv1.Ingress](req, networkingv1.SchemeGroupVersion.WithKind("Ingress"),
		schema.GroupVersionKind{Group: "extensions", Version: "v1", Kind: "Ingress"})
	if err != nil {
		return nil, err
	}
	if !ok {
		return p.evaluateGateway(ctx, req, env)
	}
	violations := append(p.wildcards(ingress), p.withoutTLS(ingress)...)
	if !p.ReadsCluster() {
		return violations, nil
	}
	others, err := p.others(ctx, env)
	if err != nil {
		return nil, err
	}
	taken, err := p.routes(ingress).taken(ctx, req.Namespace, false, others)
	return append(violations, taken...), err
}

// others are all that may have a route already: Ingresses, and Routes of the Gateway API.
func (p ingressHosts) others(ctx context.Context, env handler.Environment) ([]routeOwners, error) {
	find, err := finderOf(ctx, env, ingressRoutes())
	others := []routeOwners{{"Ingress", find, false}}
	for _, kind := range p.GatewayKinds {
		if err == nil && kind != gatewayKind {
			find, err = finderOf(ctx, env, gatewayRoutes(kind))
			others = append(others, routeOwners{kind, find, true})
		}
	}
	return others, err
}

// wildcards reports what is for every host, or for many.
func (p ingressHosts) wildcards(ingress *networkingv1.Ingress) []handler.Violation {
	if p.AllowWildcards {
		return nil
	}
	var violations []handler.Violation
	spec := field.NewPath("spec")
	if ingress.Spec.DefaultBackend != nil {
		violations = append(violations, handler.Violationf(spec.Child("defaultBackend"),
			"a default backend is for every host; use rules with hosts"))
	}
	for i, rule := range ingress.Spec.Rules {
		path := spec.Child("rules").Index(i).Child("host")
		switch {
		case rule.Host == "":
			violations = append(violations, keep(handler.Violationf(path, "a rule without a host is for every host; name one")))
		case strings.HasPrefix(rule.Host, "*"):
			violations = append(violations, keep(handler.Violationf(path,
				"host %q stands for many; name each host", rule.Host)))
		}
	}
	return violations
}

// keep makes a violation the same one wherever it stands in a list.
func keep(v handler.Violation) handler.Violation {
	v.Identity = v.Message
	return v
}

// withoutTLS reports hosts that no section of spec.tls names.
func (p ingressHosts) withoutTLS(ingress *networkingv1.Ingress) []handler.Violation {
	if !p.RequireTLS || p.hasTLS(ingress) {
		return nil
	}
	var violations []handler.Violation
	encrypted := encryptedHosts(ingress)
	for i, rule := range ingress.Spec.Rules {
		path := field.NewPath("spec", "rules").Index(i).Child("host")
		_, parent, _ := strings.Cut(rule.Host, ".")
		switch {
		case rule.Host == "" && len(ingress.Spec.TLS) == 0:
			violations = append(violations, keep(handler.Violationf(path,
				"a rule without a host has no TLS; add a section to spec.tls")))
		case rule.Host != "" && !encrypted.HasAny(rule.Host, "*."+parent): // a wildcard is one label, as in a certificate
			violations = append(violations, keep(handler.Violationf(path,
				"host %q has no TLS; list it in spec.tls[].hosts", rule.Host)))
		}
	}
	if ingress.Spec.DefaultBackend != nil && len(ingress.Spec.TLS) == 0 {
		violations = append(violations, handler.Violationf(field.NewPath("spec", "tls"),
			"the default backend has no TLS; add a section to spec.tls"))
	}
	return violations
}

// hasTLS says whether all hosts of an Ingress have TLS, without being named. For the API, a section without hosts has
// those for which the controller uses its certificate.
func (p ingressHosts) hasTLS(ingress *networkingv1.Ingress) bool {
	for _, key := range p.TLSAnnotations {
		if value := ingress.Annotations[key]; value != "" && value != "false" {
			return true
		}
	}
	return slices.ContainsFunc(ingress.Spec.TLS, func(section networkingv1.IngressTLS) bool {
		return len(section.Hosts) == 0 && section.SecretName != ""
	})
}

// encryptedHosts are the hosts, and wildcards, that spec.tls lists.
func encryptedHosts(ingress *networkingv1.Ingress) sets.Set[string] {
	hosts := sets.New[string]()
	for _, tls := range ingress.Spec.TLS {
		hosts.Insert(tls.Hosts...)
	}
	return hosts
}
