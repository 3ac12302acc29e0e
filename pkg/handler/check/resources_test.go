// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

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

// A limit of exactly the ratio is allowed, and whatever is above it is not.
func TestLimitRequestRatioIsExact(t *testing.T) {
	for _, tt := range []struct {
		ratio  float64
		tenths int64
	}{{1, 10}, {1.1, 11}, {1.2, 12}, {1.3, 13}, {1.4, 14}, {1.5, 15}, {1.7, 17}, {2, 20}, {2.3, 23}, {3, 30}, {4.1, 41}, {7, 70}, {10, 100}} {
		for request := int64(10); request <= 20_000; request += 70 {
			limit := request / 10 * tt.tenths
			for _, unit := range []resource.Scale{resource.Nano, resource.Milli, 0, resource.Giga} {
				if text := tooFar(scaledCPU(limit, request, unit), "cpu", tt.ratio); text != "" {
					t.Fatalf("denied what is just right: %s", text)
				}
				if tooFar(scaledCPU(limit+1, request, unit), "cpu", tt.ratio) == "" {
					t.Fatalf("allowed a limit of %d for a request of %d in units of 10^%d with ratio %g", limit+1, request, unit, tt.ratio)
				}
			}
		}
	}
}

func scaledCPU(limit, request int64, unit resource.Scale) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Limits:   corev1.ResourceList{"cpu": *resource.NewScaledQuantity(limit, unit)},
		Requests: corev1.ResourceList{"cpu": *resource.NewScaledQuantity(request, unit)},
	}
}

func TestLimitRequestRatioOfExtremes(t *testing.T) {
	const most, tiny = "9223372036854775807", "1n"
	for _, tt := range []struct {
		limit, request string
		ratio          float64
		allowed        bool
	}{
		{most, most, 1, true}, {most, "9223372036854775806", 1, false}, {most, tiny, 1e300, true}, {most, tiny, 1e9, false},
		{"3Ei", "2Ei", 1.5, true}, {"2Ei", "1Ei", 1.9999999999999998, false}, {"0", "0", 1, true}, {tiny, "0", 1e300, false},
		{"0e30", "1", 1, true}, {"1", "0e30", 1, false},
	} {
		is := corev1.ResourceRequirements{
			Limits:   corev1.ResourceList{"cpu": resource.MustParse(tt.limit)},
			Requests: corev1.ResourceList{"cpu": resource.MustParse(tt.request)},
		}
		if text := tooFar(is, "cpu", tt.ratio); (text == "") != tt.allowed {
			t.Errorf("limit %s, request %s, ratio %g: got %q", tt.limit, tt.request, tt.ratio, text)
		}
	}
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
