// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// equivalent is the object in the version in which checks read its kind: that to which an API server converts it for a
// webhook with matchPolicy Equivalent. Of what clusters still serve in two versions, checks read one kind.
func (o object) equivalent() object {
	if o.kind.Group == gatewayGroup && o.kind.Version != gatewayVersion {
		return o.ofGateway()
	}
	if o.kind != autoscalingv1.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler") {
		return o
	}
	o.kind.Version = autoscalingv2.SchemeGroupVersion.Version
	o.raw = edited(o.raw, func(fields map[string]any) {
		fields["apiVersion"] = o.kind.GroupVersion().String()
		delete(fields, "status") // A new object has none.
		if spec, ok := fields["spec"].(map[string]any); ok {
			convertTarget(spec)
		}
	})
	return o
}

// The group of the Gateway API, and the version in which checks read it.
const gatewayGroup, gatewayVersion = "gateway.networking.k8s.io", "v1"

// ofGateway is an object of the Gateway API in the version v1, from which the earlier ones do not differ in what checks
// read.
func (o object) ofGateway() object {
	o.kind.Version = gatewayVersion
	o.raw = edited(o.raw, func(fields map[string]any) { fields["apiVersion"] = o.kind.GroupVersion().String() })
	return o
}

// convertTarget makes a metric of the only one that autoscaling/v1 has.
func convertTarget(spec map[string]any) {
	const old = "targetCPUUtilizationPercentage"
	if percent := spec[old]; percent != nil {
		spec["metrics"] = []any{map[string]any{"type": "Resource", "resource": map[string]any{
			"name": "cpu", "target": map[string]any{"type": "Utilization", "averageUtilization": percent},
		}}}
	}
	delete(spec, old)
}
