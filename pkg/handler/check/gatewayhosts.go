// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// gatewayKind is the kind of the Gateway API whose hosts are those of its listeners.
const gatewayKind = "Gateway"

// gatewayKinds are the kinds of the Gateway API that have hosts.
func gatewayKinds() []string { return []string{"HTTPRoute", "GRPCRoute", "TLSRoute", gatewayKind} }

func gatewayGVK(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: kind}
}

type gatewayListener struct {
	Hostname string `json:"hostname"`
	Protocol string `json:"protocol"`
}

// gatewayHostsOf reads the hosts of an object of a kind, and says whether the request is about one.
func gatewayHostsOf(req *handler.Request, kind string) (gatewayHosts, bool, error) {
	if kind == "GRPCRoute" {
		obj, ok, err := objectOf[gatewayObject[grpcMatch]](req, gatewayGVK(kind))
		if !ok {
			return gatewayHosts{}, false, err
		}
		return obj.hosts(), true, err
	}
	obj, ok, err := objectOf[gatewayObject[httpMatch]](req, gatewayGVK(kind))
	if !ok {
		return gatewayHosts{}, false, err
	}
	return obj.hosts(), true, err
}

// hasHosts says whether the listener tells hosts apart.
func (l gatewayListener) hasHosts() bool { return l.Protocol == "HTTP" || l.isEncrypted() }

func (l gatewayListener) isEncrypted() bool { return l.Protocol == "HTTPS" || l.Protocol == "TLS" }

// evaluateGateway judges what is of one of p.GatewayKinds.
func (p ingressHosts) evaluateGateway(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	kind := req.Kind.Kind
	if !slices.Contains(p.GatewayKinds, kind) {
		return nil, nil
	}
	obj, ok, err := gatewayHostsOf(req, kind)
	if err != nil || !ok {
		return nil, err
	}
	violations := append(p.gatewayWildcards(ctx, kind, obj), p.listenersWithoutTLS(ctx, obj)...)
	if !p.ReadsCluster() {
		return violations, ctx.Err()
	}
	if obj.routeCount() > mostRoutes {
		return nil, fmt.Errorf("the %s has more than %d paths of hosts, which is more than the Gateway API allows", kind,
			mostRoutes)
	}
	others, err := p.others(ctx, env)
	if kind == gatewayKind && err == nil {
		var find finder[struct{}]
		find, err = finderOf(ctx, env, gatewayRoutes(kind))
		others = []routeOwners{{kind, find, true}}
	}
	if err != nil {
		return nil, err
	}
	taken, err := p.gatewayRoutes(obj).taken(ctx, req.Namespace, true, others)
	return append(violations, taken...), err
}

// gatewayWildcards reports what is for every host, or for many.
func (p ingressHosts) gatewayWildcards(ctx context.Context, kind string, obj gatewayHosts) []handler.Violation {
	if p.AllowWildcards {
		return nil
	}
	var violations []handler.Violation
	many := func(path *field.Path, host string) {
		violations = append(violations, keep(handler.Violationf(path, "host %q stands for many; name each host", host)))
	}
	if kind != gatewayKind && len(obj.hostnames) == 0 {
		violations = append(violations, handler.Violationf(field.NewPath("spec", "hostnames"),
			"a Route without hostnames is for every host of its Gateway; name them"))
	}
	for i, host := range heeded(ctx, obj.hostnames) {
		if strings.HasPrefix(host, "*") {
			many(field.NewPath("spec", "hostnames").Index(i), host)
		}
	}
	for i, listener := range heeded(ctx, obj.listeners) {
		path := field.NewPath("spec", "listeners").Index(i).Child("hostname")
		switch {
		case listener.Hostname == "" && listener.hasHosts():
			violations = append(violations, keep(handler.Violationf(path,
				"a listener without a hostname is for every host; name one")))
		case strings.HasPrefix(listener.Hostname, "*"):
			many(path, listener.Hostname)
		}
	}
	return violations
}

// listenersWithoutTLS reports listeners of HTTP whose host has no listener of HTTPS or TLS.
func (p ingressHosts) listenersWithoutTLS(ctx context.Context, obj gatewayHosts) []handler.Violation {
	if !p.RequireTLS {
		return nil
	}
	encrypted := sets.New[string]()
	for _, listener := range heeded(ctx, obj.listeners) {
		if listener.isEncrypted() {
			encrypted.Insert(listener.Hostname)
		}
	}
	var violations []handler.Violation
	for i, listener := range heeded(ctx, obj.listeners) {
		if listener.Protocol != "HTTP" || isEncrypted(listener.Hostname, encrypted) {
			continue
		}
		what := fmt.Sprintf("host %q has no TLS", listener.Hostname)
		if listener.Hostname == "" {
			what = "a listener without a hostname has no TLS"
		}
		path := field.NewPath("spec", "listeners").Index(i).Child("protocol")
		violations = append(violations, keep(handler.Violationf(path, "%s; add a listener with protocol HTTPS for it", what)))
	}
	return violations
}

// isEncrypted says whether a host is among those of listeners, or in a wildcard of theirs; "" is for every host.
func isEncrypted(host string, listeners sets.Set[string]) bool {
	if listeners.HasAny("", host) {
		return true
	}
	wanted := route{host: host}
	above := append(wanted.farAbove(), wanted.above())
	return slices.ContainsFunc(above, func(r route) bool { return listeners.Has(r.host) })
}
