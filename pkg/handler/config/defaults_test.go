// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// palette are parameters with defaults of all sorts.
type palette struct {
	Names []string          `json:"names"`
	Codes map[string]string `json:"codes"`
	Size  *int              `json:"size"`
	Inner inner             `json:"inner"`
	Other *inner            `json:"other"`
	Mixed
}

// Mixed is embedded.
type Mixed struct {
	Tints []string `json:"tints"`
}

type inner struct {
	Names []string          `json:"names"`
	Codes map[string]string `json:"codes"`
	Rules []rule            `json:"rules"`
}

func newInner() inner {
	return inner{Names: []string{"c"}, Codes: map[string]string{"c": "3"}, Rules: []rule{{Key: "k", Values: map[string]string{"v": "w"}}}}
}

func newPalette() palette {
	return palette{
		Names: []string{"a", "b"}, Codes: map[string]string{"a": "1"}, Size: ptr.To(7), Inner: newInner(), Other: ptr.To(newInner()),
		Mixed: Mixed{Tints: []string{"t"}},
	}
}

func paletteOf(t *testing.T, fields string) palette {
	t.Helper()
	d := handler.Define("palette", handler.Doc{}, newPalette,
		func(palette, handler.Environment) (handler.Check, error) { return painted{name: "palette"}, nil })
	c, err := Parse([]byte(head+"checks: {palette: {"+fields+"}}\n"), []handler.Definition{d})
	if err != nil {
		t.Fatal(err)
	}
	return *c.Check("palette").Parameters.(*palette)
}

func TestNullLeavesTheDefault(t *testing.T) {
	for _, fields := range []string{
		"names: ", "codes: null", "size: ~", "inner: ", "other: ", "tints: ",
		"inner: {names: , codes: , rules: }", "other: {names: , codes: , rules: }", "inner: {}", "other: {}",
	} {
		if diff := cmp.Diff(newPalette(), paletteOf(t, fields)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", fields, diff)
		}
	}
}

func TestWhatIsGivenReplacesTheDefault(t *testing.T) {
	for fields, change := range map[string]func(*palette){
		"names: []":                      func(p *palette) { p.Names = []string{} },
		"codes: {b: x}":                  func(p *palette) { p.Codes = map[string]string{"b": "x"} },
		"size: 8":                        func(p *palette) { p.Size = ptr.To(8) },
		"tints: [u]":                     func(p *palette) { p.Tints = []string{"u"} },
		"inner: {codes: {d: x}}":         func(p *palette) { p.Inner.Codes = map[string]string{"d": "x"} },
		"inner: {names: [], codes: }":    func(p *palette) { p.Inner.Names = []string{} },
		"other: {rules: [{key: l}]}":     func(p *palette) { p.Other.Rules = []rule{{Key: "l"}} },
		"other: {rules: [{values: {}}]}": func(p *palette) { p.Other.Rules = []rule{{Values: map[string]string{}}} },
		// In a list or map there is no default: what is null there counts as empty, and is not left out.
		"names: [x, ]":        func(p *palette) { p.Names = []string{"x"} },
		"names: [x, null]":    func(p *palette) { p.Names = []string{"x", ""} },
		"codes: {b: }":        func(p *palette) { p.Codes = map[string]string{"b": ""} },
		"inner: {codes: {b}}": func(p *palette) { p.Inner.Codes = map[string]string{"b": ""} },
	} {
		want := newPalette()
		change(&want)
		if diff := cmp.Diff(want, paletteOf(t, fields)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", fields, diff)
		}
	}
}

// A field of a built-in check that was left empty must not leave the check with nothing to deny.
func TestNullLeavesTheDefaultsOfBuiltInChecks(t *testing.T) {
	for fields, same := range map[string]string{
		"defaultNamespace: {namespaces: }":                                            "defaultNamespace: {}",
		"anonymousAccess: {deniedUsers: [x], deniedGroups: null}":                     "anonymousAccess: {deniedUsers: [x]}",
		"capabilities: {requiredDrop: null}":                                          "capabilities: {}",
		"resources: {requireRequests: null, max: {cpu: \"1\"}}":                       `resources: {max: {cpu: "1"}}`,
		"resources: {requireRequests: , requireLimits: , max: }":                      "resources: {}",
		"seccomp: {allowedTypes: , exempt: , failurePolicy: , onError: , mode: null}": "seccomp: {}",
	} {
		got, err := Parse([]byte(head+"checks: {"+fields+"}\n"), check.Definitions())
		if err != nil {
			t.Fatal(err)
		}
		want, err := Parse([]byte(head+"checks: {"+same+"}\n"), check.Definitions())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(settings(want), settings(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", fields, diff)
		}
	}
}

// A map value that is null is a mistake, and not as if it were not there.
func TestNullInAMapIsNotLeftOut(t *testing.T) {
	_, err := Parse([]byte(head+"checks: {resources: {max: {memory: }}}\n"), check.Definitions())
	if err == nil || !strings.Contains(err.Error(), "checks.resources.max[memory]") {
		t.Errorf("got %v", err)
	}
}

func TestNullOfAnUnknownField(t *testing.T) {
	for fields, want := range map[string]string{
		"{paint: {colr: }}":                `unknown field "checks.paint.colr"`,
		"{paint: {exempt: {namespace: }}}": `unknown field "checks.paint.exempt.namespace"`,
		"{paint: {Color: }}":               `unknown field "checks.paint.Color"`,
	} {
		_, err := Parse([]byte(head+"checks: "+fields+"\n"), definitions())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", fields, err)
		}
	}
}
