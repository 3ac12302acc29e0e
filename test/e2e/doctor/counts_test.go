// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// TestCounts: what the API server has counted of calls is said, and judged: their duration, failures, and refusals.
func TestCounts(t *testing.T) {
	t.Parallel()
	const calls, bad = 12, 5
	for name, tt := range map[string]struct {
		first http.HandlerFunc // until all calls are made
		want  []string         // warnings
		info  string
		count doctor.Count
	}{
		"it refuses": {review, nil, "", doctor.Count{Refused: bad}},
		"it takes long": {func(w http.ResponseWriter, r *http.Request) {
			select { // Longer than half a second on average.
			case <-time.After(700 * time.Millisecond):
			case <-r.Context().Done():
			}
			review(w, r)
		}, []string{"calls-slow"}, "", doctor.Count{Refused: bad}},
		"it has failed": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) }, nil,
			"calls-failed", doctor.Count{Failed: calls}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.webhook.Name = p.ns + ".example.com" // The metrics do not have the name of the configuration.
			var isWell atomic.Bool
			p.answer = func(w http.ResponseWriter, r *http.Request) {
				if isWell.Load() {
					review(w, r)
				} else {
					tt.first(w, r)
				}
			}
			p.program.denial = "denied the request"
			p.build(t)
			p.truth(t, tt.count.Failed == 0)
			p.create(t, calls, bad)
			isWell.Store(true)
			target := "--webhook-configuration=validating/" + p.meta.Name
			wantFindings(t, tt.want, "--probe", target)
			report, _ := examine(t, "--probe", target)
			if len(report.Answers) != 1 || report.Answers[0].Count == nil {
				t.Fatalf("there are no counts: %+v", report.Answers)
			}
			// The first calls, by which the test finds that the webhook is called, count as well.
			got := *report.Answers[0].Count
			if got.Calls < calls || got.Refused < tt.count.Refused || got.Failed < tt.count.Failed || got.FailedOpen != 0 ||
				tt.count.Failed == 0 && got.Failed > 0 || tt.count.Refused == 0 && got.Refused > 0 {
				t.Errorf("the API server has counted %+v of %d calls, want %+v", got, calls, tt.count)
			}
			if isThere := slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return f.ID == "calls-failed" }); isThere != (tt.info != "") {
				t.Errorf("calls-failed is a finding: %t: %+v", isThere, report.Findings)
			}
		})
	}
}

// review denies what is bad.
func review(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: !strings.HasPrefix(review.Request.Name, "bad")}
	review.Request = nil
	_ = json.NewEncoder(w).Encode(review)
}

// create has the API server call the webhook, at the same time, also about bad objects.
func (p *place) create(t *testing.T, calls, bad int) {
	t.Helper()
	done := make(chan struct{}, calls)
	for i := range calls {
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("good-%d", i)}}
		if i < bad {
			object.Name = fmt.Sprintf("bad-%d", i)
		}
		go func() {
			_, _ = shared.admin.CoreV1().ConfigMaps(p.ns).Create(t.Context(), object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			done <- struct{}{}
		}()
	}
	for range calls {
		<-done
	}
}

// TestProxy: the proxy of a kube-apiserver that is a Pod is compared with the cluster IPs. It is not parallel, since the Pod
// is there for all webhooks.
func TestProxy(t *testing.T) {
	pods := shared.admin.CoreV1().Pods(metav1.NamespaceSystem)
	for name, tt := range map[string]struct {
		noProxy string // IP is the second one of the Service
		want    []string
	}{
		"names alone": {".svc,.cluster.local,localhost", []string{"proxy-for-services"}},
		"the address": {".svc,IP", nil},
		"the range":   {serviceRange6, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			// The addresses of the first range are on loopback, for which no proxy is asked.
			p.service.Spec.IPFamilyPolicy = new(corev1.IPFamilyPolicyRequireDualStack)
			p.build(t)
			service, err := shared.admin.CoreV1().Services(p.ns).Get(t.Context(), "web", metav1.GetOptions{})
			must(t, err)
			_, err = pods.Create(t.Context(), apiServerPod("kube-apiserver-"+p.ns,
				strings.ReplaceAll(tt.noProxy, "IP", service.Spec.ClusterIPs[1])), metav1.CreateOptions{})
			must(t, err)
			t.Cleanup(func() {
				must(t, pods.Delete(context.WithoutCancel(t.Context()), "kube-apiserver-"+p.ns, *metav1.NewDeleteOptions(0)))
			})
			target := "--webhook-configuration=validating/" + p.meta.Name
			wantFindings(t, tt.want, "--probe", target)
			report, _ := examine(t, "--probe", target)
			if text := fmt.Sprintf("%+v", report); strings.Contains(text, "secret") {
				t.Errorf("the report has the password of the proxy: %s", text)
			}
		})
	}
}

// apiServerPod is the mirror of a static Pod, as kubeadm has it, with a proxy.
func apiServerPod(name, noProxy string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"component": "kube-apiserver"},
			Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "mirror"}},
		Spec: corev1.PodSpec{NodeName: nodeName, HostNetwork: true, Containers: []corev1.Container{{
			Name: "kube-apiserver", Image: "kube-apiserver:1", Env: []corev1.EnvVar{
				{Name: "HTTPS_PROXY", Value: "http://someone:secret@proxy.example.com:3128"}, {Name: "NO_PROXY", Value: noProxy},
			}}}},
	}
}
