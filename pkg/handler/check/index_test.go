// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// indexed is a cluster that keeps views, as the server's is.
type indexed struct {
	client.Reader
	limit  *view.Limit
	stores map[string]*view.Store
	finds  int
}

// View implements [view.Cluster].
func (c *indexed) View(_ context.Context, v view.Any, _ client.ObjectKey) (*view.Store, error) {
	c.finds++
	s, ok := c.stores[view.Name(v)]
	if !ok {
		s = view.NewStore(v, c.limit)
		c.stores[view.Name(v)] = s
	}
	return s, nil
}

func (c *indexed) writer(tb testing.TB, v view.Any) *view.Writer {
	tb.Helper()
	s, err := c.View(tb.Context(), v, client.ObjectKey{})
	if err != nil {
		tb.Fatal(err)
	}
	return s.Writer(false)
}

func newIndexed() *indexed {
	return &indexed{stores: map[string]*view.Store{}, limit: view.NewLimit(1 << 30)}
}

// naiveTaken compares an Ingress with all others, as it is written down in IngressHosts.Unique.
func naiveTaken(p ingressHosts, ingress *networkingv1.Ingress, others map[string]*networkingv1.Ingress) []string {
	var texts []string
	for wanted := range p.routes(ingress) {
		how, by, at := "", "", ""
		consider := func(text string, other *networkingv1.Ingress, host string) {
			if place := other.Namespace + "\x00" + other.Name + "\x00" + host; at == "" || place < at {
				how, at = text, place
				by = fmt.Sprintf("%q in namespace %q", other.Name, other.Namespace)
			}
		}
		for _, exact := range []bool{true, false} {
			for _, other := range others {
				for has := range p.routes(other) {
					same := wanted.key() == has.key()
					in := wanted.above().key() == has.key() && !wanted.isWildcard()
					over := wanted.isWildcard() && !has.isWildcard() && wanted.key() == has.above().key()
					switch {
					case other.Namespace == ingress.Namespace, exact != same:
					case same:
						consider("is taken by", other, "")
					case in:
						consider("is in "+has.host+", which is taken by", other, has.host)
					case over:
						consider("has "+has.host+" in it, which is taken by", other, has.host)
					}
				}
			}
			if at != "" {
				texts = append(texts, fmt.Sprintf("%s %s Ingress %s; choose another", wanted, how, by))
				break
			}
		}
	}
	return texts
}

// TestIndexOfIngressesIsTheComparison: what the index answers is what a comparison with every other Ingress does,
// whatever is created, changed and deleted.
func TestIndexOfIngressesIsTheComparison(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	cluster, others := newIndexed(), map[string]*networkingv1.Ingress{}
	writer := cluster.writer(t, ingressRoutes())
	hits := 0
	for step := range 2000 {
		o := &networkingv1.Ingress{}
		o.Namespace, o.Name = pick("a", "a-b", "b", "c"), pick("x", "y", "z")
		for range random.IntN(3) + 1 {
			rule := networkingv1.IngressRule{Host: pick("", "*.example", "a.example", "b.example", "*.a.example", "c.a.example")}
			if random.IntN(3) > 0 {
				rule.HTTP = &networkingv1.HTTPIngressRuleValue{}
				for range random.IntN(3) {
					rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{Path: pick("", "/", "/x", "/x/", "/y")})
				}
			}
			o.Spec.Rules = append(o.Spec.Rules, rule)
		}
		p := ingressHosts{Unique: pick(uniqueHost, uniquePath)}
		find, err := finderOf(t.Context(), handler.Environment{Cluster: cluster}, ingressRoutes())
		if err != nil {
			t.Fatal(err)
		}
		violations, err := p.routes(o).taken(t.Context(), o.Namespace, false, []routeOwners{{"Ingress", find, false}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range violations {
			got = append(got, v.Message)
		}
		if diff := cmp.Diff(naiveTaken(p, o, others), got); diff != "" {
			t.Fatalf("step %d, unique: %s, %v (-comparison +index):\n%s", step, p.Unique, o.Spec.Rules, diff)
		}
		hits += len(got)
		if name := o.Namespace + "/" + o.Name; random.IntN(3) == 0 {
			delete(others, name)
			writer.Delete(o)
		} else {
			others[name] = o
			writer.Set(o)
		}
	}
	if hits < 500 {
		t.Errorf("only %d routes were taken: this test proves little", hits)
	}
}

// naiveReplicas looks at every workload and every autoscaler.
func naiveReplicas(objects map[string]client.Object, namespace string, selector labels.Selector) replicas {
	var all replicas
	count := func(kind, group, name string, template map[string]string, written *int32) {
		n := int(orOne(written))
		if n == 0 || !selector.Matches(labels.Set(template)) {
			return
		}
		for _, name2 := range slices.Sorted(maps.Keys(objects)) {
			hpa, ok := objects[name2].(*autoscalingv2.HorizontalPodAutoscaler)
			if ok && hpa.Namespace == namespace && hpa.Spec.ScaleTargetRef.Name == name &&
				schema.FromAPIVersionAndKind(hpa.Spec.ScaleTargetRef.APIVersion, hpa.Spec.ScaleTargetRef.Kind).GroupKind() ==
					(schema.GroupKind{Group: group, Kind: kind}) {
				n, all.autoscaled = max(1, int(orOne(hpa.Spec.MinReplicas))), true
				break
			}
		}
		all.n += n
	}
	for _, obj := range objects {
		switch o := obj.(type) {
		case *appsv1.Deployment:
			if o.Namespace == namespace {
				count("Deployment", "apps", o.Name, o.Spec.Template.Labels, o.Spec.Replicas)
			}
		case *appsv1.ReplicaSet:
			if o.Namespace == namespace && !isOfDeployment(o) {
				count("ReplicaSet", "apps", o.Name, o.Spec.Template.Labels, o.Spec.Replicas)
			}
		case *corev1.ReplicationController:
			if o.Namespace == namespace && o.Spec.Template != nil {
				count("ReplicationController", "", o.Name, o.Spec.Template.Labels, o.Spec.Replicas)
			}
		}
	}
	return all
}

// TestIndexOfWorkloadsIsTheCount: a budget counts the same by the index as by a look at everything.
func TestIndexOfWorkloadsIsTheCount(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	cluster, objects := newIndexed(), map[string]client.Object{}
	writers := []*view.Writer{cluster.writer(t, deployments()), cluster.writer(t, replicaSets()),
		cluster.writer(t, replicationControllers()), cluster.writer(t, autoscalers())}
	someLabels := func() map[string]string {
		set := map[string]string{}
		for range random.IntN(4) {
			set[pick("app", "env", "tier")] = pick("a", "b", "")
		}
		return set
	}
	most := 0
	for step := range 3000 {
		kind, namespace, name := random.IntN(4), pick("s", "t"), pick("v", "w", "x", "y", "z")
		n := ptr.To(int32(random.IntN(4)))
		var obj client.Object
		switch kind {
		case 0:
			obj = workload(&appsv1.Deployment{}, namespace, someLabels(), n)
		case 1:
			obj = workload(&appsv1.ReplicaSet{}, namespace, someLabels(), n)
			if random.IntN(3) == 0 {
				obj.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Controller: ptr.To(true)}})
			}
		case 2:
			obj = workload(&corev1.ReplicationController{}, namespace, someLabels(), n)
		default:
			hpa := &autoscalingv2.HorizontalPodAutoscaler{}
			hpa.Namespace = namespace
			hpa.Spec.MinReplicas = n
			hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{
				APIVersion: pick("apps/v1", "apps/v1beta1", "v1"), Kind: pick("Deployment", "ReplicationController"), Name: pick("v", "w", "x")}
			obj = hpa
		}
		obj.SetName(name)
		if key := fmt.Sprint(kind, "/", namespace, "/", name); random.IntN(4) == 0 {
			delete(objects, key)
			writers[kind].Delete(obj)
		} else {
			objects[key] = obj
			writers[kind].Set(obj)
		}
		selector := &metav1.LabelSelector{MatchLabels: someLabels()}
		if random.IntN(2) == 0 {
			selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: pick("app", "env"), Operator: metav1.LabelSelectorOperator(
				pick("Exists", "DoesNotExist"))}, {Key: pick("tier", "env"), Operator: metav1.LabelSelectorOperator(pick("In", "NotIn")), Values: []string{"a", "b"}}}
		}
		compiled, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		got, err := selectedReplicas(t.Context(), handler.Environment{Cluster: cluster}, "s", selector)
		if want := naiveReplicas(objects, "s", compiled); err != nil || got != want {
			t.Fatalf("step %d, %s: counted %+v, want %+v: %v", step, compiled, got, want, err)
		}
		most = max(most, got.n)
	}
	if most < 10 {
		t.Errorf("at most %d replicas were selected: this test proves little", most)
	}
}

// TestBudgetCostsWhatItSelects: how many workloads are looked at depends on the label that selects the fewest, and not on
// how many there are.
func TestBudgetCostsWhatItSelects(t *testing.T) {
	c := replicaCounter{podSelection: podSelection{"shop", labels.SelectorFromSet(labels.Set{"app": "web-7", "env": "prod"})}}
	for _, n := range []int{1000, 8000} {
		cluster, looks := newIndexed(), 0
		w := cluster.writer(t, deployments())
		for i := range n {
			o := workload(&appsv1.Deployment{}, "shop", map[string]string{"app": fmt.Sprint("web-", i), "env": "prod"}, nil)
			o.SetName(fmt.Sprint("web-", i))
			w.Set(o)
		}
		env := handler.Environment{Cluster: cluster}
		find, err := finderOf(t.Context(), env, deployments())
		if err != nil {
			t.Fatal(err)
		}
		counted := func(q view.Query, visit func(view.Found[workloadPods]) bool) error {
			return find(q, func(found view.Found[workloadPods]) bool {
				looks++
				return visit(found)
			})
		}
		if c.fewest, err = finderOf(t.Context(), env, autoscalers()); err != nil {
			t.Fatal(err)
		}
		c.n = 0
		selected, err := c.of(t.Context(), counted)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.add(schema.GroupKind{}, selected); err != nil || c.n != 1 {
			t.Errorf("%d replicas, want 1: %v", c.n, err)
		}
		if looks > 4*fewAtFirst {
			t.Errorf("of %d workloads %d were looked at", n, looks)
		}
	}
}

// TestChecksFailWhenObjectsAreMissing: what is not kept for want of memory is no reason to let anything pass.
func TestChecksFailWhenObjectsAreMissing(t *testing.T) {
	cluster := newIndexed()
	cluster.limit = view.NewLimit(5000)
	w := cluster.writer(t, ingressRoutes())
	for i := range 20 {
		w.Set(liveIngress(t, ingress(fmt.Sprint("other-", i), "old", ``, "a.example /x")))
	}
	check, err := definition(t, "ingressHosts").Build(&ingressHosts{Unique: uniquePath}, handler.Environment{Cluster: cluster})
	if err != nil {
		t.Fatal(err)
	}
	got := answer(t, check, requestOf(t, admissionv1.Create, ingress("shop", "web", ``, "z.example /")))
	if got.Allowed || got.Result.Code != 500 {
		t.Errorf("got %+v", got)
	}
}

// BenchmarkIngressHosts is a review of one Ingress where there are 10,000 others.
func BenchmarkIngressHosts(b *testing.B) {
	for name, host := range map[string]string{"a host each": "h%d.example.com", "one wildcard": "*.example.com"} {
		cluster := newIndexed()
		w := cluster.writer(b, ingressRoutes())
		for i := range 10_000 {
			o := &networkingv1.Ingress{}
			o.Namespace, o.Name = fmt.Sprint("ns-", i%500), fmt.Sprint("web-", i)
			o.Spec.Rules = []networkingv1.IngressRule{{Host: fmt.Sprintf("h%d.example.com", i)}}
			w.Set(o)
		}
		p := ingressHosts{Unique: uniquePath, AllowWildcards: true}
		env := handler.Environment{Cluster: cluster}
		if host != "*.example.com" {
			host = "new.example.com"
		}
		req := requestOf(b, admissionv1.Create, ingress("ns-0", "new", `"*.example.com"`, host))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.evaluate(b.Context(), req, env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPodDisruptionBudgets is a review of a budget for one of 10,000 workloads of a namespace.
func BenchmarkPodDisruptionBudgets(b *testing.B) {
	cluster := newIndexed()
	w := cluster.writer(b, deployments())
	for i := range 10_000 {
		o := workload(&appsv1.Deployment{}, "shop", map[string]string{"app": fmt.Sprint("web-", i), "env": "prod"}, nil)
		o.SetName(fmt.Sprint("web-", i))
		w.Set(o)
	}
	selector := policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{
		MatchLabels: map[string]string{"app": "web-7", "env": "prod"}}}
	b.ReportAllocs()
	for b.Loop() {
		got, err := selectedReplicas(b.Context(), handler.Environment{Cluster: cluster}, "shop", selector.Selector)
		if err != nil || got.n != 1 {
			b.Fatal(got, err)
		}
	}
}
