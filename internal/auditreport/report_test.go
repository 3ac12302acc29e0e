// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package auditreport

import (
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/internal/audit"
	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

func object(kind, namespace, name string) audit.Object {
	return audit.Object{Kind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: kind}, Namespace: namespace, Name: name}
}

func found(check string, effect audit.Effect) audit.Finding {
	return audit.Finding{
		Check: check, Mode: handler.Deny, Field: "spec.x", Message: "spec.x: wrong", Effect: effect, Webhook: "pods",
		Identity: "wrong", Refuses: effect != audit.Warned && effect != audit.Noted,
	}
}

// run are results, and an error after them.
func run(results []audit.Result, errs ...error) iter.Seq2[audit.Result, error] {
	return func(yield func(audit.Result, error) bool) {
		for _, r := range results {
			if !yield(r, nil) {
				return
			}
		}
		for _, err := range errs {
			if !yield(audit.Result{}, err) {
				return
			}
		}
	}
}

func results() []audit.Result {
	web, agent := object("Deployment", "shop", "web"), object("DaemonSet", "infra", "agent")
	old := agent
	old.Kind.Version = "v1beta1"
	noted := found("probes", audit.Noted)
	noted.Mode = handler.Audit
	return []audit.Result{
		{Object: web, Owner: web, Findings: []audit.Finding{found("imageTag", audit.PodsDenied), found("resources", audit.Warned), noted}},
		{Object: object("Pod", "infra", "agent-a"), Owner: agent, Findings: []audit.Finding{found("podSecurity", audit.CreationDenied)}},
		{Object: object("Pod", "infra", "agent-b"), Owner: old, Findings: []audit.Finding{found("podSecurity", audit.CreationDenied)}},
		{Object: object("Pod", "infra", "agent-c"), Owner: agent, Exempted: map[string]string{"podSecurity": "image: a"}},
		{Object: object("Pod", "infra", "ended"), Owner: agent, Left: audit.Finished},
		{Object: object("Pod", "kube-system", "dns"), Owner: object("Pod", "kube-system", "dns"), Left: audit.NotAsked},
		{Object: object("ClusterRole", "", "all"), Owner: object("ClusterRole", "", "all"),
			Findings: []audit.Finding{found("rbacWildcards", audit.UpdateDenied)}},
	}
}

func collect(t *testing.T) *Report {
	t.Helper()
	part := &audit.PartError{Resource: "cronjobs.batch", Err: errors.New("forbidden\nby\x1b[31m RBAC")}
	report, err := Collect(run(results(), part), nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestText(t *testing.T) {
	var out strings.Builder
	if err := collect(t).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want := `ClusterRole "all"
  denied: rbacWildcards: spec.x: wrong: its next update is denied (pods)
infra: DaemonSet "agent"
  denied: Pod "agent-a" and 1 more: podSecurity: spec.x: wrong: it is denied when its controller creates it again (pods)
shop: Deployment "web"
  denied: imageTag: spec.x: wrong: its new Pods are denied (pods)
  warning: resources: spec.x: wrong: there is a warning, and it passes (pods)
  audit: probes: spec.x: wrong: it is noted in the audit log, and passes (pods)
not judged: not all cronjobs.batch are judged: forbidden by [31m RBAC
5 objects judged: something of 3 owners is denied, 1 warning, 1 for the audit log, 1 exemption; ` +
		"the server is not asked about 1 object; 1 object ended and will not start again\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	var out strings.Builder
	if err := collect(t).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var read Report
	if err := json.Unmarshal([]byte(out.String()), &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*collect(t), read); diff != "" {
		t.Errorf("what is read is not what was written:\n%s", diff)
	}
	if f := read.Owners[1].Findings[0]; f.Objects != 2 || f.Object.Name != "agent-a" || read.DeniedOwners != 3 {
		t.Errorf("got %+v", read)
	}
	out.Reset()
	if err := (&Report{}).WriteJSON(&out); err != nil || !strings.HasPrefix(out.String(), "{") {
		t.Errorf("an empty report: %s, %v", out.String(), err)
	}
}

func TestSARIF(t *testing.T) {
	var out strings.Builder
	err := collect(t).WriteSARIF(&out, offline.Tool{Name: "webhook"}, config.Default(check.Definitions()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"uri": "shop/Deployment/web"`, `"uri": "ClusterRole/all"`, `"ruleId": "podSecurity"`, `"level": "note"`,
		`"text": "Pod \"agent-a\" in namespace \"infra\": spec.x: wrong: it is denied when its controller creates it again"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in %s", want, out.String())
		}
	}
}

// The error of a run that ends early is not a report.
func TestRunsThatEndEarly(t *testing.T) {
	report, err := Collect(run(results(), errors.New("stopped")), nil)
	if report != nil || err == nil {
		t.Errorf("got %+v, %v", report, err)
	}
	n := 0
	if _, err := Collect(run(results()), func(objects int) { n = objects }); err != nil || n != len(results()) {
		t.Errorf("%d objects were read: %v", n, err)
	}
}
