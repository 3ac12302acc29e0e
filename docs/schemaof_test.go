// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// describer returns what the documentation of a struct's field says, empty if nothing.
type describer func(structure reflect.Type, field string) string

// object is a JSON object; encoding/json sorts its keys, so that the same types are the same bytes.
type object = map[string]any

// schemaOf makes the schema of files that configure these checks, for editors: a JSON schema
// (https://json-schema.org, draft 2020-12) made of the Go types that the files are decoded into. describe may be nil.
// The error is a parameter that cannot be put into JSON.
func schemaOf(definitions []handler.Definition, describe describer) ([]byte, error) {
	if describe == nil {
		describe = func(reflect.Type, string) string { return "" }
	}
	g := generator{describe: describe}
	podTemplates := g.of(reflect.TypeFor[[]handler.PodTemplate]())
	podTemplates["description"] = "Where kinds that are not Kubernetes' own have templates of Pods, for all checks of " +
		"Pods."
	checks, mutations := object{}, object{}
	for _, d := range definitions {
		check, err := g.check(d)
		if err != nil {
			return nil, fmt.Errorf("describing check %q: %w", d.Name, err)
		}
		if d.IsMutation() {
			mutations[d.Name] = check
		} else {
			checks[d.Name] = check
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(object{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                config.Kind,
		"description":          "Which checks and mutations a Hookstrap webhook runs, and how strictly.",
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"apiVersion", "kind"},
		"properties": object{
			"apiVersion":   object{"const": config.APIVersion},
			"kind":         object{"const": config.Kind},
			"podTemplates": podTemplates,
			"checks": object{
				"description": "The checks by name. One that is named denies unless it says otherwise.",
				"type":        []string{"object", "null"}, "additionalProperties": false, "properties": checks,
			},
			"mutations": object{
				"description": "The mutations by name. One that is named is applied unless it says otherwise.",
				"type":        []string{"object", "null"}, "additionalProperties": false, "properties": mutations,
			},
		},
		"$defs": object{
			"mode": object{"enum": modes(handler.Modes()), "description": "What follows from a violation."},
			"mutationMode": object{"enum": modes(handler.MutationModes()),
				"description": "Whether the change is applied, or only told in a warning or an audit annotation."},
			"failurePolicy": object{"enum": handler.FailurePolicies(),
				"description": "What follows when the check fails or is too slow where it denies: in mode deny, or denyWhenClean. So for mutations in mode apply."},
			"onError": object{"enum": []string{"deny", "allow"}, "deprecated": true,
				"description": "The old name of failurePolicy: deny is Fail, allow is Ignore."},
			"exempt": g.of(reflect.TypeFor[handler.Exemptions]()),
		},
	})
	return out.Bytes(), err
}

type generator struct {
	describe describer
}

// modes has an unquoted off as well, which is the boolean false in YAML.
func modes(of []handler.Mode) []any {
	values := []any{false}
	for _, m := range of {
		values = append(values, m)
	}
	return values
}

// check describes one check: its parameters, their defaults, and what all checks have.
func (g generator) check(d handler.Definition) (object, error) {
	parameters := d.NewParameters()
	schema := g.of(reflect.TypeOf(parameters).Elem())
	properties, ok := schema["properties"].(object)
	if !ok {
		return nil, fmt.Errorf("its parameters are a %T, and no struct", parameters)
	}
	data, err := json.Marshal(parameters)
	if err != nil {
		return nil, err
	}
	var defaults object
	if err := json.Unmarshal(data, &defaults); err != nil {
		return nil, err
	}
	for name, property := range properties {
		if value, ok := defaults[name]; ok && value != nil {
			property.(object)["default"] = value
		}
	}
	for _, name := range handler.CommonFields() {
		properties[name] = object{"$ref": "#/$defs/" + name}
	}
	schema["type"] = []string{"object", "null"}
	if d.IsMutation() {
		properties["mode"] = object{"$ref": "#/$defs/mutationMode"}
		delete(properties, "onError")
	} else {
		schema["not"] = object{"type": "object", "required": []string{"failurePolicy", "onError"}}
	}
	if text := strings.TrimSpace(d.Doc.Summary + " " + d.Doc.Why); text != "" {
		schema["description"] = text
	}
	return schema, nil
}

// of describes a type as encoding/json reads it.
func (g generator) of(t reflect.Type) object {
	if t.Kind() == reflect.Pointer {
		return g.of(t.Elem())
	}
	switch t {
	case reflect.TypeFor[handler.Mode]():
		return object{"enum": modes(handler.Modes())}
	case reflect.TypeFor[metav1.LabelSelectorOperator]():
		return object{"enum": []metav1.LabelSelectorOperator{
			metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn,
			metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist,
		}}
	}
	if schema := special(t); schema != nil {
		return schema
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": g.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": g.of(t.Elem())}
	case reflect.Struct:
		return g.structure(t)
	default:
		return object{} // anything
	}
}

// special describes types that decode themselves, which those of Kubernetes say themselves how.
func special(t reflect.Type) object {
	value := reflect.New(t).Interface()
	if v, ok := value.(interface{ OpenAPIV3OneOfTypes() []string }); ok {
		return object{"type": v.OpenAPIV3OneOfTypes()}
	}
	if v, ok := value.(interface{ OpenAPISchemaType() []string }); ok {
		return object{"type": v.OpenAPISchemaType()}
	}
	if _, ok := value.(json.Unmarshaler); ok {
		return object{}
	}
	return nil
}

func (g generator) structure(t reflect.Type) object {
	properties := object{}
	values := map[string][]string{}
	if enumerator, ok := reflect.TypeAssert[handler.Enumerator](reflect.New(t)); ok {
		values = enumerator.Values()
	}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		property := g.of(f.Type)
		if text := g.text(t, f.Name, name); text != "" {
			property["description"] = text
		}
		enumerate(property, values[name])
		properties[name] = property
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// enumerate says which values are right, if not all are.
func enumerate(property object, values []string) {
	if len(values) == 0 {
		return
	}
	if items, ok := property["items"].(object); ok {
		property = items
	}
	property["enum"] = values
}

// text is the documentation of a field. Types of Kubernetes carry theirs with them.
func (g generator) text(t reflect.Type, field, name string) string {
	if documented, ok := reflect.TypeAssert[interface{ SwaggerDoc() map[string]string }](reflect.New(t)); ok {
		return documented.SwaggerDoc()[name]
	}
	return g.describe(t, field)
}
