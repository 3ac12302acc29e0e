// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// installGatewayAPI installs its CustomResourceDefinitions, and waits until their kinds are served.
func installGatewayAPI(t *testing.T) {
	t.Helper()
	definitions, err := os.ReadFile("testdata/gateway-api.yaml")
	must(t, err)
	mustApply(t, string(definitions))
	clustertest.Eventually(t, func(context.Context) error {
		said, err := kubectl(t, "", "get", "httproutes,grpcroutes,tlsroutes,gateways", "--all-namespaces")
		if err != nil {
			return fmt.Errorf("the Gateway API is not served: %s: %w", said, err)
		}
		return nil
	})
}

// The hosts of the Gateway API are found and denied, with the rules and rights of the component, in the API server's own
// defaults, and in versions that it converts.
func testGatewayHosts(t *testing.T, s *checkSite) {
	t.Helper()
	const (
		kinds   = "gatewayKinds: [HTTPRoute, GRPCRoute, TLSRoute, Gateway]"
		byPath  = "{requireTLS: false, " + kinds + "}"
		byHost  = "{requireTLS: false, unique: host, " + kinds + "}"
		http    = `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, spec: {hostnames: [http.NAME.example], rules: [{}]}}`
		grpc    = `{apiVersion: gateway.networking.k8s.io/v1, kind: GRPCRoute, spec: {hostnames: [grpc.NAME.example], rules: [{matches: [{method: {service: shop.Orders}}]}]}}`
		tls     = `{apiVersion: gateway.networking.k8s.io/v1, kind: TLSRoute, spec: {hostnames: [tls.NAME.example]}}`
		edge    = `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, spec: {gatewayClassName: x, listeners: [{name: a, port: 443, protocol: HTTPS, hostname: edge.NAME.example}]}}`
		plain   = `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, spec: {gatewayClassName: x, listeners: [{name: a, port: 80, protocol: HTTP, hostname: plain.NAME.example}]}}`
		ingress = `{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{host: http.NAME.example}]}}`
	)
	definition := definitionOf(t, "ingressHosts")
	for _, step := range []struct{ parameters, other, manifest string }{
		{byPath, http, http}, {byPath, http, strings.Replace(http, "/v1,", "/v1beta1,", 1)}, {byPath, grpc, grpc},
		{byHost, tls, tls}, {byHost, edge, edge}, {byPath, http, ingress}, {byPath, ingress, http},
	} {
		manifest := renamed(t, strings.ReplaceAll(step.manifest, "NAME", s.Target), "routed", s.Target)
		other := renamed(t, strings.ReplaceAll(step.other, "NAME", s.Target), "routed", s.Namespace)
		s.only(t, definition, step.parameters)
		eventuallyAdmitted(t, manifest)
		mustApply(t, other) // The webhook is not asked about its own namespace.
		eventuallyDenied(t, manifest, "ingressHosts")
		if said, err := kubectl(t, other, "delete", "-f", "-"); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		eventuallyAdmitted(t, manifest)
	}
	s.only(t, definition, "{unique: none, "+kinds+"}")
	eventuallyDenied(t, renamed(t, strings.ReplaceAll(plain, "NAME", s.Target), "plain", s.Target), "ingressHosts")
}
