// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const namespaceLevels = "components/namespace-levels/"

func checksOf(t *testing.T, file string) config.Configuration {
	t.Helper()
	c, err := config.Parse(read(t, file), check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The component reads Namespaces, and gives the right to that alone.
func TestNamespaceLevelsMayReadNamespaces(t *testing.T) {
	if reads := checksOf(t, namespaceLevels+"checks.yaml").Reads(); len(reads) != 1 {
		t.Errorf("it reads %d types", len(reads))
	}
	rules := added[rbacv1.PolicyRule](t, namespaceLevels+"clusterrole-patch.yaml", "/rules/-")
	if len(rules) != 1 || !slices.Equal(rules[0].Resources, []string{"namespaces"}) || !slices.Equal(rules[0].APIGroups, []string{""}) ||
		!slices.Equal(rules[0].Verbs, []string{"get", "list", "watch"}) {
		t.Errorf("it gives %v", rules)
	}
}

// A Namespace that says so by its own manifest may have privileged Pods, and no other: that is warned of, as by the base.
func TestNamespaceLevelsFollowTheLabel(t *testing.T) {
	base, levels := checksOf(t, "base/checks.yaml"), checksOf(t, namespaceLevels+"checks.yaml")
	for i, c := range base.Checks {
		if other := levels.Checks[i]; c.Mode != other.Mode {
			t.Errorf("%s has mode %s in the base and %s in the component", c.Definition.Name, c.Mode, other.Mode)
		}
	}
	pod := func(security string) string {
		return "\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: logs}\n" +
			"spec: {containers: [{name: a, image: 'x:1', securityContext: {" + security + "}}]}\n"
	}
	for _, tt := range []struct {
		level, security string
		warned          bool
	}{
		{"", "privileged: true", true}, {"", "", false}, {"privileged", "privileged: true", false},
		{"baseline", "privileged: true", true}, {"restricted", "", true}, {"anything", "privileged: true", true},
	} {
		labels := ""
		if tt.level != "" {
			labels = "pod-security.kubernetes.io/enforce: " + tt.level
		}
		manifests := "apiVersion: v1\nkind: Namespace\nmetadata: {name: logs, labels: {" + labels + "}}" + pod(tt.security)
		report, err := offline.Judge(t.Context(), offline.Options{
			Paths: []string{"-"}, Input: strings.NewReader(manifests), Configuration: levels, Scheme: scheme.Scheme,
		})
		if err != nil || report.DeniedObjects > 0 || len(report.Findings) > 0 != tt.warned {
			t.Errorf("level %q with %q: got %+v, %v", tt.level, tt.security, report, err)
		}
	}
}
