// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A LimitRange completes Pods before the check sees them, and no templates.
func TestResourcesThatALimitRangeSupplies(t *testing.T) {
	limits := func(namespace, items string) client.Object {
		o := &corev1.LimitRange{}
		mustUnmarshal(t, `{spec: {limits: [`+items+`]}}`, o)
		o.Namespace, o.Name = namespace, "limits"
		return o
	}
	both := []client.Object{limits("shop", `{type: Container, default: {memory: 1Gi}, defaultRequest: {cpu: 100m, memory: 1Gi}}`)}
	const params = `readLimitRanges: true`
	const at = `spec.template.spec.containers[0].resources.`
	noCPU := at + `requests[cpu]: container "a": requests no cpu; say how much`
	noMemory := at + `requests[memory]: container "a": requests no memory; say how much`
	noLimit := at + `limits[memory]: container "a": has no limit on memory; set one`
	bare := templateOf(`{containers: [{name: a}]}`)
	testRows(t, "resources", map[string]row{
		"all of it":              {params: params, object: bare, cluster: both},
		"not looked up":          {object: bare, cluster: both, want: []string{noCPU, noMemory, noLimit}},
		"another namespace":      {params: params, object: bare, cluster: []client.Object{limits("other", `{type: Container, default: {memory: 1Gi}}`)}, want: []string{noCPU, noMemory, noLimit}},
		"of Pods":                {params: params, object: bare, cluster: []client.Object{limits("shop", `{type: Pod, max: {memory: 1Gi}}`)}, want: []string{noCPU, noMemory, noLimit}},
		"a default is a request": {params: params, object: bare, cluster: []client.Object{limits("shop", `{type: Container, default: {memory: 1Gi, cpu: 1}}`)}},
		"the most is a default":  {params: params, object: bare, cluster: []client.Object{limits("shop", `{type: Container, max: {memory: 1Gi, cpu: 1}}`)}},
		"the least is a request": {params: params, object: bare, cluster: []client.Object{limits("shop", `{type: Container, min: {memory: 1Gi, cpu: 1}}`)}, want: []string{noLimit}},
		"a default of too much": {params: `{readLimitRanges: true, max: {memory: 512Mi}}`, object: bare, cluster: both, want: []string{
			at + `requests[memory]: container "a": 1Gi of memory in requests is more than 512Mi`,
			at + `limits[memory]: container "a": 1Gi of memory in limits is more than 512Mi`}},
		"one's own wins": {params: `{readLimitRanges: true, max: {memory: 512Mi}}`, cluster: both,
			object: templateOf(`{containers: [{name: a, resources: {limits: {memory: 256Mi}}}]}`)},
	})
}
