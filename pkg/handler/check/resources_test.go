// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

func TestResources(t *testing.T) {
	one := func(resources string) string {
		return podSpec(`{containers: [{name: a, resources: ` + resources + `}]}`)
	}
	const at = `spec.containers[0].resources.`
	const noCPU = at + `requests[cpu]: container "a": requests no cpu; say how much`
	const noMemory = at + `requests[memory]: container "a": requests no memory; say how much`
	const noLimit = at + `limits[memory]: container "a": has no limit on memory; set one`
	const free = `{requireRequests: [], requireLimits: [], `
	testRows(t, "resources", map[string]row{
		"all there":                  {object: one(`{requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}`)},
		"nothing":                    {object: one(`{}`), want: []string{noCPU, noMemory, noLimit}},
		"no limit":                   {object: one(`{requests: {cpu: 1, memory: 1Gi}}`), want: []string{noLimit}},
		"limits are requests":        {object: one(`{limits: {cpu: 1, memory: 1Gi}}`)},
		"nothing at all":             {object: one(`{requests: {cpu: 0, memory: "0"}, limits: {memory: "0"}}`), want: []string{noCPU, noMemory, noLimit}},
		"request of 0 below a limit": {object: one(`{requests: {cpu: 0, memory: 1}, limits: {cpu: 1, memory: 1}}`), want: []string{noCPU}},
		"of the Pod":                 {object: podSpec(`{resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}, containers: [{name: a}]}`)},
		"init containers": {object: podSpec(`{initContainers: [{name: i, resources: {limits: {memory: 1Gi}}}]}`), want: []string{
			`spec.initContainers[0].resources.requests[cpu]: init container "i": requests no cpu; say how much`}},
		"ephemeral containers cannot": {object: podSpec(`{ephemeralContainers: [{name: e}]}`)},
		"a resource of one's own": {params: `{requireRequests: [], requireLimits: [example.com/gpu]}`, object: one(`{}`), want: []string{
			at + `limits[example.com/gpu]: container "a": has no limit on example.com/gpu; set one`}},
		"at most": {params: free + `max: {memory: 1Gi}}`, object: one(`{requests: {memory: 1024Mi}, limits: {memory: 1Gi}}`)},
		"too much": {params: free + `max: {memory: 1Gi, cpu: "2"}}`, object: one(`{requests: {cpu: 2001m}, limits: {memory: 1025Mi}}`), want: []string{
			at + `requests[cpu]: container "a": 2001m of cpu in requests is more than 2`,
			at + `limits[memory]: container "a": 1025Mi of memory in limits is more than 1Gi`}},
		"too much of the Pod": {params: free + `max: {memory: 1Gi}}`, object: podSpec(`{resources: {limits: {memory: 2Gi}}}`), want: []string{
			`spec.resources.limits[memory]: the Pod: 2Gi of memory in limits is more than 1Gi`}},
		"ratio":                  {params: free + `maxLimitRequestRatio: {cpu: 1.5}}`, object: one(`{requests: {cpu: 1}, limits: {cpu: 1500m}}`)},
		"no request is no ratio": {params: free + `maxLimitRequestRatio: {cpu: 1}}`, object: one(`{limits: {cpu: 1500m}}`)},
		"over the ratio": {params: free + `maxLimitRequestRatio: {cpu: 1.5}}`, object: one(`{requests: {cpu: 1}, limits: {cpu: 1501m}}`), want: []string{
			at + `limits[cpu]: container "a": limit of 1501m cpu is more than 1.5 times the request of 1`}},
		"nothing is infinitely less": {params: free + `maxLimitRequestRatio: {cpu: 9}}`, object: one(`{requests: {cpu: 0}, limits: {cpu: 1m}}`), want: []string{
			at + `limits[cpu]: container "a": limit of 1m cpu is more than 9 times the request of 0`}},
	})
	testInvalid(t, "resources", `{requireRequests: ["a b"], requireLimits: [""], max: {cpu: x, memory: -1}, maxLimitRequestRatio: {cpu: 0.5}}`,
		"p.requireRequests[0]", "p.requireLimits[0]", "p.requireLimits[0]", "p.max[cpu]", "p.max[memory]",
		"p.maxLimitRequestRatio[cpu]")
}

// Another image does not make a missing request a new one, and another number does.
func TestResourcesIdentity(t *testing.T) {
	pod := func(image, memory string) string {
		return podSpec(`{containers: [{name: a, image: ` + image + `, resources: {requests: {memory: ` + memory + `}}}]}`)
	}
	const params = `{requireRequests: [cpu], requireLimits: [], max: {memory: 1Gi}}`
	testUpdate(t, "resources", params, pod("x:1", "2Gi"), pod("x:2", "2Gi"), true)
	testUpdate(t, "resources", params, pod("x:1", "2Gi"), pod("x:1", "3Gi"), false)
}

// What is decoded for this check alone comes out of the memory that all share, as the rest does.
func TestResourcesOfLargePodsTakeSharedMemory(t *testing.T) {
	req := requestOf(t, admissionv1.Create, templateOf(`{containers: [`+strings.Repeat("{}, ", 20_000)+`{}]}`))
	got := answerWithin(t, handler.Limits{Decoded: 1}, built(t, definition(t, "resources"), ""), req)
	if got.Allowed || !strings.Contains(got.Result.Message, "for large objects are taken") {
		t.Errorf("got %.500v", got.Result)
	}
}
