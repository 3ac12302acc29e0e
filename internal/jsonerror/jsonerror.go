// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package jsonerror says in the words of YAML what a JSON decoder says in those of Go.
package jsonerror

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Plain returns the field that an error of encoding/json, sigs.k8s.io/json or sigs.k8s.io/yaml is about, without the
// indices of lists, as in spec.containers.image, and what is wrong with it. The field is empty if the error is about
// all that was decoded, or is of another kind.
func Plain(err error) (field, text string) {
	wrongType := regexp.MustCompile(
		`^json: cannot unmarshal (\w+) (?:-?[0-9.e+]+ )?into Go (?:struct field [^ .]*\.(\S+)|value) of type (\S+)$`)
	text = err.Error()
	for _, context := range []string{"error unmarshaling JSON: ", "while decoding JSON: "} { // of sigs.k8s.io/yaml
		text = strings.TrimPrefix(text, context)
	}
	match := wrongType.FindStringSubmatch(text)
	if match == nil {
		return "", strings.TrimPrefix(text, "json: ")
	}
	text = fmt.Sprintf("must be of type %s and is of type %s", inYAML(match[3]), inYAML(match[1]))
	return withoutEmbedded(match[2]), text
}

// withoutEmbedded leaves out of a field's path the Go names of embedded structs, which some versions of the decoders
// put there: no field of Kubernetes begins with a capital letter.
func withoutEmbedded(path string) string {
	names := strings.Split(path, ".")
	last := len(names) - 1
	above := slices.DeleteFunc(names[:last:last], func(name string) bool {
		return strings.IndexFunc(name, unicode.IsUpper) == 0
	})
	return strings.Join(append(above, names[last]), ".")
}

// inYAML is what a type of Go or of JSON is called in YAML.
func inYAML(name string) string {
	switch {
	case strings.HasPrefix(name, "[]"), name == "array":
		return "list"
	case strings.Contains(name, "."), strings.HasPrefix(name, "map["), name == "object":
		return "map"
	}
	return name
}

// Sentence is both in one.
func Sentence(err error) string {
	field, text := Plain(err)
	return strings.TrimPrefix(field+" "+text, " ")
}
