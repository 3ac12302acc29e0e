// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	sigsyaml "sigs.k8s.io/yaml"
)

// What is said of the sources of other programs, once for a directory.
const (
	isChart = "it is a Helm chart, whose templates are not judged: render it first, as with " +
		"helm template CHART, and judge what it prints by -f -"
	isKustomization = "it has patches, which are not judged and not applied: render it first, as with " +
		"kubectl kustomize DIRECTORY, and judge what it prints by -f -"
)

// enter looks at a directory before what is in it: the templates of a Helm chart and the patches of a kustomization are
// no manifests. Shown is how the directory is called in reports. If the file that says so is excluded, it is not
// reported, and what belongs to it is left out all the same.
func (m *manifests) enter(dir, shown string) {
	say := func(name, text string) {
		if path := filepath.Join(shown, name); !m.isExcluded(path) {
			m.unreadable(path, 1, text)
		}
	}
	if isFile(filepath.Join(dir, "Chart.yaml")) && isDirectory(filepath.Join(dir, "templates")) {
		say("Chart.yaml", isChart)
		m.sources.Insert(filepath.Join(dir, "templates"), filepath.Join(dir, "charts"))
	}
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		if path := filepath.Join(dir, name); isFile(path) && m.kustomization(path) {
			say(name, isKustomization)
		}
	}
}

// kustomization notes the files that a kustomization names, but for its resources, which are manifests. It says whether
// some of them are more than the contents of a ConfigMap or Secret, which change no object.
func (m *manifests) kustomization(path string) bool {
	data, err := os.ReadFile(path) //nolint:gosec // it is below the user's own arguments
	if err != nil {
		return false
	}
	var fields map[string]any
	if err := sigsyaml.Unmarshal(data, &fields); err != nil {
		return false // It is read again as a file, which says why.
	}
	changes := false
	for name, value := range fields {
		if slices.Contains([]string{"resources", "bases", "components"}, name) {
			continue
		}
		for _, text := range textsIn(value) {
			if _, file, found := strings.Cut(text, "="); found { // of a generator: KEY=FILE
				text = file
			}
			if named := filepath.Join(filepath.Dir(path), text); isManifest(named) && isFile(named) {
				m.sources.Insert(named)
				changes = changes || !strings.HasSuffix(name, "Generator")
			}
		}
	}
	return changes
}

// textsIn are all texts in a value that could be the name of a file.
func textsIn(value any) []string {
	var texts []string
	switch v := value.(type) {
	case string:
		if !strings.Contains(v, "\n") {
			texts = append(texts, v)
		}
	case []any:
		for _, item := range v {
			texts = append(texts, textsIn(item)...)
		}
	case map[string]any:
		for _, item := range v {
			texts = append(texts, textsIn(item)...)
		}
	}
	return texts
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
