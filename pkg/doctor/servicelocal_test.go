// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// An API server calls only Pods of its own node by such a Service. A DaemonSet may have one there.
func TestServiceLocal(t *testing.T) {
	t.Parallel()
	local := func(f *Facts, _ *Entry) {
		f.Unread = []Unread{{Resource: "endpointslices"}}
		f.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{
			ClusterIP: "10.96.0.7", Ports: []corev1.ServicePort{{Port: 443}}, Selector: map[string]string{"app": "web"},
			InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyLocal)}}}
	}
	daemonSet := func(namespace, app string) func(*Facts, *Entry) {
		return func(f *Facts, _ *Entry) {
			d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}}
			d.Spec.Template.Labels = map[string]string{"app": app, "tier": "one"}
			f.DaemonSets = append(f.DaemonSets, d)
		}
	}
	for name, tt := range map[string]struct {
		changes []func(*Facts, *Entry)
		want    bool
	}{
		"Local": {[]func(*Facts, *Entry){local}, true},
		"Cluster": {[]func(*Facts, *Entry){local, func(f *Facts, _ *Entry) {
			*f.Services[0].Spec.InternalTrafficPolicy = corev1.ServiceInternalTrafficPolicyCluster
		}}, false},
		"not set":              {[]func(*Facts, *Entry){local, func(f *Facts, _ *Entry) { f.Services[0].Spec.InternalTrafficPolicy = nil }}, false},
		"its DaemonSet":        {[]func(*Facts, *Entry){local, daemonSet("shop", "web")}, false},
		"another DaemonSet":    {[]func(*Facts, *Entry){local, daemonSet("shop", "db")}, true},
		"in another namespace": {[]func(*Facts, *Entry){local, daemonSet("other", "web")}, true},
		"not to be listed": {[]func(*Facts, *Entry){local, func(f *Facts, _ *Entry) {
			f.Unread = append(f.Unread, Unread{Resource: "daemonsets"})
		}}, false},
	} {
		report := Examine(one(time.Now(), selfSigned(t, time.Now().Add(-2*time.Hour)), tt.changes...))
		got := slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.ID == IDServiceLocal && f.Severity == Warning })
		if got != tt.want {
			t.Errorf("%s: found %t, want %t: %+v", name, got, tt.want, report.Findings)
		}
	}
}
