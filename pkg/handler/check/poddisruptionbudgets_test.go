// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"reflect"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

func TestPodDisruptionBudgets(t *testing.T) {
	budget := func(spec string) string {
		return `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: shop}, spec: {selector: {matchLabels: {app: web}}, ` + spec + `}}`
	}
	unavailable := func(value string) []string {
		return []string{"spec.maxUnavailable: maxUnavailable: " + value + " blocks every eviction; let at least 1 be unavailable"}
	}
	available := func(value string) []string {
		return []string{"spec.minAvailable: minAvailable: " + value + " blocks every eviction; use maxUnavailable: 1"}
	}
	web := map[string]string{"app": "web"}
	three := []client.Object{
		workload(&appsv1.Deployment{}, "shop", web, ptr.To(int32(2))), workload(&appsv1.StatefulSet{}, "shop", web, nil),
		workload(&appsv1.Deployment{}, "other", web, ptr.To(int32(9))),
		workload(&appsv1.Deployment{}, "shop", map[string]string{"app": "db"}, ptr.To(int32(9))),
	}
	testRows(t, "podDisruptionBudgets", map[string]row{
		"one may go":           {object: budget(`maxUnavailable: 1`)},
		"none may go":          {object: budget(`maxUnavailable: 0`), want: unavailable("0")},
		"0 %":                  {object: budget(`maxUnavailable: "0%"`), want: unavailable("0%")},
		"1 % is rounded up":    {object: budget(`maxUnavailable: "1%"`), cluster: three},
		"all have to stay":     {object: budget(`minAvailable: "100%"`), want: available("100%")},
		"100 is no percentage": {object: budget(`minAvailable: 100`)},
		"nobody there yet":     {object: budget(`minAvailable: 1`)},
		"two of three":         {object: budget(`minAvailable: 2`), cluster: three},
		"three of three":       {object: budget(`minAvailable: 3`), cluster: three, want: available("3 of 3 replicas")},
		"four of three":        {object: budget(`minAvailable: 4`), cluster: three, want: available("4 of 3 replicas")},
		"67 % of three":        {object: budget(`minAvailable: "67%"`), cluster: three, want: available("67% of 3 replicas")},
		"66 % of three":        {object: budget(`minAvailable: "66%"`), cluster: three},
		"not counted":          {params: `countReplicas: false`, object: budget(`minAvailable: 3`), cluster: three},
		"one of one": {
			object:  budget(`minAvailable: 1`),
			cluster: []client.Object{workload(&appsv1.Deployment{}, "shop", web, nil)}, want: available("1 of 1 replica"),
		},
		"switched off": {
			object:  budget(`minAvailable: 1`),
			cluster: []client.Object{workload(&appsv1.Deployment{}, "shop", web, ptr.To(int32(0)))},
		},
		"says nothing": {object: `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {}}`},
		"selects all": {
			object:  `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: shop}, spec: {selector: {}, minAvailable: 12}}`,
			cluster: three, want: available("12 of 12 replicas"),
		},
		"selects none": {
			object:  `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: shop}, spec: {minAvailable: 12}}`,
			cluster: three,
		},
	})
}

// ReplicaSets that somebody made by hand have Pods as well, and an autoscaler decides in place of what is written down.
func TestPodDisruptionBudgetsCountWhatIsScaled(t *testing.T) {
	budget := func(spec string) string {
		return `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {namespace: shop}, spec: {selector: {matchLabels: {app: web}}, ` + spec + `}}`
	}
	available := func(value string) []string {
		return []string{"spec.minAvailable: minAvailable: " + value + " blocks every eviction; use maxUnavailable: 1"}
	}
	const fewest = ", as few as autoscaling may leave,"
	web := map[string]string{"app": "web"}
	of := func(kind string, objects ...string) []client.Object {
		all := []client.Object{workload(objectOfKind(t, kind), "shop", web, ptr.To(int32(5)))}
		for _, manifest := range objects {
			hpa := &autoscalingv2.HorizontalPodAutoscaler{}
			mustUnmarshal(t, manifest, hpa)
			hpa.Namespace = cmp.Or(hpa.Namespace, "shop")
			all = append(all, hpa)
		}
		return all
	}
	scales := func(apiVersion, kind, bounds string) string {
		return `{spec: {scaleTargetRef: {apiVersion: ` + apiVersion + `, kind: ` + kind + `, name: web}, ` + bounds + `}}`
	}
	owned := func(owner metav1.OwnerReference) []client.Object {
		set := workload(&appsv1.ReplicaSet{}, "shop", web, ptr.To(int32(5)))
		owner.Name, owner.Controller = "o", ptr.To(true)
		set.SetOwnerReferences([]metav1.OwnerReference{owner})
		return []client.Object{set}
	}
	testRows(t, "podDisruptionBudgets", map[string]row{
		"ReplicaSet":                   {object: budget(`minAvailable: 5`), cluster: of("ReplicaSet"), want: available("5 of 5 replicas")},
		"ReplicaSet with one to spare": {object: budget(`minAvailable: 4`), cluster: of("ReplicaSet")},
		"ReplicationController":        {object: budget(`minAvailable: 5`), cluster: of("ReplicationController"), want: available("5 of 5 replicas")},
		"percentage of both": {object: budget(`minAvailable: "91%"`), cluster: append(of("ReplicaSet"), of("ReplicationController")...),
			want: available("91% of 10 replicas")},
		"of a Deployment": {object: budget(`minAvailable: 5`), cluster: owned(metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment"})},
		"of something else": {object: budget(`minAvailable: 5`), cluster: owned(metav1.OwnerReference{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout"}),
			want: available("5 of 5 replicas")},
		"autoscaled": {object: budget(`minAvailable: 2`), cluster: of("Deployment", scales("apps/v1", "Deployment", `minReplicas: 2, maxReplicas: 9`)),
			want: available("2 of 2 replicas" + fewest)},
		"autoscaled to more than is written": {object: budget(`minAvailable: 5`), cluster: of("Deployment", scales("apps/v1", "Deployment", `minReplicas: 6, maxReplicas: 9`))},
		"autoscaled from one":                {object: budget(`minAvailable: 1`), cluster: of("StatefulSet", scales("apps/v1", "StatefulSet", `maxReplicas: 9`)), want: available("1 of 1 replica" + fewest)},
		"autoscaled from none":               {object: budget(`minAvailable: 1`), cluster: of("ReplicaSet", scales("apps/v1", "ReplicaSet", `minReplicas: 0, maxReplicas: 9`)), want: available("1 of 1 replica" + fewest)},
		"controller autoscaled":              {object: budget(`minAvailable: 2`), cluster: of("ReplicationController", scales("v1", "ReplicationController", `minReplicas: 2, maxReplicas: 9`)), want: available("2 of 2 replicas" + fewest)},
		"autoscaled by an old version":       {object: budget(`minAvailable: 2`), cluster: of("Deployment", scales("apps/v1beta2", "Deployment", `minReplicas: 2, maxReplicas: 9`)), want: available("2 of 2 replicas" + fewest)},
		"another kind is autoscaled":         {object: budget(`minAvailable: 2`), cluster: of("Deployment", scales("apps/v1", "StatefulSet", `minReplicas: 2, maxReplicas: 9`))},
		"another group's kind is autoscaled": {object: budget(`minAvailable: 2`), cluster: of("Deployment", scales("example.com/v1", "Deployment", `minReplicas: 2, maxReplicas: 9`))},
		"percentage, autoscaled": {object: budget(`minAvailable: "51%"`), cluster: of("Deployment", scales("apps/v1", "Deployment", `minReplicas: 2, maxReplicas: 9`)),
			want: available("51% of 2 replicas" + fewest)},
		"half, autoscaled": {object: budget(`minAvailable: "50%"`), cluster: of("Deployment", scales("apps/v1", "Deployment", `minReplicas: 2, maxReplicas: 9`))},
		// Kubernetes rounds up, so that a percentage lets one go however many there are.
		"1 % unavailable, of the fewest": {object: budget(`maxUnavailable: "1%"`), cluster: of("Deployment", scales("apps/v1", "Deployment", `minReplicas: 1, maxReplicas: 1`))},
		"1 % unavailable, of the most":   {object: budget(`maxUnavailable: "1%"`), cluster: of("Deployment", scales("apps/v1", "Deployment", `minReplicas: 1, maxReplicas: 99`))},
		"0 % unavailable": {object: budget(`maxUnavailable: "0%"`), cluster: of("Deployment", scales("apps/v1", "Deployment", `minReplicas: 1, maxReplicas: 99`)),
			want: []string{"spec.maxUnavailable: maxUnavailable: 0% blocks every eviction; let at least 1 be unavailable"}},
	})
}

func objectOfKind(t *testing.T, kind string) client.Object {
	t.Helper()
	for _, obj := range []client.Object{&appsv1.Deployment{}, &appsv1.StatefulSet{}, &appsv1.ReplicaSet{}, &corev1.ReplicationController{}} {
		if strings.HasSuffix(reflect.TypeOf(obj).String(), "."+kind) {
			return obj
		}
	}
	t.Fatalf("there is no kind %s", kind)
	return nil
}

func workload(obj client.Object, namespace string, labels map[string]string, replicas *int32) client.Object {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		o.Spec.Template.Labels, o.Spec.Replicas = labels, replicas
	case *appsv1.StatefulSet:
		o.Spec.Template.Labels, o.Spec.Replicas = labels, replicas
	case *appsv1.ReplicaSet:
		o.Spec.Template.Labels, o.Spec.Replicas = labels, replicas
	case *corev1.ReplicationController:
		o.Spec.Template, o.Spec.Replicas = &corev1.PodTemplateSpec{}, replicas
		o.Spec.Template.Labels = labels
	}
	obj.SetNamespace(namespace)
	obj.SetName("web")
	return obj
}

// What cannot be looked up is not taken for granted.
func TestChecksThatNeedACluster(t *testing.T) {
	tests := map[string]struct{ params, object string }{
		"podDisruptionBudgets": {"", `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {minAvailable: 1}}`},
		"ingressHosts":         {"", `{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {}}`},
		"danglingReferences":   {"", serviceFor(`{selector: {app: web}}`)},
		"podSecurity":          {`rules: [{namespaceSelector: {}, level: privileged}]`, podSpec(`{}`)},
	}
	for name, tt := range tests {
		d := definition(t, name)
		check := built(t, d, tt.params)
		if _, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, tt.object)); err != nil && name != "podSecurity" {
			t.Errorf("%s with a cluster: %v", name, err)
		}
		p := d.NewParameters()
		mustUnmarshal(t, tt.params, p)
		check, err := d.Build(p, handler.Environment{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, tt.object))
		if err == nil || !strings.Contains(err.Error(), "no cluster") {
			t.Errorf("%s without a cluster: got %v", name, err)
		}
	}
}

// A type is watched only if the parameters have it looked up.
func TestReadsFollowTheParameters(t *testing.T) {
	for _, tt := range []struct {
		name, params string
		want         int
	}{
		{"podSecurity", "", 0},
		{"podSecurity", "rules: [{namespaceSelector: {}, level: baseline}]", 1},
		{"ingressHosts", "", 1},
		{"ingressHosts", "unique: host", 1},
		{"ingressHosts", "unique: none", 0},
		{"ingressHosts", "gatewayKinds: [HTTPRoute, Gateway]", 3},
		{"ingressHosts", "{unique: none, gatewayKinds: [HTTPRoute]}", 0},
		{"podDisruptionBudgets", "", 6},
		{"podDisruptionBudgets", "countReplicas: false", 0},
		{"privileged", "", 0},
		{"replicaLimits", "", 1},
		{"replicaLimits", "countAutoscalers: false", 0},
		{"replicaLimits", "min: 1", 0},
		{"resources", "", 0},
		{"resources", "readLimitRanges: true", 1},
		{"serviceAccountToken", "", 1},
		{"serviceAccountToken", "readServiceAccounts: false", 0},
		{"requiredBudgets", "", 2},
		{"requiredBudgets", "countAutoscalers: false", 1},
		{"topologySpread", "", 1},
		{"topologySpread", "countAutoscalers: false", 0},
		{"topologySpread", "minReplicas: 1", 0},
		{"requiredNetworkPolicies", "", 1},
		{"danglingReferences", "", 8},
		{"danglingReferences", "references: [Service]", 5},
		{"danglingReferences", "references: [ConfigMap, Secret]", 1},
		{"danglingReferences", "references: [Secret]", 0},
	} {
		d := definition(t, tt.name)
		p := d.NewParameters()
		mustUnmarshal(t, tt.params, p)
		if got := d.ReadsFor(p); len(got) != tt.want {
			t.Errorf("%s {%s} reads %d types, want %d", tt.name, tt.params, len(got), tt.want)
		}
	}
}
