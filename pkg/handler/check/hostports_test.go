// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestHostPorts(t *testing.T) {
	const params = `allowed: [{from: 80}, {from: 9100, to: 9199}]`
	port := func(n string) string {
		return podSpec(`{containers: [{name: a, ports: [{containerPort: 1}, {containerPort: 8080, hostPort: ` + n + `}]}]}`)
	}
	fault := func(n string) []string {
		return []string{`spec.containers[0].ports[1].hostPort: container "a": takes port ` + n +
			` of the node; allowed: 80, 9100-9199`}
	}
	testRows(t, "hostPorts", map[string]row{
		"none":         {params: params, object: port("0")},
		"single":       {params: params, object: port("80")},
		"past single":  {params: params, object: port("81"), want: fault("81")},
		"first":        {params: params, object: port("9100")},
		"last":         {params: params, object: port("9199")},
		"before first": {params: params, object: port("9099"), want: fault("9099")},
		"past last":    {params: params, object: port("9200"), want: fault("9200")},
		"none allowed": {object: port("80"), want: []string{
			`spec.containers[0].ports[1].hostPort: container "a": takes port 80 of the node; remove hostPort, and use a Service`}},
		"init container": {object: podSpec(`{initContainers: [{name: i, ports: [{hostPort: 7}]}]}`), want: []string{
			`spec.initContainers[0].ports[0].hostPort: init container "i": takes port 7 of the node; ` +
				`remove hostPort, and use a Service`}},
		"on the node's network": {
			params: params, object: podSpec(`{hostNetwork: true, containers: [{name: a, ports: [{containerPort: 8080}]}]}`),
			want: []string{`spec.containers[0].ports[0].hostPort: container "a": takes port 8080 of the node; ` +
				`allowed: 80, 9100-9199`},
		},
	})
	testInvalid(t, "hostPorts", `allowed: [{from: 0}, {from: 5, to: 4}, {from: 1, to: 65536}]`,
		"p.allowed[0].from", "p.allowed[1].to", "p.allowed[2].to")
}
