// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
)

// judged is what the default checks find in a manifest.
func judged(t *testing.T, manifest string) string {
	t.Helper()
	report, err := offline.Judge(t.Context(), offline.Options{
		Paths: []string{"-"}, Input: strings.NewReader(manifest), Configuration: config.Default(check.Definitions()),
		Scheme: scheme.Scheme,
	})
	if err != nil {
		return err.Error()
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) == 0 {
		return ""
	}
	return text.String()
}

// indented is a text with spaces in front of its lines.
func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}

// What people copy from a page passes our own defaults: it is an object, the specification of a Pod, or a configuration
// of checks, and else at least YAML. The objects of docs/checks.md that a check denies are what that page is about.
func TestYAMLOnPages(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^( *)```yaml\n(.*?)^ *```")
	sorts := map[string]int{}
	for _, page := range pages(t) {
		if page == "../docs/checks.md" {
			continue
		}
		for _, block := range blocks.FindAllStringSubmatch(read(t, page), -1) {
			text := strings.ReplaceAll("\n"+block[2], "\n"+block[1], "\n")
			var value any
			if err := yaml.Unmarshal([]byte(text), &value); err != nil {
				t.Errorf("%s: %v:%s", page, err, text)
				continue
			}
			fields, _ := value.(map[string]any)
			found, sort := "", "something else"
			switch kind, _ := fields["kind"].(string); {
			case kind == config.Kind:
				sort = kind
				if _, err := config.Parse([]byte(text), slices.Concat(check.Definitions(), mutation.Definitions())); err != nil {
					found = err.Error()
				}
			case fields["containers"] != nil:
				sort = "Pod"
				found = judged(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: page}\nspec:\n"+indented(text))
			case fields["apiVersion"] != nil && fields["metadata"] != nil:
				sort, found = kind, judged(t, text)
			}
			sorts[sort]++
			if found != "" {
				t.Errorf("%s: %s:\n%s", page, found, text)
			}
		}
	}
	if sorts["Pod"] == 0 || sorts[config.Kind] == 0 {
		t.Errorf("the pages have %v", sorts)
	}
}

// The tag of our own image on a page is the one that is installed.
func TestImageOnPages(t *testing.T) {
	tag := regexp.MustCompile(`newTag: (\S+)`).FindStringSubmatch(read(t, "../manifests/base/kustomization.yaml"))
	var images [][]string
	for _, page := range pages(t) {
		images = append(images, regexp.MustCompile(`image: ghcr.io/hookstrap/hookstrap(\S*)`).FindAllStringSubmatch(read(t, page), -1)...)
	}
	if tag == nil || len(images) == 0 {
		t.Fatalf("tag %q, images %q", tag, images)
	}
	for _, image := range images {
		if image[1] != ":"+tag[1] {
			t.Errorf("%s, installed is %s", image[0], tag[1])
		}
	}
}
