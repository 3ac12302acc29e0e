// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"cmp"
	"encoding/json"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// autoscaler is the HorizontalPodAutoscaler that KEDA makes of a ScaledObject: in a cluster, checks find that one.
func (o object) autoscaler() (object, bool) {
	if o.kind.GroupKind() != (schema.GroupKind{Group: "keda.sh", Kind: "ScaledObject"}) {
		return object{}, false
	}
	var scaled struct {
		Spec struct {
			ScaleTargetRef  autoscalingv2.CrossVersionObjectReference `json:"scaleTargetRef"`
			MinReplicaCount *int32                                    `json:"minReplicaCount"`
			MaxReplicaCount *int32                                    `json:"maxReplicaCount"`
		} `json:"spec"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(o.raw, &scaled); err != nil {
		return object{}, false
	}
	least, most := int32(1), int32(100) // KEDA scales to none and back by itself.
	if n := scaled.Spec.MinReplicaCount; n != nil {
		least = max(least, *n)
	}
	if n := scaled.Spec.MaxReplicaCount; n != nil {
		most = *n
	}
	target := scaled.Spec.ScaleTargetRef
	target.APIVersion, target.Kind = cmp.Or(target.APIVersion, "apps/v1"), cmp.Or(target.Kind, "Deployment")
	kind := autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler")
	made := autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind},
		ObjectMeta: metav1.ObjectMeta{Name: "keda-hpa-" + o.name, Namespace: o.namespace},
		Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: target, MinReplicas: &least, MaxReplicas: most},
	}
	raw, err := json.Marshal(&made)
	return object{file: o.file, line: o.line, kind: kind, name: made.Name, namespace: o.namespace, raw: raw}, err == nil
}
