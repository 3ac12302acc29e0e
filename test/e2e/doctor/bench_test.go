// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"syscall"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BenchmarkDoctor judges 300 webhook configurations with 1,000 entries, which call 100 Services, of which 10 have a
// server. It reports the peak of the memory.
func BenchmarkDoctor(b *testing.B) {
	var places []*place
	for i := range 10 {
		p := newPlace(b)
		p.build(b)
		places = append(places, p)
		for j := range 9 {
			service := p.service.DeepCopy()
			service.Name, service.ResourceVersion = fmt.Sprintf("web-%d-%d", i, j), ""
			_, err := shared.admin.CoreV1().Services(p.ns).Create(b.Context(), service, metav1.CreateOptions{})
			must(b, err)
		}
	}
	for i := range 300 {
		p := places[i%10]
		var webhooks []admissionregistrationv1.ValidatingWebhook
		for j := range 3 + i%3/2 {
			w := *p.webhook.DeepCopy()
			w.Name = fmt.Sprintf("w%d.example.com", j)
			w.Rules = []admissionregistrationv1.RuleWithOperations{about("", "pods"), about("apps", "deployments")}
			w.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
				Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"kube-system", p.ns}}}}
			webhooks = append(webhooks, w)
		}
		p.configure(b, metav1.ObjectMeta{Name: fmt.Sprintf("many-%d", i)}, webhooks...)
	}
	report, _ := examine(b)
	var peak int64
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), shared.program, "doctor", "--kubeconfig="+shared.plane.Kubeconfig())
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // It finds that they guard each other.
		if cmd.ProcessState.ExitCode() != 1 {
			b.Fatal(stderr.String())
		}
		peak = max(peak, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	}
	b.ReportMetric(float64(peak)/1024, "MiB-peak")
	b.ReportMetric(float64(report.Entries), "entries")
}
