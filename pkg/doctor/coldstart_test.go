// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", guards, diff)
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
