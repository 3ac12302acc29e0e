// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build admission

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// creators are how many creations may be on their way at a time.
const creators = 64

// judge is what looks at the Pods that are created.
type judge struct {
	name string
	// put has it in force, and returns what takes it away.
	put func(t *testing.T) (remove func())
	// server and wire are of a webhook server; nil for what needs none.
	server *process.Server
	wire   *wire

	measured admissions
}

// admissions are what creations have taken: each, and all together of the processors and on the wire.
type admissions struct {
	latencies         []time.Duration
	apiServer, server time.Duration
	traffic           traffic
	failed            atomic.Int64
}

// TestMeasureAdmission creates Pods through the API server, as dry runs, at a steady rate (RATE, 500 a second): in turns
// (TURNS, 3, of SECONDS, 10) with nothing that judges them, with `webhook serve` and its check of image tags, with Gatekeeper
// and Kyverno (the programs in the environment variables GATEKEEPER and KYVERNO), and with a ValidatingAdmissionPolicy, all
// with the same rule. A latency is counted from when the creation was due, so that one that is slow does not hide those that wait for it.
func TestMeasureAdmission(t *testing.T) {
	s := site.New(t, shared, site.Options{WithoutConfiguration: true})
	cfg := shared.Config()
	cfg.QPS = -1
	client := mustClient(t, cfg)
	judges := []*judge{
		{name: "nothing", put: func(*testing.T) func() { return func() {} }},
		theWebhook(t, s), theGatekeeper(t, s), theKyverno(t, s),
		{name: "policy", put: func(t *testing.T) func() { t.Helper(); return putPolicy(t, s) }},
	}
	for range atoi(t, "TURNS", 3) {
		for _, j := range judges {
			remove := j.put(t)
			awaitJudged(t, s, j.name != "nothing")
			j.turn(t, client, s.Target)
			remove()
			awaitJudged(t, s, false)
		}
	}
	for _, j := range judges {
		j.report(t)
	}
}

// theWebhook is ours.
func theWebhook(t *testing.T, s *site.Site) *judge {
	t.Helper()
	wire := countConnections(t, s.Port)
	config := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(config, []byte(configHead+"checks: {imageTag: {mode: deny}, podSecurity: {mode: off}}\n"), 0o600))
	server := startProcess(t, s, s.Config(t), fmt.Sprintf("--secure-port=%d", wire.backend), "--config="+config)
	return &judge{name: "webhook", server: server, wire: wire, put: func(t *testing.T) func() {
		t.Helper()
		s.CreateConfiguration(t)
		return func() { deleteConfiguration(t, s, s.Configuration) }
	}}
}

func deleteConfiguration(t *testing.T, s *site.Site, name string) {
	t.Helper()
	must(t, s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(t.Context(), name, metav1.DeleteOptions{}))
}

// awaitJudged waits until a Pod that breaks the rule is denied, or admitted again.
func awaitJudged(t *testing.T, s *site.Site, denied bool) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		err := s.Admit(ctx, site.BadImage)
		// Kyverno calls what it denies a bad request.
		if refused := apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err); err != nil && !refused || refused != denied {
			return fmt.Errorf("denied %t, want %t: %w", refused, denied, errors.Join(err))
		}
		return nil
	})
}

// tagsRules is the rule of our check of image tags, as the validations of a policy.
func tagsRules() string {
	var rules strings.Builder
	for _, containers := range []string{"containers", "initContainers", "ephemeralContainers"} {
		_, _ = fmt.Fprintf(&rules, `  - expression: "!has(object.spec.%[1]s) || object.spec.%[1]s.all(c, c.image.contains('@') || `+
			`c.image.matches(':[^/:]+$') && !c.image.endsWith(':latest'))"`+"\n", containers)
	}
	return rules.String()
}

func putPolicy(t *testing.T, s *site.Site) (remove func()) {
	t.Helper()
	mustApply(t, `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: `+s.Configuration+`}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE, UPDATE]}]
  validations:
`+tagsRules()+`---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: `+s.Configuration+`}
spec:
  policyName: `+s.Configuration+`
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: `+s.Target+`}}}
`)
	api := s.Admin.AdmissionregistrationV1()
	return func() {
		must(t, api.ValidatingAdmissionPolicyBindings().Delete(t.Context(), s.Configuration, metav1.DeleteOptions{}))
		must(t, api.ValidatingAdmissionPolicies().Delete(t.Context(), s.Configuration, metav1.DeleteOptions{}))
	}
}

// turn creates Pods for a while.
func (j *judge) turn(t *testing.T, client kubernetes.Interface, namespace string) {
	t.Helper()
	rate := atoi(t, "RATE", 500)
	n := rate * atoi(t, "SECONDS", 10)
	latencies, m := make([]time.Duration, n), &j.measured
	before := j.costs(t, client)
	began := time.Now()
	var next atomic.Int64
	var running sync.WaitGroup
	for range creators {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
				<-time.After(time.Until(due))
				_, err := client.CoreV1().Pods(namespace).Create(t.Context(), usualPod(),
					metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
				if err != nil {
					m.failed.Add(1)
				}
				latencies[i] = time.Since(due)
			}
		})
	}
	running.Wait()
	after := j.costs(t, client)
	m.latencies = append(m.latencies, latencies...)
	m.apiServer += after.apiServer - before.apiServer
	m.server += after.server - before.server
	m.traffic.connections += after.traffic.connections - before.traffic.connections
	m.traffic.asked += after.traffic.asked - before.traffic.asked
	m.traffic.answered += after.traffic.answered - before.traffic.answered
	slices.Sort(latencies)
	t.Logf("%-10s turn: p50 %s, p99 %s", j.name, latencies[n/2].Round(10*time.Microsecond), latencies[n*99/100].Round(10*time.Microsecond))
}

// costs are those since the start.
func (j *judge) costs(t *testing.T, client kubernetes.Interface) *admissions {
	t.Helper()
	now := &admissions{apiServer: processorTimeOfAPIServer(t, client)}
	if j.server != nil {
		now.server, now.traffic = processorTimeOf(t, j.server.PID()), j.wire.read()
	}
	return now
}

func (j *judge) report(t *testing.T) {
	t.Helper()
	m := &j.measured
	slices.Sort(m.latencies)
	n := len(m.latencies)
	at := func(share float64) time.Duration {
		return m.latencies[int(share*float64(n-1))].Round(10 * time.Microsecond)
	}
	each := func(all time.Duration) time.Duration { return (all / time.Duration(n)).Round(time.Microsecond) }
	perThousand := func(all int64) float64 { return float64(all) * 1000 / float64(n) }
	t.Logf("%-10s %d creations, %d failed: p50 %s, p99 %s, p99.9 %s; CPU of the API server %s each, of the webhook server %s; for a "+
		"thousand, %.1f connections, %.0f kB asked and %.0f kB answered", j.name, n, m.failed.Load(), at(0.5), at(0.99), at(0.999),
		each(m.apiServer), each(m.server), perThousand(m.traffic.connections), perThousand(m.traffic.asked)/1000,
		perThousand(m.traffic.answered)/1000)
	if failed := m.failed.Load(); failed > 0 {
		t.Errorf("%s: %d creations failed", j.name, failed)
	}
}

// usualPod is one of usual size: three containers with variables.
func usualPod() *corev1.Pod {
	pod := site.Pod(site.GoodImage)
	pod.Spec.Containers = nil
	for i := range 3 {
		container := corev1.Container{Name: fmt.Sprintf("app-%d", i), Image: site.GoodImage}
		for j := range 25 {
			container.Env = append(container.Env, corev1.EnvVar{Name: fmt.Sprintf("VARIABLE_%d", j), Value: strings.Repeat("v", 40)})
		}
		pod.Spec.Containers = append(pod.Spec.Containers, container)
	}
	return pod
}

// processorTimeOfAPIServer is what the API server says it has taken of the processors.
func processorTimeOfAPIServer(t *testing.T, client kubernetes.Interface) time.Duration {
	t.Helper()
	text, err := client.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "process_cpu_seconds_total "); found {
			var seconds float64
			_, err := fmt.Sscan(value, &seconds)
			must(t, err)
			return time.Duration(seconds * float64(time.Second))
		}
	}
	t.Fatal("the API server's metrics have no process_cpu_seconds_total")
	return 0
}
