// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// kept is what is kept of objects that make makes.
type kept struct {
	view view.Any
	make func(i int) client.Object
}

// labeled are labels as most charts have them.
func labeled(i int) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": fmt.Sprint("web-", i), "helm.sh/chart": "web-4.2.1",
		"app.kubernetes.io/version": "1.27.3", "app.kubernetes.io/managed-by": "Helm", "tier": "front",
	}
}

// ordinaryNamed gives an object a name, and annotations of 10 kB.
func ordinaryNamed(obj client.Object, i int) client.Object {
	obj.SetNamespace(fmt.Sprint("team-", i%50))
	obj.SetName(fmt.Sprint("web-frontend-", i))
	obj.SetAnnotations(map[string]string{"notes": strings.Repeat("n", 10_000)})
	return obj
}

// ordinaryWorkloads are those with Pods, and Pods.
func ordinaryWorkloads() map[string]kept {
	template := func(i int) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labeled(i)}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http"}, {Name: "metrics"}}}},
		}}
	}
	return map[string]kept{
		"Deployment": {deployments(), func(i int) client.Object {
			return ordinaryNamed(&appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: template(i)}}, i)
		}},
		"StatefulSet": {statefulSets(), func(i int) client.Object {
			return ordinaryNamed(&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Template: template(i)}}, i)
		}},
		"ReplicaSet": {replicaSets(), func(i int) client.Object {
			return ordinaryNamed(&appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Template: template(i)}}, i)
		}},
		"ReplicationController": {replicationControllers(), func(i int) client.Object {
			return ordinaryNamed(&corev1.ReplicationController{Spec: corev1.ReplicationControllerSpec{Template: ptr.To(template(i))}}, i)
		}},
		"DaemonSet": {daemonSets(), func(i int) client.Object {
			return ordinaryNamed(&appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{Template: template(i)}}, i)
		}},
		"Job": {jobs(), func(i int) client.Object {
			return ordinaryNamed(&batchv1.Job{Spec: batchv1.JobSpec{Template: template(i)}}, i)
		}},
		"Pod": {pods(), func(i int) client.Object {
			of := template(i)
			return ordinaryNamed(&corev1.Pod{ObjectMeta: of.ObjectMeta, Spec: of.Spec}, i)
		}},
		"claims of a StatefulSet": {claimTemplates(), func(i int) client.Object {
			o := &appsv1.StatefulSet{}
			o.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
			return ordinaryNamed(o, i)
		}},
	}
}

// ordinary are objects as people have them, by what is kept of them.
func ordinary() map[string]kept {
	selector := func(i int) map[string]string { // as most charts have them
		return map[string]string{"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": fmt.Sprint("web-", i)}
	}
	all := map[string]kept{
		"Ingress": {ingressRoutes(), func(i int) client.Object {
			o := &networkingv1.Ingress{}
			o.Spec.Rules = []networkingv1.IngressRule{{Host: fmt.Sprintf("web-%d.shop.example.com", i)}}
			o.Spec.Rules[0].HTTP = &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{Path: "/"}}}
			return ordinaryNamed(o, i)
		}},
		"Gateway": {gatewayRoutes(gatewayKind), func(i int) client.Object {
			host := fmt.Sprintf("web-%d.shop.example.com", i)
			o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"listeners": []any{
				map[string]any{"hostname": host, "protocol": "HTTP"}, map[string]any{"hostname": host, "protocol": "HTTPS"},
			}}}}
			return ordinaryNamed(o, i)
		}},
		"NetworkPolicy": {networkPolicies(), func(i int) client.Object {
			o := &networkingv1.NetworkPolicy{}
			o.Spec.PodSelector = metav1.LabelSelector{MatchLabels: selector(i)}
			return ordinaryNamed(o, i)
		}},
		"HorizontalPodAutoscaler": {autoscalers(), func(i int) client.Object {
			o := &autoscalingv2.HorizontalPodAutoscaler{}
			o.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}
			return ordinaryNamed(o, i)
		}},
		"PodDisruptionBudget": {budgets(), func(i int) client.Object {
			o := &policyv1.PodDisruptionBudget{}
			o.Spec.Selector = &metav1.LabelSelector{MatchLabels: selector(i)}
			return ordinaryNamed(o, i)
		}},
		"LimitRange": {limitRanges(), func(i int) client.Object {
			o := &corev1.LimitRange{}
			some := corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("1Gi")}
			o.Spec.Limits = []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Default: some, DefaultRequest: some}}
			return ordinaryNamed(o, i)
		}},
		"ServiceAccount": {tokenlessAccounts(), func(i int) client.Object {
			return ordinaryNamed(&corev1.ServiceAccount{AutomountServiceAccountToken: ptr.To(false)}, i)
		}},
		"Namespace": {handler.NamespaceLabels(), func(i int) client.Object {
			o := ordinaryNamed(&corev1.Namespace{}, i)
			o.SetNamespace("")
			o.SetLabels(labeled(i))
			return o
		}},
	}
	maps.Copy(all, ordinaryWorkloads())
	for _, kind := range []string{"HTTPRoute", "GRPCRoute", "TLSRoute"} {
		all[kind] = kept{gatewayRoutes(kind), func(i int) client.Object {
			o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
				"hostnames": []any{fmt.Sprintf("web-%d.shop.example.com", i)},
				"rules":     []any{map[string]any{"matches": []any{map[string]any{"path": map[string]any{"value": "/"}}}}},
			}}}
			return ordinaryNamed(o, i)
		}}
	}
	for _, kind := range []string{toConfigMaps, toAccounts, toVolumeClaims} {
		all["names of "+kind] = kept{names(kind), func(i int) client.Object { return ordinaryNamed(&metav1.PartialObjectMetadata{}, i) }}
	}
	return all
}

// Nothing is kept of which the test below does not say what it costs.
func TestAllThatIsKeptIsMeasured(t *testing.T) {
	measured := sets.New[string]()
	for _, of := range ordinary() {
		measured.Insert(view.Name(of.view))
	}
	for _, d := range Definitions() {
		for _, read := range d.Reads {
			if !measured.Has(view.Name(read)) {
				t.Errorf("%s reads %s", d.Name, view.Name(read))
			}
		}
	}
}

// TestOrdinaryObjectsCostLessThanAKilobyte: nothing of an object is held but what is compared. docs/checks.md says what a
// thousand of them cost; this prints it.
func TestOrdinaryObjectsCostLessThanAKilobyte(t *testing.T) {
	const n = 1000
	for name, of := range ordinary() {
		store := view.NewStore(of.view, nil)
		w, before := store.Writer(false), heapInUse()
		for i := range n {
			w.Set(of.make(i))
		}
		taken := heapInUse() - before
		t.Logf("1,000 ordinary objects of kind %s take %d kB, of which %d are counted", name, taken/1000, store.Usage().Bytes/1000)
		if counted := store.Usage().Bytes; max(taken, counted) > n<<10 || counted < taken*2/3 || counted > taken*2 {
			t.Errorf("%s: %d bytes are taken an object, and %d counted", name, taken/n, counted/n)
		}
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
