// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// compactYAML writes an object of the API as YAML. A list of plain values takes one line, as people write RBAC rules: a
// rule then takes three or four lines, and not ten.
func compactYAML(object any) ([]byte, error) {
	text, err := kyaml.Marshal(object)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	compact(&document)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := errors.Join(encoder.Encode(&document), encoder.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func compact(node *yaml.Node) {
	nested := func(item *yaml.Node) bool { return item.Kind != yaml.ScalarNode }
	if node.Kind == yaml.SequenceNode && !slices.ContainsFunc(node.Content, nested) {
		node.Style = yaml.FlowStyle
	}
	for _, child := range node.Content {
		compact(child)
	}
}
