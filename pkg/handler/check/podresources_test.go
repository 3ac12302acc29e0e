// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
)

// A Pod has sums that its template has not: the API server writes them. Both get the same verdict.
func TestSumsThatTheAPIServerWrites(t *testing.T) {
	const containers = `containers: [{name: a, resources: {requests: {memory: 3Gi, cpu: 500m}, limits: {memory: 3Gi}}}, ` +
		`{name: b, resources: {requests: {cpu: 500m}, limits: {memory: 3Gi}}}]`
	for title, tt := range map[string]struct {
		params, template, pod string
		want                  []string
	}{
		"a sum is no wish": {`{requireRequests: [], requireLimits: [], max: {memory: 4Gi}}`,
			`{resources: {limits: {cpu: 2}}, ` + containers + `}`,
			`{resources: {limits: {cpu: 2}, requests: {memory: 6Gi, cpu: 1}}, ` + containers + `}`, nil},
		"a wish is": {`{requireRequests: [], requireLimits: [], max: {memory: 4Gi}}`,
			`{resources: {limits: {cpu: 2}, requests: {memory: 7Gi}}, ` + containers + `}`,
			`{resources: {limits: {cpu: 2}, requests: {memory: 7Gi, cpu: 1}}, ` + containers + `}`,
			[]string{"resources.requests[memory]: the Pod: 7Gi of memory in requests is more than 4Gi"}},
		"a ratio": {`{requireRequests: [], requireLimits: [], maxLimitRequestRatio: {cpu: 1.5}}`,
			`{resources: {limits: {cpu: 2}}, ` + containers + `}`, `{resources: {limits: {cpu: 2}, requests: {cpu: 1}}, ` + containers + `}`,
			[]string{"resources.limits[cpu]: the Pod: limit of 2 cpu is more than 1.5 times the request of 1"}},
		"what one container requests": {`{requireRequests: [memory], requireLimits: []}`,
			`{resources: {limits: {cpu: 2}}, containers: [{name: a, resources: {requests: {memory: 1Gi}}}, {name: b}]}`,
			`{resources: {limits: {cpu: 2}, requests: {memory: 1Gi, cpu: 2}}, containers: [{name: a, resources: {requests: {memory: 1Gi}}}, {name: b}]}`, nil},
		"an init container and a sidecar": {`{requireRequests: [], requireLimits: [], maxLimitRequestRatio: {cpu: 1}}`,
			`{resources: {limits: {cpu: 3}}, initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 1}}},
				{name: i, resources: {requests: {cpu: 2}}}], containers: [{name: a, resources: {requests: {cpu: 1}}}]}`,
			`{resources: {limits: {cpu: 3}, requests: {cpu: 3}}, initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 1}}},
				{name: i, resources: {requests: {cpu: 2}}}], containers: [{name: a, resources: {requests: {cpu: 1}}}]}`, nil},
		"a limit alone": {`{requireRequests: [cpu], requireLimits: [cpu], maxLimitRequestRatio: {cpu: 1}}`,
			`{resources: {limits: {cpu: 2}}, containers: [{name: a}]}`,
			`{resources: {limits: {cpu: 2}, requests: {cpu: 2}}, containers: [{name: a}]}`, nil},
	} {
		t.Run(title, func(t *testing.T) {
			check := built(t, definition(t, "resources"), tt.params)
			for path, manifest := range map[string]string{"spec.template.spec.": templateOf(tt.template), "spec.": podSpec(tt.pod)} {
				got, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, manifest))
				if err != nil {
					t.Fatal(err)
				}
				var want []string
				for _, text := range tt.want {
					want = append(want, path+text)
				}
				if diff := cmp.Diff(want, shown(got)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			}
		})
	}
}
