// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestColdStart: what does not come back is found, and the API server refuses the Pod that it takes once the server is
// gone. The tests run one after the other: a guard of Leases concerns every webhook.
func TestColdStart(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(p *place)
		want   []string
	}{
		"its own Pods": {func(p *place) { p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "pods")} },
			[]string{"cold-start-cycle"}},
		"its own Pods, on conditions": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "pods")}
			p.webhook.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "always", Expression: "true"}}
		}, []string{"cold-start-cycle-conditional"}},
		"its own Pods, open": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "pods")}
			p.webhook.FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
		}, nil},
		"its own Pods, left out": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "pods")}
			p.webhook.ObjectSelector = notLabeled("web")
		}, nil},
		"its EndpointSlices": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("discovery.k8s.io", "endpointslices")}
		}, []string{"cold-start-cycle"}},
		"its tokens": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "serviceaccounts/*")}
		}, []string{"cold-start-cycle"}},
		"the status of its Pods alone": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "*/status")}
		}, []string{"cold-start-cycle"}},
		"the Leases of nodes": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("coordination.k8s.io", "leases")}
			p.webhook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "kube-node-lease"}}
		}, []string{"cold-start-cycle"}},
		"the network add-on": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "pods")}
			p.webhook.ObjectSelector = notLabeled("web") // Its own Pods are left out.
			p.built = p.networkAddOn
		}, []string{"cold-start-cycle"}},
		"all Ingresses": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("networking.k8s.io", "ingresses")}
			p.webhook.NamespaceSelector = nil
		}, []string{"core-kind-depends"}},
		"everything": {func(p *place) {
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("*", "*")}
			p.webhook.NamespaceSelector = nil
		}, []string{"cold-start-cycle", "rules-match-everything"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			tt.change(p)
			p.build(t)
			wantFindings(t, tt.want, "--webhook-configuration=validating/"+p.meta.Name)
		})
	}
}

// networkAddOn makes a DaemonSet that installs a network add-on on nodes, without which no Pod starts.
func (p *place) networkAddOn(t testing.TB) {
	t.Helper()
	set := map[string]string{"app": "agent"}
	_, err := shared.admin.AppsV1().DaemonSets(p.ns).Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"}, Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: set},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: set}, Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "agent", Image: "agent:1"}}, Volumes: []corev1.Volume{{Name: "cni",
					VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc/cni/net.d"}}}}}}},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		must(t, shared.admin.AppsV1().DaemonSets(p.ns).Delete(context.WithoutCancel(t.Context()), "agent", metav1.DeleteOptions{}))
	})
}

// TestColdStartOfTwo: each guards the other's Pods, and neither its own. Both are healthy as long as one is there.
func TestColdStartOfTwo(t *testing.T) {
	a, b := newPlace(t), newPlace(t)
	pods := []admissionregistrationv1.RuleWithOperations{about("", "pods")}
	a.webhook.Rules, b.webhook.Rules = pods, pods
	a.webhook.NamespaceSelector, b.webhook.NamespaceSelector = b.webhook.NamespaceSelector, a.webhook.NamespaceSelector
	a.build(t)
	b.build(t)
	report, code := examine(t)
	text := ""
	for _, f := range report.Findings {
		text += f.ID + " " + f.Message + "\n"
	}
	if code != 1 || strings.Count(text, "cold-start-cycle") != 1 || !strings.Contains(text, a.ns) || !strings.Contains(text, b.ns) {
		t.Fatalf("exit code %d:\n%s", code, text)
	}
	for _, p := range []*place{a, b} { // The servers go, and so do the Pods.
		proxyGone(t, p)
	}
	for _, p := range []*place{a, b} {
		clustertest.Eventually(t, func(ctx context.Context) error {
			again := p.pod.DeepCopy()
			again.Name, again.ResourceVersion = "web-2", ""
			_, err := shared.admin.CoreV1().Pods(p.ns).Create(ctx, again, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
				return fmt.Errorf("the Pod of %s comes back: %w", p.ns, err)
			}
			return nil
		})
	}
}

// TestNodeLoss: a guard of deletions keeps the Pods of a node that is gone from being replaced, its own as well. A cold start
// deletes none.
func TestNodeLoss(t *testing.T) {
	for name, tt := range map[string]struct {
		second bool // Pod, on another node
		want   []string
	}{
		"both Pods on one node": {false, []string{"node-loss-cycle"}}, "Pods on two nodes": {true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.webhook.Rules = []admissionregistrationv1.RuleWithOperations{about("", "pods")}
			p.webhook.Rules[0].Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Delete}
			p.built = func(t testing.TB) {
				t.Helper()
				p.replica(t, tt.second)
			}
			p.build(t)
			target := "--webhook-configuration=validating/" + p.meta.Name
			wantFindings(t, tt.want, target)
			if tt.second {
				return
			}
			report, _ := examine(t, target)
			if len(report.Findings) != 1 || report.Findings[0].Node != nodeName ||
				!strings.Contains(report.Findings[0].Message, "are deleted from the node") {
				t.Fatalf("it does not name the node: %+v", report.Findings)
			}
			proxyGone(t, p)
			dry := []string{metav1.DryRunAll}
			clustertest.Eventually(t, func(ctx context.Context) error {
				err := shared.admin.CoreV1().Pods(p.ns).Delete(ctx, p.pod.Name, metav1.DeleteOptions{DryRun: dry})
				if err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
					return fmt.Errorf("the Pod of a node that is gone can be deleted: %w", err)
				}
				return nil
			})
			again := p.pod.DeepCopy()
			again.Name, again.ResourceVersion = "web-3", ""
			_, err := shared.admin.CoreV1().Pods(p.ns).Create(t.Context(), again, metav1.CreateOptions{DryRun: dry})
			must(t, err)
		})
	}
}

// replica adds a ready Pod, on the same node or on one of its own.
func (p *place) replica(t testing.TB, elsewhere bool) {
	t.Helper()
	ctx, core := t.Context(), shared.admin.CoreV1()
	pod := p.pod.DeepCopy()
	pod.Name, pod.ResourceVersion = "web-2", ""
	if elsewhere {
		first, err := core.Nodes().Get(ctx, nodeName, metav1.GetOptions{})
		must(t, err)
		node, err := core.Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: p.ns}}, metav1.CreateOptions{})
		must(t, err)
		node.Status = first.Status // Its kubelet is the same.
		_, err = core.Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
		must(t, err)
		pod.Spec.NodeName = node.Name
	}
	pod, err := core.Pods(p.ns).Create(ctx, pod, metav1.CreateOptions{})
	must(t, err)
	pod.Status.Phase = corev1.PodRunning
	_, err = core.Pods(p.ns).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	must(t, err)
	shared.kubelet.listens(p.ns, pod.Name, podPort, p.address)
	slices := shared.admin.DiscoveryV1().EndpointSlices(p.ns)
	slice, err := slices.Get(ctx, p.slice.Name, metav1.GetOptions{})
	must(t, err)
	second := *slice.Endpoints[0].DeepCopy()
	second.Addresses, second.TargetRef.Name = []string{"10.1.2.4"}, pod.Name
	slice.Endpoints = append(slice.Endpoints, second)
	_, err = slices.Update(ctx, slice, metav1.UpdateOptions{})
	must(t, err)
}

// proxyGone points the Service at a port where no process listens.
func proxyGone(t *testing.T, p *place) {
	t.Helper()
	service, err := shared.admin.CoreV1().Services(p.ns).Get(t.Context(), "web", metav1.GetOptions{})
	must(t, err)
	must(t, shared.admin.CoreV1().Services(p.ns).Delete(t.Context(), service.Name, metav1.DeleteOptions{}))
}
