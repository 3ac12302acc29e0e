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

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// ingressHosts denies Ingresses that take hosts which are not theirs to take, or serve them without TLS.
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
}

// The values of IngressHosts.Unique.
const (
	uniquePath = "path"
	uniqueHost = "host"
	uniqueNone = "none"
)

func ingressHostsDefinition() handler.Definition {
	return handler.Define("ingressHosts", handler.Doc{
		Summary: "Ingresses name their hosts, serve them with TLS, and do not share them with other namespaces.",
		Why: "Which of two Ingresses for the same host gets the traffic is up to the controller: somebody else's cookies " +
			"and passwords, maybe. A rule without a host is for every host.",
	}, func() ingressHosts { return ingressHosts{RequireTLS: true, Unique: uniquePath} },
		func(p ingressHosts, env handler.Environment) (handler.Check, error) {
			return ruleFunc{"ingressHosts", func(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
				return p.evaluate(ctx, req, env)
			}}, nil
		}, ingressRoutes())
}

// ReadsCluster implements [handler.Reader].
func (p ingressHosts) ReadsCluster() bool { return p.Unique != uniqueNone }

// Values implements [handler.Enumerator].
func (ingressHosts) Values() map[string][]string {
	return map[string][]string{"unique": {uniquePath, uniqueHost, uniqueNone}}
}

// Validate implements [handler.Validator].
func (p ingressHosts) Validate(path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("unique"), p.Unique, p.Values()["unique"])
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
	if err != nil || !ok {
		return nil, err
	}
	violations := append(p.wildcards(ingress), p.withoutTLS(ingress)...)
	if !p.ReadsCluster() {
		return violations, nil
	}
	find, err := finderOf(ctx, env, ingressRoutes())
	if err != nil {
		return nil, err
	}
	taken, err := p.taken(ctx, req.Namespace, ingress, find)
	return append(violations, taken...), err
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
