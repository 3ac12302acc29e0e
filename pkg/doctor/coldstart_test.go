// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// cluster has a webhook for each letter, whose server is in the namespace of that name. Guards says of whose Pods each is
// asked, as in a:b,c.
func cluster(guards ...string) *Facts {
	f := &Facts{Offline: true}
	for _, guard := range guards {
		name, asked, _ := strings.Cut(guard, ":")
		set := map[string]string{"app": name}
		f.Services = append(f.Services, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "web"},
			Spec: corev1.ServiceSpec{Selector: set, Ports: []corev1.ServicePort{{Port: 443}}}})
		f.Deployments = append(f.Deployments, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "web"},
			Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: set},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{ContainerPort: 443}}}}}}}})
		f.All = append(f.All, FromValidating(&admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{injectors()[0]: name + "/web"}},
			Webhooks: []admissionregistrationv1.ValidatingWebhook{{
				Name:         name,
				ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: name, Name: "web"}},
				NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
					Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: strings.Split(asked, ",")}}},
				Rules: []admissionregistrationv1.RuleWithOperations{{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}},
			}}})...)
	}
	f.Entries = f.All
	return f
}

// A circle is found once, at the webhook that refuses what its first server needs; what only waits for one, or for a server that comes back, is none.
func TestCircles(t *testing.T) {
	t.Parallel()
	for guards, want := range map[string][]string{
		"a:none b:none":           nil,
		"a:a":                     {"a"},
		"a:b b:none":              nil, // b comes back first
		"a:b b:a":                 {"b"},
		"a:b b:c c:a":             {"c"},
		"a:b b:c c:none":          nil,
		"a:b b:b":                 {"b"}, // a waits for none, b for itself
		"a:a,b b:none":            {"a"}, // b waits for a
		"a:b b:a c:d d:c":         {"b", "d"},
		"a:a b:b c:a":             {"a", "b"},
		"a:b,c b:c c:b d:a":       {"c"},
		"a:b b:a c:kube-system":   {"b"},
		"a:kube-node-lease b:a,b": {"b"}, // Leases are not Pods
	} {
		var got []string
		for _, f := range Examine(cluster(strings.Fields(guards)...)).Findings {
			if f.ID == IDColdCycle {
				got = append(got, f.Object.Name)
			}
		}
		slices.Sort(got)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", guards, diff)
		}
	}
}

// running adds a ready Pod on each of the nodes, to each server, as in a:n1,n2.
func running(f *Facts, nodes ...string) *Facts {
	f.Offline = false
	for _, of := range nodes {
		name, on, _ := strings.Cut(of, ":")
		slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: name, Labels: map[string]string{
			discoveryv1.LabelServiceName: "web"}}, Ports: []discoveryv1.EndpointPort{{Name: ptr.To(""), Port: ptr.To[int32](443)}}}
		for node := range strings.SplitSeq(on, ",") {
			f.Pods = append(f.Pods, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: node, Labels: map[string]string{
				"app": name}}, Spec: corev1.PodSpec{NodeName: node}})
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: node}})
		}
		f.EndpointSlices = append(f.EndpointSlices, slice)
	}
	return f
}

// A server whose ready Pods are on one node comes back from its loss if a cold start does not keep it away, and if the
// deletion of its Pods is not refused. Those on two nodes are not lost.
func TestNodeLoss(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		guards, nodes string
		operation     admissionregistrationv1.OperationType
		condition     bool
		want          []string
	}{
		{"a:a", "a:n1", "CREATE", false, []string{"cold-start-cycle a n1"}},
		{"a:a", "a:n1,n2", "CREATE", false, []string{"cold-start-cycle a "}},
		{"a:a", "a:n1", "CREATE", true, []string{"cold-start-cycle-conditional a n1"}},
		{"a:a", "a:n1", "DELETE", false, []string{"node-loss-cycle a n1"}},
		{"a:a", "a:n1,n2", "DELETE", false, nil},
		{"a:a", "a:n1", "DELETE", true, []string{"node-loss-cycle-conditional a n1"}},
		{"a:none", "a:n1", "DELETE", false, nil},
		{"a:b b:a", "a:n1 b:n1", "DELETE", false, []string{"node-loss-cycle b n1"}},
		{"a:b b:a", "a:n1 b:n2", "DELETE", false, nil}, // each is there when the other one is lost
		{"a:b b:a", "a:n1 b:n2", "CREATE", false, []string{"cold-start-cycle b "}},
		{"a:b b:a", "a:n1 b:n1", "CREATE", false, []string{"cold-start-cycle b n1"}},
		{"a:a b:b", "a:n1 b:n2", "DELETE", false, []string{"node-loss-cycle a n1", "node-loss-cycle b n2"}},
	} {
		f := running(cluster(strings.Fields(tt.guards)...), strings.Fields(tt.nodes)...)
		for i := range f.All {
			f.All[i].Rules.Rules[0].Operations = []admissionregistrationv1.OperationType{tt.operation}
			if tt.condition {
				f.All[i].Rules.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "c", Expression: "request.name != 'a'"}}
			}
		}
		var got []string
		for _, found := range Examine(f).Findings {
			if strings.HasPrefix(found.ID, "cold-start") || strings.HasPrefix(found.ID, "node-loss") {
				got = append(got, found.ID+" "+found.Object.Name+" "+found.Node)
				if (found.Node != "") != strings.Contains(found.Message, "the loss of node "+cmp.Or(found.Node, "n")) {
					t.Errorf("%+v: the message is %q, and the node %q", tt, found.Message, found.Node)
				}
			}
		}
		slices.Sort(got)
		if diff := gocmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt, diff)
		}
	}
}

// The network add-on comes before all others: one that guards its Pods waits for itself.
func TestColdStartOfTheNetwork(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{"/etc/cni/net.d": 1, "/opt/cni/bin": 1, "/var/log": 0} {
		f := cluster("a:network")
		f.DaemonSets = []*appsv1.DaemonSet{{ObjectMeta: metav1.ObjectMeta{Namespace: "network", Name: "agent"}, Spec: appsv1.DaemonSetSpec{
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: path}}}}}}}}}
		report := Examine(f)
		if len(report.Findings) != want || want > 0 && !strings.Contains(report.Findings[0].Fix, "[a, network]") {
			t.Errorf("%s: %+v", path, report.Findings)
		}
	}
}

// Mutually guarding webhooks of a large cluster are judged in time that grows with their product, not with their paths.
func BenchmarkColdStart(b *testing.B) {
	for _, n := range []int{30, 300} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var all, guards []string
			for i := range n {
				all = append(all, fmt.Sprintf("n%d", i))
			}
			for _, name := range all {
				guards = append(guards, name+":"+strings.Join(all, ","))
			}
			f := cluster(guards...)
			for b.Loop() {
				Examine(f)
			}
		})
	}
}
