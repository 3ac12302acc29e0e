// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestProbe: the API server itself says what a handshake does not show. The words lead to the same findings.
func TestProbe(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(t *testing.T, p *place)
		answer http.HandlerFunc // in place of a review
		want   []string
		says   string
	}{
		"healthy":                 {unchanged, nil, nil, ": no failure"},
		"the path is another one": {unchanged, http.NotFound, []string{"answer-invalid"}, "could not find the requested resource"},
		"it answers something else": {unchanged, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
			[]string{"answer-invalid"}, "the call failed"},
		"it hangs": {func(_ *testing.T, p *place) { p.webhook.TimeoutSeconds = ptr.To[int32](1) },
			func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // Only then does the server notice that the client has gone.
				<-r.Context().Done()
			}, []string{"call-timed-out"}, "deadline exceeded"},
		"it fails open": {func(_ *testing.T, p *place) { p.webhook.FailurePolicy = new(admissionregistrationv1.Ignore) },
			http.NotFound, []string{"call-failed"}, "it passed without the webhook"},
		"updates alone": {func(_ *testing.T, p *place) {
			p.webhook.Rules[0].Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Update}
		}, nil, nil, "not made: its rules and selectors match no creation"},
		"it is known already": {func(t *testing.T, p *place) {
			p.serves((*authority)(nil).signed(t, isCA).signed(t, named(p.host())), true)
		}, nil, []string{"certificate-untrusted"}, "signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.webhook.Name = p.ns + ".example.com" // The metrics do not have the name of the configuration.
			p.answer = tt.answer
			tt.change(t, p)
			p.build(t)
			target := "--webhook-configuration=validating/" + p.meta.Name
			clustertest.Eventually(t, func(context.Context) error { // The API server takes a moment to call a new webhook.
				report, _ := examine(t, "--probe", target)
				if len(report.Answers) != 1 || !strings.Contains(report.Answers[0].Probe, tt.says) ||
					tt.want == nil && tt.says == ": no failure" && p.calls.Load() == 0 {
					return fmt.Errorf("the API server has said %+v", report.Answers)
				}
				return nil
			})
			wantFindings(t, tt.want, "--probe", target)
		})
	}
}

// TestProbeKinds: the API server takes every object that is sent, and calls the webhook that is asked about it. None is
// stored.
func TestProbeKinds(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var webhooks []admissionregistrationv1.ValidatingWebhook
	add := func(group, resource string) {
		w := *p.webhook.DeepCopy()
		w.Name = fmt.Sprintf("%s.%s.example.com", resource, p.ns)
		w.Rules = []admissionregistrationv1.RuleWithOperations{about(group, resource)}
		if resource == "namespaces" || resource == "clusterroles" {
			w.NamespaceSelector, w.ObjectSelector = nil, &metav1.LabelSelector{MatchLabels: map[string]string{"probe": p.ns}}
		}
		webhooks = append(webhooks, w)
	}
	for group, resources := range map[string]string{
		"": "configmaps secrets serviceaccounts services persistentvolumeclaims pods namespaces", "coordination.k8s.io": "leases",
		"rbac.authorization.k8s.io": "roles clusterroles", "networking.k8s.io": "networkpolicies ingresses", "policy": "poddisruptionbudgets",
		"discovery.k8s.io": "endpointslices", "apps": "deployments statefulsets replicasets daemonsets", "batch": "jobs cronjobs",
	} {
		for resource := range strings.FieldsSeq(resources) {
			add(group, resource)
		}
	}
	p.build(t)
	meta := metav1.ObjectMeta{Name: p.ns + "-kinds"}
	p.configure(t, meta, webhooks...)
	clustertest.Eventually(t, func(context.Context) error {
		before := p.calls.Load()
		report, _ := examine(t, "--probe", "--connect=none", "--webhook-configuration=validating/"+meta.Name)
		if len(report.Answers) != len(webhooks) {
			t.Fatalf("%d answers for %d entries", len(report.Answers), len(webhooks))
		}
		for _, a := range report.Answers {
			if !strings.HasSuffix(a.Probe, ": no failure") {
				t.Fatalf("%s: %s", a.Webhook, a.Probe)
			}
		}
		if calls := p.calls.Load() - before; calls < int64(len(webhooks)) {
			return fmt.Errorf("%d calls for %d entries", calls, len(webhooks))
		}
		return nil
	})
	stored, err := shared.admin.CoreV1().ConfigMaps(p.ns).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(stored.Items) > 0 {
		t.Errorf("%d ConfigMaps were stored by dry runs", len(stored.Items))
	}
}

// TestProbeRights: who may not create objects and not read metrics is told so, and the rest is judged.
func TestProbeRights(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.build(t)
	role := pageRole(t)
	role.Name = p.ns
	kubeconfig := user(t, &role)
	clustertest.Eventually(t, func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, shared.program, "doctor", "--probe", "--kubeconfig="+kubeconfig,
			"--webhook-configuration=validating/"+p.meta.Name).CombinedOutput()
		for _, want := range []string{"the API server's metrics may not be read", "is forbidden", "1 handshake made"} {
			if err != nil || !strings.Contains(string(out), want) {
				return fmt.Errorf("it does not say %q: %w:\n%s", want, err, out)
			}
		}
		return nil
	})
}

// TestWatch: what is new is said, and the exit code is that of the last state.
func TestWatch(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.build(t)
	cmd := exec.CommandContext(t.Context(), shared.program, "doctor", "--watch", "--interval=1s",
		"--kubeconfig="+shared.plane.Kubeconfig(), "--webhook-configuration=validating/"+p.meta.Name)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	until := func(part string) {
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return
			}
		}
		t.Fatalf("it never says %q: %s", part, &stderr)
	}
	until("0 errors, 0 warnings")
	proxyGone(t, p)
	until("new: ValidatingWebhookConfiguration \"" + p.meta.Name)
	until("service-missing")
	until("fix: ")
	must(t, cmd.Process.Signal(os.Interrupt))
	for lines.Scan() { // What has not changed is not said again.
		t.Errorf("it says more: %s", lines.Text())
	}
	if exit := (*exec.ExitError)(nil); !errors.As(cmd.Wait(), &exit) || exit.ExitCode() != 1 {
		t.Errorf("exit code %d, want 1: %s", cmd.ProcessState.ExitCode(), &stderr)
	}
}

// TestMountedSecret: the Secret that kube-webhook-certgen makes is mounted by the server, and no annotation names it.
func TestMountedSecret(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "web-admission"}, Data: map[string][]byte{
		"ca": (*authority)(nil).signed(t, isCA).pem(), "cert": p.leaf.pem(), "key": []byte("not to be read")}}
	p.pod.Spec.Volumes = []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: "web-admission"}}}}
	p.build(t)
	wantFindings(t, []string{"stored-ca-differs"}, "--webhook-configuration=validating/"+p.meta.Name)
}

// TestConditionsOfNothing: a condition that asks for namespaceObject keeps the webhook from being asked, and one that reads
// the object of a deletion keeps everything from being deleted.
func TestConditionsOfNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		expression, want string
		refused          bool
	}{
		"never":   {"has(namespaceObject.metadata) && namespaceObject.metadata.name == 'a'", "match-condition-never-holds", false},
		"always":  {"!has(namespaceObject.metadata) || namespaceObject.metadata.name == 'a'", "match-condition-always-holds", false},
		"on null": {"object.metadata.name != 'a'", "match-condition-on-null", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.webhook.Rules[0].Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Delete}
			p.webhook.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "c", Expression: tt.expression}}
			p.build(t)
			wantFindings(t, []string{tt.want}, "--webhook-configuration=validating/"+p.meta.Name)
			maps := shared.admin.CoreV1().ConfigMaps(p.ns)
			_, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "try"}}, metav1.CreateOptions{})
			must(t, err)
			clustertest.Eventually(t, func(ctx context.Context) error {
				err := maps.Delete(ctx, "try", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
				if called := p.calls.Load() > 0; (err != nil) != tt.refused || called != (name == "always") {
					return fmt.Errorf("the API server says %w, and has called: %t", err, called)
				}
				return nil
			})
		})
	}
}
