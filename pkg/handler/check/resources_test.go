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
		"the least": {params: `minRequests: {memory: 64Mi, cpu: 10m}`, object: one(`{requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 64Mi}}`)},
		"too little": {params: free + `minRequests: {memory: 64Mi, cpu: 10m}}`, object: one(`{requests: {cpu: 9m}, limits: {cpu: 1, memory: 63Mi}}`), want: []string{
			at + `requests[cpu]: container "a": request of 9m cpu is less than 10m`,
			at + `requests[memory]: container "a": request of 63Mi memory is less than 64Mi`}},
		"nothing is not too little":   {params: free + `minRequests: {memory: 64Mi}}`, object: one(`{}`)},
		"nothing where it may not be": {params: `{requireRequests: [cpu], requireLimits: [], minRequests: {cpu: 10m}}`, object: one(`{requests: {cpu: 0}}`), want: []string{noCPU}},
		"none of it": {params: free + `minRequests: {cpu: 10m}}`, object: one(`{requests: {cpu: 0}}`), want: []string{
			at + `requests[cpu]: container "a": request of 0 cpu is less than 10m`}},
		"too little of the Pod": {params: free + `minRequests: {cpu: 10m, memory: 1Gi}}`, object: podSpec(`{resources: {requests: {cpu: 1m}, limits: {memory: 1Mi}}}`), want: []string{
			`spec.resources.requests[cpu]: the Pod: request of 1m cpu is less than 10m`}},
		"too little, a sum of the API server's": {params: free + `minRequests: {cpu: 10m}}`,
			object: podSpec(`{resources: {limits: {cpu: 1}, requests: {cpu: 5m}}, containers: [{name: a, resources: {requests: {cpu: 5m}}}]}`), want: []string{
				at + `requests[cpu]: container "a": request of 5m cpu is less than 10m`}},
	})
	testInvalid(t, "resources", `{minRequests: {cpu: x, memory: 2Gi, disk: 0, "a b": 1}, max: {memory: 1Gi}}`,
		"p.minRequests[a b]", "p.minRequests[cpu]", "p.minRequests[disk]", "p.minRequests[memory]")
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
				if over, ok := tooFar(scaledCPU(limit, request, unit), "cpu", tt.ratio); ok {
					t.Fatalf("denied what is just right: %s", over.text)
				}
				if _, ok := tooFar(scaledCPU(limit+1, request, unit), "cpu", tt.ratio); !ok {
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
		if over, ok := tooFar(is, "cpu", tt.ratio); ok == tt.allowed {
			t.Errorf("limit %s, request %s, ratio %g: got %q", tt.limit, tt.request, tt.ratio, over.text)
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

// What is too much may become less in an update, even if it is still too much. Nothing else may come along with it.
func TestResourcesThatBecomeLess(t *testing.T) {
	of := func(sort, name, image, resources string) string {
		return `{` + sort + `: [{name: ` + name + `, image: ` + image + `, resources: ` + resources + `}]}`
	}
	a := func(resources string) string { return of("containers", "a", "x", resources) }
	requests := func(memory string) string { return a(`{requests: {memory: ` + memory + `}}`) }
	ratio := func(request, limit string) string {
		return a(`{requests: {cpu: ` + request + `}, limits: {cpu: ` + limit + `}}`)
	}
	whole := func(limit, containers string) string {
		return `{resources: {limits: {memory: ` + limit + `}}, containers: [` + containers + `]}`
	}
	const x, z = `{name: a, image: x}`, `{name: b, image: z}`
	for title, tt := range map[string]struct {
		before, after string
		allowed       bool
	}{
		"less":                           {requests("16Gi"), requests("8Gi"), true},
		"more":                           {requests("8Gi"), requests("16Gi"), false},
		"written otherwise":              {requests("8Gi"), requests("8589934592"), true},
		"new":                            {requests("1Gi"), requests("8Gi"), false},
		"in place of nothing":            {a(`{}`), requests("8Gi"), false},
		"both less":                      {a(`{requests: {memory: 9Gi}, limits: {memory: 9Gi}}`), a(`{requests: {memory: 7Gi}, limits: {memory: 8Gi}}`), true},
		"one less, one more":             {a(`{requests: {memory: 8Gi}, limits: {memory: 9Gi}}`), a(`{requests: {memory: 7Gi}, limits: {memory: 10Gi}}`), false},
		"a limit in place of a request":  {requests("16Gi"), a(`{limits: {memory: 8Gi}}`), false},
		"another resource":               {requests("16Gi"), a(`{requests: {disk: 8Gi}}`), false},
		"another image":                  {requests("16Gi"), of("containers", "a", "z", `{requests: {memory: 8Gi}}`), false},
		"another name":                   {requests("16Gi"), of("containers", "b", "x", `{requests: {memory: 8Gi}}`), false},
		"another sort":                   {requests("16Gi"), of("initContainers", "a", "x", `{requests: {memory: 8Gi}}`), false},
		"init container":                 {of("initContainers", "a", "x", `{requests: {memory: 16Gi}}`), of("initContainers", "a", "x", `{requests: {memory: 8Gi}}`), true},
		"another one beside it":          {requests("16Gi"), `{containers: [{name: b, image: x, resources: {requests: {memory: 8Gi}}}, {name: a, image: x}]}`, false},
		"in another place":               {requests("16Gi"), `{containers: [{name: b, image: z}, {name: a, image: x, resources: {requests: {memory: 8Gi}}}]}`, true},
		"ratio, smaller limit":           {ratio("1", "8"), ratio("1", "6"), true},
		"ratio, larger request":          {ratio("1", "8"), ratio("1500m", "8"), true},
		"ratio, smaller with more":       {ratio("1", "8"), ratio("2", "10"), true},
		"ratio, the same of less":        {ratio("2", "8"), ratio("1", "4"), true},
		"ratio, larger with less":        {ratio("2", "8"), ratio("1", "5"), false},
		"ratio, larger":                  {ratio("1", "4"), ratio("1", "4001m"), false},
		"ratio, new":                     {ratio("2", "4"), ratio("1", "4"), false},
		"ratio, new, without a request":  {a(`{limits: {cpu: 4}}`), ratio("1", "4"), false},
		"ratio, request of nothing":      {ratio("0", "8"), ratio("0", "4"), true},
		"ratio, request of nothing more": {ratio("0", "4"), ratio("0", "8"), false},
		"ratio, from nothing":            {ratio("0", "4"), ratio("1", "8"), true},
		"ratio, to nothing":              {ratio("1", "8"), ratio("0", "1m"), false},
		"ratio, nothing of nothing":      {ratio("0", "0"), ratio("0", "4"), false},
		"ratio less, amount more":        {a(`{requests: {memory: 1Gi}, limits: {memory: 8Gi}}`), a(`{requests: {memory: 3Gi}, limits: {memory: 9Gi}}`), false},
		"the Pod's":                      {whole("16Gi", x), whole("8Gi", x), true},
		"the Pod's, more":                {whole("8Gi", x), whole("16Gi", x), false},
		"the Pod's, a container less":    {whole("16Gi", x+","+z), whole("8Gi", z), true},
		"the Pod's, a container more":    {whole("16Gi", x), whole("8Gi", x+","+z), false},
		"the Pod's, another image":       {whole("16Gi", x), whole("8Gi", `{name: a, image: z}`), false},
		"the Pod's, of a container":      {requests("16Gi"), whole("8Gi", x), false},
		"a container's, of the Pod":      {whole("16Gi", x), a(`{limits: {memory: 8Gi}}`), false},
	} {
		t.Run(title, func(t *testing.T) {
			const params = `{requireRequests: [], requireLimits: [], max: {memory: 4Gi, disk: 4Gi}, maxLimitRequestRatio: {cpu: 2, memory: 2}}`
			testUpdate(t, "resources", params, templateOf(tt.before), templateOf(tt.after), tt.allowed)
			testUpdate(t, "resources", params, podSpec(tt.before), podSpec(tt.after), tt.allowed)
			testUpdate(t, "resources", params, templateOf(tt.after), templateOf(tt.after), true)
		})
	}
}

// What is too little may become more, even if it is still too little.
func TestRequestsThatBecomeMore(t *testing.T) {
	of := func(memory string) string {
		return templateOf(`{containers: [{name: a, image: x, resources: {requests: {memory: ` + memory + `}}}]}`)
	}
	const params = `{requireRequests: [], requireLimits: [], minRequests: {memory: 64Mi}}`
	for _, tt := range []struct {
		before, after string
		allowed       bool
	}{
		{"8Mi", "8Mi", true}, {"8Mi", "16Mi", true}, {"16Mi", "8Mi", false}, {"64Mi", "8Mi", false}, {"8Mi", "64Mi", true},
		{"8Mi", "0", false}, {"0", "8Mi", true},
	} {
		testUpdate(t, "resources", params, of(tt.before), of(tt.after), tt.allowed)
	}
}

// If no one can say what was too much before, all that is counts.
func TestResourcesBeforeThatCannotBeRead(t *testing.T) {
	const params = `{requireRequests: [], requireLimits: [], max: {memory: 4Gi}}`
	for _, old := range []string{`{"spec":7}`, `"nonsense"`, `null`} {
		req := requestOf(t, admissionv1.Update, podSpec(`{containers: [{name: a, resources: {limits: {memory: 8Gi}}}]}`))
		req.OldObject.Raw = []byte(old)
		if got := answer(t, built(t, definition(t, "resources"), params), req); got.Allowed {
			t.Errorf("allowed over the old object %q", old)
		}
	}
}

// What is decoded for this check alone comes out of the memory that all share, as the rest does.
func TestResourcesOfLargePodsTakeSharedMemory(t *testing.T) {
	req := requestOf(t, admissionv1.Create, templateOf(`{containers: [`+strings.Repeat("{}, ", 20_000)+`{}]}`))
	got := answerWithin(t, handler.Limits{Decoded: 1}, built(t, definition(t, "resources"), ""), req)
	if got.Allowed || !strings.Contains(got.Result.Message, "of memory, and there are 0 KiB: raise the memory limit") {
		t.Errorf("got %.500v", got.Result)
	}
}
