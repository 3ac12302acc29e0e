// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// Every check, as people meet it: the examples of its page, applied with kubectl.
func TestChecksWithKubectl(t *testing.T) {
	s := newCheckSite(t)
	for _, d := range check.Definitions() {
		if d.Doc.Operation != "" {
			continue // see requests_test.go
		}
		t.Run(d.Name, func(t *testing.T) {
			parameters, elsewhere := d.Doc.Parameters, s.Target
			if d.Name == "defaultNamespace" {
				// The real one is for other tests as well; what is not in it is not for us to see.
				parameters, elsewhere = "namespaces: ["+s.Target+"]", s.Namespace
			}
			s.only(t, d, parameters)
			name := "web-" + strings.ToLower(d.Name)
			testExamples(t, d, renamed(t, d.Doc.Denied, name, s.Target), renamed(t, d.Doc.Admitted, name, elsewhere))
		})
	}
}

// Roles and bindings for the whole cluster are in no namespace, and come to the webhook by rules of their own.
func TestChecksOfTheWholeClusterWithKubectl(t *testing.T) {
	s := newCheckSite(t)
	seen := 0
	for _, d := range check.Definitions() {
		name := s.Target + "-" + strings.ToLower(d.Name)
		denied, ok := s.clusterWide(t, d.Doc.Denied, name)
		if !ok {
			continue
		}
		admitted, _ := s.clusterWide(t, d.Doc.Admitted, name)
		seen++
		t.Run(d.Name, func(t *testing.T) {
			t.Cleanup(func() {
				if said, err := kubectlIn(context.WithoutCancel(t.Context()), admitted, "delete", "-f", "-"); err != nil {
					t.Errorf("cleaning up: %v: %s", err, said)
				}
			})
			s.only(t, d, d.Doc.Parameters)
			testExamples(t, d, denied, admitted)
		})
	}
	if seen != 3 {
		t.Errorf("%d checks are about roles or bindings, want 3", seen)
	}
}

func testExamples(t *testing.T, d handler.Definition, denied, admitted string) {
	t.Helper()
	said, err := kubectl(t, denied, "apply", "-f", "-")
	if err == nil || !strings.Contains(said, "denied by 1 check: "+d.Name+": ") {
		t.Errorf("kubectl apply of what is to be denied: %v: %s", err, said)
	}
	t.Log(said)
	said, err = kubectl(t, admitted, "apply", "-f", "-")
	if err != nil || !strings.HasSuffix(said, " created") {
		t.Errorf("kubectl apply of what is to be admitted: %v: %s", err, said)
	}
	t.Log(said)
}

const (
	liveDeployment = `{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 3, selector: {matchLabels: {app: live}},
		template: {metadata: {labels: {app: live}}, spec: {containers: [{name: app, image: "x:1"}]}}}}`
	liveIngress = `{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {tls: [{hosts: [live.example.com]}], rules: [
		{host: live.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}`
	liveBudget = `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {minAvailable: 3, selector: {matchLabels: {app: live}}}}`
	liveSet    = `{apiVersion: apps/v1, kind: ReplicaSet, spec: {replicas: 3, selector: {matchLabels: {app: set}},
		template: {metadata: {labels: {app: set}}, spec: {containers: [{name: app, image: "x:1"}]}}}}`
	liveController = `{apiVersion: v1, kind: ReplicationController, spec: {replicas: 2, selector: {app: rc},
		template: {metadata: {labels: {app: rc}}, spec: {containers: [{name: app, image: "x:1"}]}}}}`
	liveAutoscaler = `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, spec: {minReplicas: 2, maxReplicas: 9,
		scaleTargetRef: {apiVersion: apps/v1, kind: ReplicaSet, name: set}}}`
	setBudget = `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {minAvailable: 2, selector: {matchLabels: {app: set}}}}`
	livePod   = `{apiVersion: v1, kind: Pod, metadata: {finalizers: [example.com/wait]}, spec: {hostNetwork: true,
		containers: [{name: app, image: x}]}}`
)

// What a check compares with comes from a cache, which is filled with the rights that the component gives.
func TestChecksLookAtOtherObjects(t *testing.T) {
	s := newCheckSite(t)
	must(t, s.handler.SetChecks())
	mustApply(t, renamed(t, liveDeployment, "live", s.Target))
	mustApply(t, renamed(t, liveIngress, "live", s.Namespace))
	for name, manifest := range map[string]string{"podDisruptionBudgets": liveBudget, "ingressHosts": liveIngress} {
		t.Run(name, func(t *testing.T) {
			s.only(t, definitionOf(t, name), "")
			eventuallyDenied(t, renamed(t, manifest, "second", s.Target), name)
		})
	}
	t.Run("autoscaled ReplicaSet", func(t *testing.T) {
		must(t, s.handler.SetChecks())
		mustApply(t, renamed(t, liveSet, "set", s.Target))
		s.only(t, definitionOf(t, "podDisruptionBudgets"), "")
		eventuallyDenied(t, strings.Replace(renamed(t, setBudget, "third", s.Target), `"minAvailable":2`, `"minAvailable":3`, 1),
			"podDisruptionBudgets")
		if said, err := kubectl(t, renamed(t, setBudget, "third", s.Target), "apply", "--dry-run=server", "-f", "-"); err != nil {
			t.Errorf("two of three: %v: %s", err, said)
		}
		mustApply(t, renamed(t, liveAutoscaler, "set", s.Target))
		eventuallyDenied(t, renamed(t, setBudget, "third", s.Target), "podDisruptionBudgets")
	})
	t.Run("ReplicationController", func(t *testing.T) {
		must(t, s.handler.SetChecks())
		mustApply(t, renamed(t, liveController, "rc", s.Target))
		s.only(t, definitionOf(t, "podDisruptionBudgets"), "")
		eventuallyDenied(t, strings.Replace(renamed(t, setBudget, "fourth", s.Target), `"app":"set"`, `"app":"rc"`, 1),
			"podDisruptionBudgets")
	})
	t.Run("what is missing", func(t *testing.T) { testMissing(t, s) })
	t.Run("hosts of the Gateway API", func(t *testing.T) { testGatewayHosts(t, s) })
	t.Run("level by namespace", func(t *testing.T) {
		rules := "{level: privileged, rules: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}, level: baseline}]}"
		s.only(t, definitionOf(t, "podSecurity"), fmt.Sprintf(rules, s.Target))
		eventuallyDenied(t, renamed(t, livePod, "leveled", s.Target), "podSecurity")
		s.only(t, definitionOf(t, "podSecurity"), fmt.Sprintf(rules, s.Namespace))
		if said, err := kubectl(t, renamed(t, livePod, "leveled", s.Target), "apply", "--dry-run=server", "-f", "-"); err != nil {
			t.Errorf("in a namespace that no rule selects: %v: %s", err, said)
		}
	})
	t.Run("scale", func(t *testing.T) {
		s.only(t, definitionOf(t, "replicaLimits"), "max: 5")
		said, err := kubectl(t, "", "scale", "deployment/live", "-n", s.Target, "--replicas=6")
		if err == nil || !strings.Contains(said, "replicas: 6 is too many; the largest number is 5") {
			t.Errorf("kubectl scale beyond the limit: %v: %s", err, said)
		}
		t.Log(said)
		if said, err := kubectl(t, "", "scale", "deployment/live", "-n", s.Target, "--replicas=5"); err != nil {
			t.Errorf("kubectl scale to the limit: %v: %s", err, said)
		}
	})
}

// An object that is older than every check loses its finalizer, and can be labeled.
func TestChecksLetOldObjectsGo(t *testing.T) {
	s := newCheckSite(t)
	must(t, s.handler.SetChecks())
	mustApply(t, renamed(t, livePod, "old", s.Target))
	for _, d := range check.Definitions() {
		s.only(t, d, d.Doc.Parameters)
		said, err := kubectl(t, "", "label", "pod/old", "-n", s.Target, "seen-by="+d.Name, "--overwrite")
		if err != nil {
			t.Errorf("%s: labeling: %s", d.Name, said)
		}
		said, err = kubectl(t, "", "patch", "pod/old", "-n", s.Target, "--type=merge", "--dry-run=server",
			"-p", `{"metadata":{"finalizers":null}}`)
		if err != nil {
			t.Errorf("%s: taking the finalizer off: %s", d.Name, said)
		}
	}
	if said, err := kubectl(t, "", "patch", "pod/old", "-n", s.Target, "--type=merge",
		"-p", `{"metadata":{"finalizers":null}}`); err != nil {
		t.Error(said)
	}
}

// An object that is older than every check may lose a part of what is wrong with it, and cannot get more.
func TestChecksLetOldObjectsImprove(t *testing.T) {
	s := newCheckSite(t)
	must(t, s.handler.SetChecks())
	mustApply(t, renamed(t, `{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 0, selector: {matchLabels: {app: old}},
		template: {metadata: {labels: {app: old}}, spec: {hostNetwork: true, containers: [
			{name: a, image: "x:1", securityContext: {capabilities: {add: [NET_RAW, SYS_ADMIN]}}},
			{name: b, image: "x:1", securityContext: {privileged: true}}]}}}}`, "old", s.Target))
	s.only(t, definitionOf(t, "podSecurity"), "")
	for _, step := range []struct {
		patch   string
		allowed bool
	}{
		{`[{"op":"add","path":"/spec/template/spec/hostPID","value":true}]`, false},
		{`[{"op":"remove","path":"/spec/template/spec/containers/0/securityContext/capabilities/add/0"}]`, true},
		{`[{"op":"add","path":"/spec/template/spec/containers/0/securityContext/capabilities/add/0","value":"NET_RAW"}]`, false},
		{`[{"op":"remove","path":"/spec/template/spec/containers/1"}]`, true},
		{`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"z:1"}]`, false},
	} {
		said, err := kubectl(t, "", "patch", "deployment/old", "-n", s.Target, "--type=json", "-p", step.patch)
		if (err == nil) != step.allowed || err != nil && !strings.Contains(said, "denied by 1 check: podSecurity: ") {
			t.Errorf("%s: %v: %s", step.patch, err, said)
		}
		t.Log(said)
	}
}
