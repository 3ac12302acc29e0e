// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/helm"
)

// objects are what was rendered, by kind and name.
type objects map[string]*unstructured.Unstructured

// render renders the chart as a release would have it, without hooks. Values are as for --set.
func render(t *testing.T, h helm.Helm, release, namespace string, values ...string) objects {
	t.Helper()
	return parse(t, template(t, h, append([]string{release, "--no-hooks", "--namespace=" + namespace}, set(values)...)...))
}

// set are the flags for values.
func set(values []string) []string {
	var args []string
	for _, value := range values {
		if value != "" {
			args = append(args, "--set="+value)
		}
	}
	return args
}

func template(t *testing.T, h helm.Helm, args ...string) string {
	t.Helper()
	out, err := h.Run(t.Context(), append([]string{"template", helm.Chart(), "--name-template"}, args...)...)
	must(t, err)
	return out
}

func parse(t *testing.T, manifests string) objects {
	t.Helper()
	found := objects{}
	for document := range strings.SplitSeq("\n"+manifests, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
			t.Fatalf("%v:\n%s", err, document)
		}
		if object.Object == nil {
			continue
		}
		key := object.GetKind() + " " + object.GetName()
		if found[key] != nil {
			t.Errorf("there are two of %s", key)
		}
		found[key] = object
	}
	return found
}

// comparable are the objects in a form in which the same object of kustomize and of Helm is equal: rules of roles one
// by one, flags with their values and in order, and checks as a value and not as text.
func (o objects) comparable(t *testing.T) map[string]any {
	t.Helper()
	all := map[string]any{}
	for key, object := range o {
		content := object.DeepCopy().Object
		switch object.GetKind() {
		case "Namespace": // Helm needs it before it installs.
			continue
		case "Role", "ClusterRole":
			content["rules"] = permissions(t, content["rules"])
			// The component trust-bundle writes names into these.
			unstructured.RemoveNestedField(content, "metadata", "annotations")
		case "ConfigMap":
			parseChecks(t, content)
		case "Deployment":
			sortFlags(t, content)
		}
		all[key] = content
	}
	return all
}

// permissions are the rules as single permissions, each once.
func permissions(t *testing.T, rules any) []string {
	t.Helper()
	single := map[string]bool{}
	for _, rule := range rules.([]any) {
		fields := rule.(map[string]any)
		if fields["nonResourceURLs"] != nil {
			single[fmt.Sprint(fields)] = true
			continue
		}
		names := fields["resourceNames"]
		if names == nil {
			names = []any{"*"}
		}
		for _, group := range fields["apiGroups"].([]any) {
			for _, resource := range fields["resources"].([]any) {
				for _, name := range names.([]any) {
					for _, verb := range fields["verbs"].([]any) {
						single[fmt.Sprintf("%s %s/%s %s", verb, group, resource, name)] = true
					}
				}
			}
		}
		delete(fields, "resourceNames")
		if len(fields) != 3 {
			t.Errorf("a rule has other fields: %v", fields)
		}
	}
	return slices.Sorted(maps.Keys(single))
}

func parseChecks(t *testing.T, content map[string]any) {
	t.Helper()
	data := content["data"].(map[string]any)
	if text, has := data["checks.yaml"].(string); has {
		var value any
		must(t, yaml.UnmarshalStrict([]byte(text), &value))
		// With kustomize they are in a file of the user. See TestMutationsAreInTheFile.
		delete(value.(map[string]any), "mutations")
		data["checks.yaml"] = value
	}
}

// sortFlags puts the flags of each container in order, behind the command, and takes the digest of the checks away,
// which only the chart's Pods have.
func sortFlags(t *testing.T, content map[string]any) {
	t.Helper()
	pod := content["spec"].(map[string]any)["template"].(map[string]any)
	delete(pod["metadata"].(map[string]any)["annotations"].(map[string]any), "checksum/checks")
	for _, container := range pod["spec"].(map[string]any)["containers"].([]any) {
		fields := container.(map[string]any)
		var flags []string
		for _, arg := range fields["args"].([]any)[1:] {
			if strings.HasPrefix(arg.(string), "--") {
				flags = append(flags, arg.(string))
			} else {
				flags[len(flags)-1] += "=" + arg.(string)
			}
		}
		slices.Sort(flags)
		fields["args"] = append([]string{fields["args"].([]any)[0].(string)}, flags...)
	}
}

// hash is what kustomize puts behind the name of the checks.
var hash = regexp.MustCompile(`(-checks)-[a-z0-9]{10}\b`)
