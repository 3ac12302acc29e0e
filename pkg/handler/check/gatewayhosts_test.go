// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// gateway is a manifest of the Gateway API.
func gateway(kind, namespace, name, spec string) string {
	return `{apiVersion: gateway.networking.k8s.io/v1, kind: ` + kind + `, metadata: {name: ` + name + `, namespace: ` +
		namespace + `}, spec: {` + spec + `}}`
}

func liveGateway(t *testing.T, kind, namespace, name, spec string) client.Object {
	t.Helper()
	obj := &unstructured.Unstructured{}
	mustUnmarshal(t, gateway(kind, namespace, name, spec), &obj.Object)
	return obj
}

const allKinds = `gatewayKinds: [HTTPRoute, GRPCRoute, TLSRoute, Gateway]`

func TestGatewayHosts(t *testing.T) {
	listener := func(list string) string { return gateway("Gateway", "shop", "web", `listeners: [`+list+`]`) }
	const (
		params = `{unique: none, ` + allKinds + `}`
		many   = `stands for many; name each host`
		noTLS  = ` has no TLS; add a listener with protocol HTTPS for it`
	)
	testRows(t, "ingressHosts", map[string]row{
		"a Route":            {params: params, object: gateway("HTTPRoute", "shop", "web", `hostnames: [a.example]`)},
		"a Route of no kind": {params: `{unique: none, gatewayKinds: [GRPCRoute]}`, object: gateway("HTTPRoute", "shop", "web", ``)},
		"no kinds":           {params: `unique: none`, object: gateway("Gateway", "shop", "web", `listeners: [{protocol: HTTP}]`)},
		"Routes of many": {params: params, object: gateway("GRPCRoute", "shop", "web", `hostnames: [a.example, "*.b.example"]`),
			want: []string{`spec.hostnames[1]: host "*.b.example" ` + many}},
		"Routes of all": {params: params, object: gateway("TLSRoute", "shop", "web", ``), want: []string{
			"spec.hostnames: a Route without hostnames is for every host of its Gateway; name them"}},
		"wildcards allowed": {params: `{unique: none, allowWildcards: true, ` + allKinds + `}`, object: gateway("TLSRoute", "shop", "web", ``)},
		"listeners":         {params: params, object: listener(`{protocol: HTTPS, hostname: a.example}, {protocol: HTTP, hostname: a.example}, {protocol: TCP}`)},
		"listeners for all": {params: params, object: listener(`{protocol: HTTPS}, {protocol: TLS, hostname: "*.example"}`), want: []string{
			"spec.listeners[0].hostname: a listener without a hostname is for every host; name one",
			`spec.listeners[1].hostname: host "*.example" ` + many}},
		"a listener of HTTP for all": {params: `{unique: none, requireTLS: false, ` + allKinds + `}`, object: listener(`{protocol: HTTP}`), want: []string{
			"spec.listeners[0].hostname: a listener without a hostname is for every host; name one"}},
		"listeners without TLS": {params: params, object: listener(`{protocol: HTTP, hostname: a.example}, {protocol: HTTPS, hostname: b.example}`),
			want: []string{`spec.listeners[0].protocol: host "a.example"` + noTLS}},
		"TLS not required": {params: `{unique: none, requireTLS: false, ` + allKinds + `}`, object: listener(`{protocol: HTTP, hostname: a.example}`)},
	})
	const wild = `{unique: none, allowWildcards: true, ` + allKinds + `}`
	testRows(t, "ingressHosts", map[string]row{
		"TLS for all":       {params: wild, object: listener(`{protocol: HTTP, hostname: a.example}, {protocol: TLS}`)},
		"by a wildcard":     {params: wild, object: listener(`{protocol: HTTP, hostname: a.b.example}, {protocol: HTTPS, hostname: "*.b.example"}`)},
		"by a far wildcard": {params: wild, object: listener(`{protocol: HTTP, hostname: a.b.example}, {protocol: HTTPS, hostname: "*.example"}`)},
		"for a wildcard":    {params: wild, object: listener(`{protocol: HTTP, hostname: "*.b.example"}, {protocol: HTTPS, hostname: "*.example"}`)},
		"a narrower one": {params: wild, object: listener(`{protocol: HTTP, hostname: "*.example"}, {protocol: HTTPS, hostname: "*.b.example"}`),
			want: []string{`spec.listeners[0].protocol: host "*.example"` + noTLS}},
		"every host without TLS": {params: wild, object: listener(`{protocol: HTTP}, {protocol: HTTPS, hostname: a.example}`),
			want: []string{"spec.listeners[0].protocol: a listener without a hostname" + noTLS}},
	})
	testInvalid(t, "ingressHosts", `gatewayKinds: [HTTPRoute, TCPRoute]`, "p.gatewayKinds[1]")
}

// Routes are compared with Ingresses and with each other, Gateways with Gateways.
func TestGatewayHostsAreUnique(t *testing.T) {
	others := []client.Object{
		liveIngress(t, ingress("other", "old", ``, "a.example /x", "*.w.example /")),
		liveGateway(t, "HTTPRoute", "other", "http", `hostnames: [h.example, h2.example], rules: [{matches: [{path: {value: /x/}}, {path: {value: /y}}]}, {}]`),
		liveGateway(t, "GRPCRoute", "other", "grpc", `hostnames: [g.example], rules: [{matches: [{method: {service: shop.Orders, method: List}}, {method: {service: shop.Users}}]}]`),
		liveGateway(t, "TLSRoute", "other", "tls", `hostnames: ["*.t.example"], rules: [{}]`),
		liveGateway(t, "Gateway", "other", "edge", `listeners: [{protocol: HTTPS, hostname: "*.example"}]`),
		liveGateway(t, "HTTPRoute", "shop", "mine", `hostnames: [mine.example]`),
	}
	taken := func(at, what, how, by string) []string {
		return []string{at + ": " + what + how + ` taken by ` + by + ` in namespace "other"; choose another`}
	}
	route := func(kind, host, rules string) string {
		return gateway(kind, "shop", "web", `hostnames: ["`+host+`"], rules: [`+rules+`]`)
	}
	path := func(path string) string { return `{matches: [{path: {value: ` + path + `}}]}` }
	const (
		byPath    = `{requireTLS: false, allowWildcards: true, ` + allKinds + `}`
		byHost    = `{unique: host, requireTLS: false, allowWildcards: true, ` + allKinds + `}`
		ingresses = `{unique: host, requireTLS: false, allowWildcards: true}`
		host0     = "spec.hostnames[0]"
		match0    = "spec.rules[0].matches[0].path"
	)
	testRows(t, "ingressHosts", map[string]row{
		"a free host":             {params: byPath, object: route("HTTPRoute", "z.example", path("/x"))},
		"one's own host":          {params: byHost, object: route("HTTPRoute", "mine.example", "")},
		"a free path":             {params: byPath, object: route("HTTPRoute", "a.example", path("/z"))},
		"a path of an Ingress":    {params: byPath, object: route("HTTPRoute", "a.example", path("/x")), want: taken(match0, "path /x of host a.example", " is", `Ingress "old"`)},
		"a host of an Ingress":    {params: byHost, object: route("TLSRoute", "a.example", ""), want: taken(host0, "host a.example", " is", `Ingress "old"`)},
		"an Ingress by its path":  {params: byPath, object: ingress("shop", "web", ``, "h2.example /y"), want: taken("spec.rules[0].http.paths[0].path", "path /y of host h2.example", " is", `HTTPRoute "http"`)},
		"all of the host":         {params: byPath, object: route("HTTPRoute", "h.example", "{}"), want: taken("spec.rules[0]", "path / of host h.example", " is", `HTTPRoute "http"`)},
		"no rules":                {params: byPath, object: route("HTTPRoute", "h.example", ""), want: taken(host0, "path / of host h.example", " is", `HTTPRoute "http"`)},
		"a method":                {params: byPath, object: route("GRPCRoute", "g.example", `{matches: [{method: {service: shop.Orders, method: List}}]}`), want: taken("spec.rules[0].matches[0].method", "path /shop.Orders/List of host g.example", " is", `GRPCRoute "grpc"`)},
		"a service":               {params: byPath, object: route("HTTPRoute", "g.example", path("/shop.Users")), want: taken(match0, "path /shop.Users of host g.example", " is", `GRPCRoute "grpc"`)},
		"another method":          {params: byPath, object: route("GRPCRoute", "g.example", `{matches: [{method: {service: shop.Orders, method: Get}}]}`)},
		"not asked for":           {params: ingresses, object: ingress("shop", "web", ``, "h.example")},
		"in a wildcard":           {params: byHost, object: route("HTTPRoute", "a.t.example", ""), want: taken(host0, "host a.t.example", " is in *.t.example, which is", `TLSRoute "tls"`)},
		"far below a wildcard":    {params: byHost, object: route("HTTPRoute", "a.b.t.example", ""), want: taken(host0, "host a.b.t.example", " is in *.t.example, which is", `TLSRoute "tls"`)},
		"a wildcard in one":       {params: byHost, object: route("HTTPRoute", "*.b.t.example", ""), want: taken(host0, "host *.b.t.example", " is in *.t.example, which is", `TLSRoute "tls"`)},
		"a wildcard over one":     {params: byHost, object: route("HTTPRoute", "*.example", ""), want: taken(host0, "host *.example", " has a.example in it, which is", `Ingress "old"`)},
		"far above a wildcard":    {params: byHost, object: route("HTTPRoute", "*.t.example", ""), want: taken(host0, "host *.t.example", " is", `TLSRoute "tls"`)},
		"an Ingress far below":    {params: byHost, object: ingress("shop", "web", ``, "a.b.t.example"), want: taken("spec.rules[0].host", "host a.b.t.example", " is in *.t.example, which is", `TLSRoute "tls"`)},
		"far below an Ingress":    {params: byHost, object: route("HTTPRoute", "a.b.w.example", "")},
		"an Ingress above Routes": {params: byHost, object: ingress("shop", "web", ``, "*.v.example")},
		"a Gateway in a wildcard": {params: byHost, object: gateway("Gateway", "shop", "web", `listeners: [{protocol: HTTPS, hostname: a.b.example}]`), want: taken("spec.listeners[0].hostname", "host a.b.example", " is in *.example, which is", `Gateway "edge"`)},
		"Gateways of all hosts":   {params: byHost, object: gateway("Gateway", "shop", "web", `listeners: [{protocol: HTTPS}]`), cluster: []client.Object{liveGateway(t, "Gateway", "other", "all", `listeners: [{protocol: HTTPS}]`)}},
		"a Gateway and a Route":   {params: byHost, object: gateway("Gateway", "shop", "web", `listeners: [{protocol: HTTPS, hostname: h.test}]`), cluster: []client.Object{liveGateway(t, "HTTPRoute", "other", "test", `hostnames: [h.test]`)}},
	}, others...)
	far := []client.Object{
		liveGateway(t, "HTTPRoute", "other", "deep", `hostnames: [a.b.v.example, a.b.c.d.e.f.g.h.i.n.example, a.b.c.d.e.f.g.h.i.j.m.example]`),
		liveIngress(t, ingress("other", "old", ``, "a.i.example /x", "a.b.k.example /x")),
	}
	testRows(t, "ingressHosts", map[string]row{
		"nine labels above":          {params: byHost, object: route("TLSRoute", "*.n.example", ""), want: taken(host0, "host *.n.example", " has a.b.c.d.e.f.g.h.i.n.example in it, which is", `HTTPRoute "deep"`)},
		"ten labels above":           {params: byHost, object: route("TLSRoute", "*.m.example", "")},
		"a host ten labels below":    {params: byHost, object: route("TLSRoute", "1.2.3.4.5.6.7.8.9.10.w.example", ""), cluster: []client.Object{liveGateway(t, "TLSRoute", "other", "wide", `hostnames: ["*.w.example"]`)}, want: taken(host0, "host 1.2.3.4.5.6.7.8.9.10.w.example", " is in *.w.example, which is", `TLSRoute "wide"`)},
		"above an Ingress":           {params: byHost, object: route("HTTPRoute", "*.i.example", ""), want: taken(host0, "host *.i.example", " has a.i.example in it, which is", `Ingress "old"`)},
		"far above an Ingress":       {params: byHost, object: route("HTTPRoute", "*.k.example", "")},
		"far above a host":           {params: byHost, object: route("TLSRoute", "*.v.example", ""), want: taken(host0, "host *.v.example", " has a.b.v.example in it, which is", `HTTPRoute "deep"`)},
		"an Ingress far above hosts": {params: byHost, object: ingress("shop", "web", ``, "*.v.example")},
	}, far...)
}

// Other versions than v1 cannot be read, and must not pass.
func TestGatewayHostsOfOtherVersions(t *testing.T) {
	check := built(t, definition(t, "ingressHosts"), allKinds)
	manifest := strings.Replace(gateway("HTTPRoute", "shop", "web", `hostnames: [a.example]`), "/v1", "/v1beta1", 1)
	if got := answer(t, check, requestOf(t, admissionv1.Create, manifest)); got.Allowed {
		t.Error("v1beta1 is allowed")
	}
}

// Hosts times paths is a product, which the Gateway API bounds.
func TestGatewayRoutesAreBounded(t *testing.T) {
	check := built(t, definition(t, "ingressHosts"), `{requireTLS: false, `+allKinds+`}`)
	object := func(hosts, rules int) string {
		return gateway("HTTPRoute", "shop", "web", `hostnames: [`+strings.Repeat(`a.example, `, hosts)+`], rules: [`+
			strings.Repeat(`{}, `, rules)+`]`)
	}
	if _, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, object(16, 128))); err != nil {
		t.Error(err)
	}
	_, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, object(16, 129)))
	if err == nil || !strings.Contains(err.Error(), "more than 2048 paths") {
		t.Errorf("got %v", err)
	}
	if _, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, object(2049, 0))); err == nil {
		t.Error("2,049 hosts without rules are judged")
	}
	for rules, taken := range map[int]int{128: 1, 129: 0} { // What the Gateway API does not allow is not kept.
		other := &unstructured.Unstructured{}
		mustUnmarshal(t, strings.Replace(object(16, rules), "shop", "other", 1), &other.Object)
		check := built(t, definition(t, "ingressHosts"), `{requireTLS: false, `+allKinds+`}`, other)
		got, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, object(1, 0)))
		if len(got) != taken || err != nil {
			t.Errorf("beside %d rules: got %v, %v", rules, got, err)
		}
	}
}
