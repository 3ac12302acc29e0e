// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
	"github.com/hookstrap/hookstrap/test/e2e/helm"
)

// allows says whether a role allows all verbs for a resource of a group.
func allows(role *rbacv1.ClusterRole, group, resource string, verbs ...string) bool {
	return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		missing := func(verb string) bool { return !slices.Contains(r.Verbs, verb) }
		return slices.Contains(r.APIGroups, group) && slices.Contains(r.Resources, resource) && len(r.ResourceNames) == 0 &&
			!slices.ContainsFunc(verbs, missing)
	})
}

func roleOf(t *testing.T, o objects, name string) *rbacv1.ClusterRole {
	t.Helper()
	return typed[rbacv1.ClusterRole](t, objects{name: o["ClusterRole "+name]}, "ClusterRole")
}

// TestRulesForWhatIsLookedUp: with a check that is on, the server may read all that it can look up, or it would never be
// ready; and with one that is off, nothing more than without it.
func TestRulesForWhatIsLookedUp(t *testing.T) {
	kinds := 0
	for _, d := range check.Definitions() {
		if len(d.Reads) == 0 || d.Name == "podSecurity" { // It reads namespaces, if it selects some.
			continue
		}
		on := roleOf(t, render(t, helm4, "hookstrap", "policy", "checks."+d.Name+".mode=warn"), "hookstrap")
		off := roleOf(t, render(t, helm4, "hookstrap", "policy", "checks."+d.Name+".mode=off"), "hookstrap")
		for _, read := range d.Reads {
			kind, err := apiutil.GVKForObject(view.TypeOf(read), scheme.Scheme)
			must(t, err)
			resource := offline.GuessResource(kind)
			if kinds++; !allows(on, resource.Group, resource.Resource, "get", "list", "watch") {
				t.Errorf("the check %s cannot read %s", d.Name, resource)
			}
			if allows(off, resource.Group, resource.Resource, "list") {
				t.Errorf("the check %s is off, and the server may list %s", d.Name, resource)
			}
		}
	}
	if kinds < 10 {
		t.Errorf("checks look up %d kinds only", kinds)
	}
}

// TestChecksThatAreTakenAway: null takes a default away, and does not turn on a check that denies.
func TestChecksThatAreTakenAway(t *testing.T) {
	o := render(t, helm4, "hookstrap", "policy", "checks.podSecurity=null,checks.imageTag=null,namespaceLevels=true")
	wantAllOff(t, o)
	// And so of all, with a list that has nothing in it.
	wantAllOff(t, render(t, helm4, "hookstrap", "policy", "checks=null,exemptNamespaces=null,mutations.dropCapabilities.mode=audit"))
}

func wantAllOff(t *testing.T, o objects) {
	t.Helper()
	data, _, _ := unstructured.NestedString(o["ConfigMap hookstrap-checks"].Object, "data", "checks.yaml")
	c, err := config.Parse([]byte(data), slices.Concat(check.Definitions(), mutation.Definitions()))
	must(t, err)
	for _, one := range c.Checks {
		if one.Mode != handler.Off && !one.Definition.IsMutation() {
			t.Errorf("the check %s has mode %s by\n%s", one.Definition.Name, one.Mode, data)
		}
	}
}

// TestTemplatesAreAskedAbout: the API server asks about the kinds in podTemplates, and an audit may list them.
func TestTemplatesAreAskedAbout(t *testing.T) {
	var values []string
	var want []string
	for i, kind := range []string{"Rollout", "Canary", "Express", "Gateway", "Sandbox", "Mesh", "Branch"} {
		want = append(want, offline.GuessResource(schema.GroupVersionKind{Kind: kind}).Resource)
		at := fmt.Sprintf("podTemplates[%d].", i)
		values = append(values, at+"group=example.com", at+"kind="+kind, at+"path=spec.template")
	}
	o := render(t, helm4, "hookstrap", "policy", strings.Join(values, ",")+",checks.imageTag.mode=denyWhenClean")
	var asked []string
	for _, entry := range typed[admissionregistrationv1.ValidatingWebhookConfiguration](t, o, "ValidatingWebhookConfiguration").Webhooks {
		for _, rule := range entry.Rules {
			if slices.Contains(rule.APIGroups, "example.com") {
				asked = append(asked, rule.Resources...)
			}
		}
	}
	if !slices.Equal(asked, want) {
		t.Errorf("the webhook is asked about %v, want %v", asked, want)
	}
	for _, resource := range asked {
		if !allows(roleOf(t, o, "hookstrap"), "example.com", resource, "list") {
			t.Errorf("an audit may not list %s", resource)
		}
	}
}

// TestTheAuthorityCanStart: the webhook waits for a certificate of the authority, so it must not be asked about the Pods
// of the authority by what fails closed.
func TestTheAuthorityCanStart(t *testing.T) {
	for signer, exempt := range map[string]bool{"hookstrap.dev/authority": true, "hookstrap.dev/serving": false} {
		o := render(t, helm4, "hookstrap", "policy", "signerName="+signer+",mutations.defaultSeccompProfile.mode=apply,allChecks=true")
		selectors := 0
		for _, kind := range []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"} {
			// Both have the same fields here.
			c := typed[admissionregistrationv1.MutatingWebhookConfiguration](t, objects{kind: o[kind+" hookstrap"]}, kind)
			for _, entry := range c.Webhooks {
				if *entry.FailurePolicy != admissionregistrationv1.Fail {
					continue
				}
				selectors++
				if got := entry.NamespaceSelector.MatchExpressions[0].Values; slices.Contains(got, "hookstrap-authority") != exempt {
					t.Errorf("signer %s: %s of %s leaves out %v", signer, entry.Name, kind, got)
				}
			}
		}
		if selectors != 3 {
			t.Errorf("there are %d entries", selectors)
		}
	}
}

// TestLongNames: names of Services have 63 characters at most.
func TestLongNames(t *testing.T) {
	o := render(t, helm4, strings.Repeat("a", 53), "policy", "secureMetrics=true,monitor.enabled=true")
	services := 0
	for _, object := range o {
		if object.GetKind() != "Service" {
			continue
		}
		if services++; len(object.GetName()) > 63 {
			t.Errorf("a Service has a name of %d characters, %s", len(object.GetName()), object.GetName())
		}
	}
	if services != 2 {
		t.Errorf("there are %d Services", services)
	}
	for _, release := range []string{"1web", "a.b"} {
		_, err := helm4.Run(t.Context(), "template", release, helm.Chart())
		if err == nil || !strings.Contains(err.Error(), "set fullnameOverride") {
			t.Errorf("a release called %s: %v", release, err)
		}
	}
}
