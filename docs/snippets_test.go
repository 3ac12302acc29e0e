// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"strings"
	"testing"
)

// Every block of Go and YAML in docs/kubebuilder.md is in the example, to the byte.
func TestKubebuilderSnippets(t *testing.T) {
	const example = "../examples/kubebuilder/"
	in := map[string]string{
		"go":   read(t, example+"cmd/main.go"),
		"yaml": read(t, example+"config/default/manager_webhook_patch.yaml"),
	}
	blocks := regexp.MustCompile("(?ms)^```(go|yaml)\n(.*?)^```").FindAllStringSubmatch(read(t, "kubebuilder.md"), -1)
	if len(blocks) < 3 {
		t.Fatalf("only %d blocks were found", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(in[block[1]], block[2]) {
			t.Errorf("the example does not have\n%s", block[2])
		}
	}
}
