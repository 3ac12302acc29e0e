// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// servicesCheck denies Services that open the cluster to the outside, or lead out of it.
type servicesCheck struct {
	// AllowedTypes are the types that Services may have: ClusterIP, NodePort, LoadBalancer or ExternalName.
	AllowedTypes []string `json:"allowedTypes"`
	// AllowedExternalIPs are the networks in which a Service's externalIPs may be, as in 203.0.113.0/24. Without any,
	// there may be no externalIPs.
	AllowedExternalIPs []string `json:"allowedExternalIPs,omitempty"`
	// AllowedExternalNames are the host names that Services of type ExternalName may lead to, as in db.example.com, or
	// *.example.com for all below example.com. Without any, all may if the type is allowed.
	AllowedExternalNames []string `json:"allowedExternalNames,omitempty"`
}

func servicesDefinition() handler.Definition {
	return handler.Define("services", handler.Doc{
		Summary: "Services are of allowed types, and lead to allowed addresses and names.",
		Why: "NodePort and LoadBalancer open a way into the cluster that no Ingress guards. With externalIPs one can take " +
			"other people's traffic (CVE-2020-8554), with an ExternalName send clients, or an Ingress, anywhere.",
	}, func() servicesCheck { return servicesCheck{AllowedTypes: []string{"ClusterIP"}} },
		func(p servicesCheck, _ handler.Environment) (handler.Check, error) {
			return ruleFunc{"services", p.evaluate}, nil
		})
}

// Values implements [handler.Enumerator].
func (servicesCheck) Values() map[string][]string {
	return map[string][]string{"allowedTypes": {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}}
}

// Validate implements [handler.Validator].
func (p servicesCheck) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, t := range p.AllowedTypes {
		errs = append(errs, oneOf(path.Child("allowedTypes").Index(i), t, p.Values()["allowedTypes"])...)
	}
	for i, network := range p.AllowedExternalIPs {
		if _, err := netip.ParsePrefix(network); err != nil {
			errs = append(errs, field.Invalid(path.Child("allowedExternalIPs").Index(i), network,
				"must be a network, such as 203.0.113.0/24"))
		}
	}
	for i, pattern := range p.AllowedExternalNames {
		errs = append(errs, validateHostPattern(path.Child("allowedExternalNames").Index(i), pattern)...)
	}
	return errs
}

func (p servicesCheck) evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	service, ok, err := objectOf[corev1.Service](req, corev1.SchemeGroupVersion.WithKind("Service"))
	if err != nil || !ok {
		return nil, err
	}
	return p.violations(ctx, service), ctx.Err()
}

func (p servicesCheck) violations(ctx context.Context, service *corev1.Service) []handler.Violation {
	var violations []handler.Violation
	spec, path := service.Spec, field.NewPath("spec")
	kind := spec.Type
	if kind == "" {
		kind = corev1.ServiceTypeClusterIP
	}
	if !slices.Contains(p.AllowedTypes, string(kind)) {
		violations = append(violations,
			handler.Violationf(path.Child("type"), "type %s; %s", kind, allowedList(p.AllowedTypes)))
	}
	for i, ip := range heeded(ctx, spec.ExternalIPs) {
		if !p.allowIP(ip) {
			v := handler.Violationf(path.Child("externalIPs").Index(i), "external IP %q; %s", ip,
				allowedList(p.AllowedExternalIPs))
			v.Identity = v.Message
			violations = append(violations, v)
		}
	}
	if kind == corev1.ServiceTypeExternalName && !p.allowName(spec.ExternalName) {
		violations = append(violations, handler.Violationf(path.Child("externalName"), "external name %q; %s",
			spec.ExternalName, allowedList(p.AllowedExternalNames)))
	}
	return violations
}

// allowIP says whether an address is in an allowed network. What is no address is in none.
func (p servicesCheck) allowIP(text string) bool {
	ip, err := netip.ParseAddr(text)
	return err == nil && slices.ContainsFunc(p.AllowedExternalIPs, func(network string) bool {
		return netip.MustParsePrefix(network).Contains(ip.Unmap())
	})
}

func (p servicesCheck) allowName(name string) bool {
	return len(p.AllowedExternalNames) == 0 || slices.ContainsFunc(p.AllowedExternalNames, func(pattern string) bool {
		return matchesHost(pattern, name)
	})
}
