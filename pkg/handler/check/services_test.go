// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestServices(t *testing.T) {
	service := func(spec string) string { return `{apiVersion: v1, kind: Service, spec: ` + spec + `}` }
	const networks = `allowedExternalIPs: [203.0.113.0/24, "2001:db8::/32"]`
	ip := func(i, text, allowed string) string {
		return "spec.externalIPs[" + i + `]: external IP "` + text + `"; ` + allowed
	}
	const allowed = "allowed: 203.0.113.0/24, 2001:db8::/32"
	const names = `{allowedTypes: [ExternalName], allowedExternalNames: [db.example.com, "*.example.org"]}`
	name := func(n string) []string {
		return []string{`spec.externalName: external name "` + n + `"; allowed: db.example.com, *.example.org`}
	}
	testRows(t, "services", map[string]row{
		"ClusterIP":    {object: service(`{type: ClusterIP}`)},
		"by default":   {object: service(`{}`)},
		"headless":     {object: service(`{clusterIP: None}`)},
		"NodePort":     {object: service(`{type: NodePort}`), want: []string{"spec.type: type NodePort; allowed: ClusterIP"}},
		"LoadBalancer": {object: service(`{type: LoadBalancer}`), want: []string{"spec.type: type LoadBalancer; allowed: ClusterIP"}},
		"ExternalName": {object: service(`{type: ExternalName}`), want: []string{"spec.type: type ExternalName; allowed: ClusterIP"}},
		"allowed type": {params: `allowedTypes: [LoadBalancer]`, object: service(`{type: LoadBalancer}`)},
		"no ClusterIP": {params: `allowedTypes: [NodePort]`, object: service(`{}`), want: []string{"spec.type: type ClusterIP; allowed: NodePort"}},
		"external IP":  {object: service(`{externalIPs: [203.0.113.1]}`), want: []string{ip("0", "203.0.113.1", "none is allowed")}},
		"in a network": {params: networks, object: service(`{externalIPs: [203.0.113.1, "2001:db8::7", "::ffff:203.0.113.9"]}`)},
		"in no network": {params: networks, object: service(`{externalIPs: [203.0.113.1, 203.0.114.1, 203.0.113.01, "::1"]}`), want: []string{
			ip("1", "203.0.114.1", allowed), ip("2", "203.0.113.01", allowed), ip("3", "::1", allowed)}},
		"any name":      {params: `allowedTypes: [ExternalName]`, object: service(`{type: ExternalName, externalName: x}`)},
		"allowed name":  {params: names, object: service(`{type: ExternalName, externalName: DB.example.com.}`)},
		"below":         {params: names, object: service(`{type: ExternalName, externalName: a.b.example.org}`)},
		"not below":     {params: names, object: service(`{type: ExternalName, externalName: example.org}`), want: name("example.org")},
		"ends the same": {params: names, object: service(`{type: ExternalName, externalName: evilexample.org}`), want: name("evilexample.org")},
		"another name":  {params: names, object: service(`{type: ExternalName, externalName: x.db.example.com}`), want: name("x.db.example.com")},
	})
	testInvalid(t, "services", `{allowedTypes: [Headless], allowedExternalIPs: [10.0.0.1], allowedExternalNames: ["*", "a.*", "*.ok"]}`,
		"p.allowedTypes[0]", "p.allowedExternalIPs[0]", "p.allowedExternalNames[0]", "p.allowedExternalNames[1]")
}

func TestServicesIdentity(t *testing.T) {
	service := func(ips string) string { return `{apiVersion: v1, kind: Service, spec: {externalIPs: [` + ips + `]}}` }
	testUpdate(t, "services", "", service("192.0.2.1, 192.0.2.2"), service("192.0.2.2"), true)
	testUpdate(t, "services", "", service("192.0.2.1"), service("192.0.2.3"), false)
}
