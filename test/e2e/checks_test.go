// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// Every check, as people meet it: the examples of its page, applied with kubectl.
func TestChecksWithKubectl(t *testing.T) {
	s := newCheckSite(t)
	for _, d := range check.Definitions() {
		t.Run(d.Name, func(t *testing.T) {
			parameters, elsewhere := d.Doc.Parameters, s.Target
			if d.Name == "defaultNamespace" {
				// The real one is for other tests as well; what is not in it is not for us to see.
				parameters, elsewhere = "namespaces: ["+s.Target+"]", s.Namespace
			}
			s.only(t, d, parameters)
			name := "web-" + strings.ToLower(d.Name)
			said, err := kubectl(t, renamed(t, d.Doc.Denied, name, s.Target), "apply", "-f", "-")
			if err == nil || !strings.Contains(said, "denied by 1 check: "+d.Name+": ") {
				t.Errorf("kubectl apply of what is to be denied: %v: %s", err, said)
			}
			t.Log(said)
			said, err = kubectl(t, renamed(t, d.Doc.Admitted, name, elsewhere), "apply", "-f", "-")
			if err != nil || !strings.HasSuffix(said, " created") {
				t.Errorf("kubectl apply of what is to be admitted: %v: %s", err, said)
			}
			t.Log(said)
		})
	}
}

const (
	liveDeployment = `{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 3, selector: {matchLabels: {app: live}},
		template: {metadata: {labels: {app: live}}, spec: {containers: [{name: app, image: "x:1"}]}}}}`
	liveIngress = `{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {tls: [{hosts: [live.example.com]}], rules: [
		{host: live.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}`
	liveBudget = `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {minAvailable: 3, selector: {matchLabels: {app: live}}}}`
	livePod    = `{apiVersion: v1, kind: Pod, metadata: {finalizers: [example.com/wait]}, spec: {hostNetwork: true,
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
