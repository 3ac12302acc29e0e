// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/helm"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// variant is a row of the table in docs/helm.md: a kustomization below the root, and the values that render the same.
type variant struct {
	kustomization, values string
}

func variants(t *testing.T) []variant {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(site.Root(), "docs", "helm.md"))
	must(t, err)
	var rows []variant
	row := regexp.MustCompile("(?m)^\\| `(manifests/[^`]+)` \\|(?: `([^`]+)`)? \\|$")
	for _, row := range row.FindAllStringSubmatch(string(page), -1) {
		rows = append(rows, variant{row[1], row[2]})
	}
	if len(rows) < 10 || rows[0] != (variant{kustomization: "manifests/base"}) {
		t.Fatalf("docs/helm.md has the rows %v", rows)
	}
	return rows
}

func (v variant) base() string { return filepath.Base(v.kustomization) }

func (v variant) component() bool { return strings.Contains(v.kustomization, "/components/") }

// late says whether a component reads names of objects, so that they must have been given below it.
func (v variant) late() bool {
	return slices.Contains([]string{"cabundle-only", "trust-bundle"}, filepath.Base(v.kustomization))
}

// naming is a release, and what gives the objects of a kustomization the same names.
type naming struct {
	release, namespace, kustomization string
}

// inTexts puts names where kustomize does not look for them: into a ServiceMonitor, and into the right to be in force,
// of which each release has one.
func (n naming) inTexts() *strings.Replacer {
	name := n.release + "-hookstrap"
	if n.release == "hookstrap" {
		name = n.release
	}
	return strings.NewReplacer(`.name("default")`, fmt.Sprintf(".name(%q)", name), "resourceNames:\n  - default\n",
		"resourceNames:\n  - "+name+"\n",
		"serverName: hookstrap.hookstrap-system.svc", "serverName: "+name+"."+n.namespace+".svc",
		"key: bundle.crt\n          name: hookstrap-ca\n", "key: bundle.crt\n          name: "+name+"-ca\n")
}

func namings() []naming {
	return []naming{
		{"hookstrap", "hookstrap-system", "namespace: hookstrap-system\n"},
		{"team", "policy", "namespace: policy\nnamePrefix: team-\n"},
	}
}

// TestSameAsManifests: the chart installs what kustomize does, under any name, whichever Helm it is.
func TestSameAsManifests(t *testing.T) {
	for _, names := range namings() {
		for _, v := range variants(t) {
			t.Run(names.release+"/"+v.kustomization, func(t *testing.T) { wantSame(t, names, v) })
		}
	}
}

// TestSameTogether: components do together what they do one by one.
func TestSameTogether(t *testing.T) {
	names := namings()[1]
	all := variants(t)
	for i, a := range all {
		for _, b := range all[i+1:] {
			if b.component() && !exclude(a, b) {
				t.Run(a.base()+"+"+b.base(), func(t *testing.T) { wantSame(t, names, a, b) })
			}
		}
		if !a.component() {
			for n, chosen := range withComponents(a, all) {
				t.Run(fmt.Sprintf("%s+%d", a.base(), n), func(t *testing.T) { wantSame(t, names, chosen...) })
			}
		}
	}
}

// withComponents are as few kustomizations as can be of an overlay and components that go together, so that each component
// is in one of them.
func withComponents(overlay variant, all []variant) (together [][]variant) {
	left := slices.DeleteFunc(slices.Clone(all), func(v variant) bool { return !v.component() || exclude(overlay, v) })
	for len(left) > 0 {
		chosen := []variant{overlay}
		left = slices.DeleteFunc(left, func(v variant) bool {
			fits := !slices.ContainsFunc(chosen, func(c variant) bool { return exclude(c, v) })
			if fits {
				chosen = append(chosen, v)
			}
			return fits
		})
		together = append(together, chosen)
	}
	return together
}

// exclude says whether two variants are alternatives, or one of them is what all others begin with.
func exclude(a, b variant) bool {
	for _, group := range [][]string{
		{"deny", "deny-when-clean", "namespace-levels"}, {"calico", "flannel"},
		{"kubelet-serving", "pod-certificates", "trust-bundle"}, {"pod-certificates", "mutations"},
		{"base"}, {"monitoring"}, {"monitoring-secure"},
	} {
		if slices.Contains(group, a.base()) && (len(group) == 1 || slices.Contains(group, b.base())) {
			return true
		}
	}
	return false
}

func wantSame(t *testing.T, names naming, chosen ...variant) {
	t.Helper()
	var values []string
	for _, v := range chosen {
		values = append(values, v.values)
	}
	ours := render(t, helm4, names.release, names.namespace, values...)
	if len(chosen) == 1 {
		if diff := cmp.Diff(ours, render(t, helm3, names.release, names.namespace, values...)); diff != "" {
			t.Errorf("Helm 4 and Helm 3 differ:\n%s", diff)
		}
	}
	wantDecoded(t, ours)
	wanted := kustomize(t, names, chosen...)
	if diff := cmp.Diff(wanted.comparable(t), ours.comparable(t)); diff != "" {
		t.Errorf("the chart differs (-kustomize +chart):\n%s", diff)
	}
}

// kustomize renders variants together, as an overlay of a user would, with the labels of a release.
func kustomize(t *testing.T, names naming, chosen ...variant) objects {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	resources, early, late := []string{"base"}, []string{}, []string{}
	for _, v := range chosen {
		path := strings.TrimPrefix(v.kustomization, "manifests/")
		switch {
		case strings.HasPrefix(path, "overlays/monitoring"):
			resources = append(resources, path)
		case !v.component():
			resources[0] = path
		case v.late():
			late = append(late, path)
		default:
			early = append(early, path)
		}
	}
	if slices.Contains(resources, "overlays/monitoring-secure") {
		early = append(early, "components/secure-metrics")
	}
	if slices.Contains(early, "components/all-checks") && slices.Contains(early, "components/deny-when-clean") {
		early = append(early, "components/deny-when-clean/all-checks")
	}
	if slices.Contains(early, "components/all-checks") && slices.Contains(early, "components/object-events") {
		early = append(early, "components/object-events/all-checks")
	}
	write(t, filepath.Join(top, "below"), names.kustomization, resources, early)
	write(t, top, labels(names), []string{"below"}, late)
	out, err := cluster.Kustomize(t.Context(), top)
	must(t, err)
	return parse(t, names.inTexts().Replace(hash.ReplaceAllString(string(out), "$1")))
}

// labels are those of a release, which all its objects have. kustomize does not know where a PodMonitor selects Pods.
func labels(names naming) string {
	return fmt.Sprintf(`labels:
- pairs: {app.kubernetes.io/instance: %[1]s}
  includeSelectors: true
  fields:
  - {kind: PodMonitor, path: spec/selector/matchLabels, create: true}
  - {kind: ServiceMonitor, path: spec/selector/matchLabels, create: true}
- pairs: {app.kubernetes.io/managed-by: Helm, helm.sh/chart: %[2]s}
- pairs: {app.kubernetes.io/name: hookstrap, app.kubernetes.io/part-of: hookstrap}
`, names.release, "hookstrap-0.1.0")
}

// write writes a kustomization. Its resources and components are below manifests, but for "below".
func write(t *testing.T, directory, text string, resources, components []string) {
	t.Helper()
	must(t, os.MkdirAll(directory, 0o700))
	manifests, err := filepath.Rel(directory, filepath.Join(site.Root(), "manifests"))
	must(t, err)
	for field, paths := range map[string][]string{"resources": resources, "components": components} {
		text += "\n" + field + ":\n"
		for _, path := range paths {
			if path != "below" {
				path = filepath.Join(manifests, path)
			}
			text += "- " + path + "\n"
		}
	}
	must(t, os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(text), 0o600))
}

// TestEveryVariantHasValues: nothing in the manifests is missing in the chart.
func TestEveryVariantHasValues(t *testing.T) {
	known := []string{
		"components/deny-when-clean/all-checks", "components/object-events/all-checks", // Follow from the two.
		// The base and one component.
		"overlays/all-checks", "overlays/cabundle-only", "overlays/deny", "overlays/deny-when-clean",
		"overlays/trust-bundle", "overlays/secure-metrics",
	}
	for _, v := range variants(t) {
		known = append(known, strings.TrimPrefix(v.kustomization, "manifests/"))
	}
	var found []string
	for _, pattern := range []string{"components/*", "components/*/*", "overlays/*"} {
		files, err := filepath.Glob(filepath.Join(site.Root(), "manifests", pattern, "kustomization.yaml"))
		must(t, err)
		found = append(found, files...)
	}
	for _, file := range found {
		path, err := filepath.Rel(filepath.Join(site.Root(), "manifests"), filepath.Dir(file))
		must(t, err)
		if !slices.Contains(known, path) {
			t.Errorf("docs/helm.md has no values for manifests/%s", path)
		}
	}
	if len(found) < 10 {
		t.Errorf("only %v were found", found)
	}
}

// TestSameBytes: two times the same text, since GitOps tools render again and again.
func TestSameBytes(t *testing.T) {
	var values []string
	for _, v := range variants(t) {
		if !strings.Contains(v.values, "signerName=") {
			values = append(values, v.values)
		}
	}
	for _, h := range []helm.Helm{helm3, helm4} {
		args := append([]string{"hookstrap", "--namespace=hookstrap-system"}, set(values)...)
		if diff := cmp.Diff(template(t, h, args...), template(t, h, args...)); diff != "" {
			t.Errorf("%s: rendered twice:\n%s", h.Version, diff)
		}
	}
}
