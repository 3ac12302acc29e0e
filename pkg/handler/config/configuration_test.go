// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
)

// neverAsked is a cluster that is never asked.
type neverAsked struct{ client.Reader }

func parse(t *testing.T, checks string) Configuration {
	t.Helper()
	c, err := Parse([]byte(head+"checks: "+checks+"\n"), definitions())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBuild(t *testing.T) {
	c := parse(t, "{paint: {mode: warn, failurePolicy: Ignore, color: blue, exempt: {users: [jane]}}, extra: {mode: off}}")
	env := handler.Environment{Cluster: neverAsked{}}
	entries, err := c.Build(env)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Fatalf("%d entries, want the one that is on", len(entries))
	}
	e := entries[0]
	built := e.Check.(painted)
	if e.Mode != handler.Warn || e.FailurePolicy != handler.Ignore || e.Exempt.Users[0] != "jane" || e.Cluster != env.Cluster {
		t.Errorf("got %+v", e)
	}
	if built.Color != "blue" || built.Name() != "paint" || built.env != env {
		t.Errorf("got %+v", built)
	}
}

// cleanIn is a Cleanliness that notes what it is asked, and knows one clean namespace.
type cleanIn struct {
	namespace string
	asked     *[]string
}

func (c cleanIn) Clean(check, policy, namespace string) bool {
	*c.asked = append(*c.asked, check+" "+policy+" "+namespace)
	return namespace == c.namespace
}

func TestBuildAsksWhereItIsClean(t *testing.T) {
	var asked []string
	c := parse(t, "{paint: {mode: denyWhenClean}, extra: {rules: [{key: a}]}}")
	entries, err := c.Build(handler.Environment{Clean: cleanIn{"shop", &asked}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(entries, func(e handler.Entry) bool { return e.Mode == handler.DenyWhenClean })
	if e := entries[i]; !e.Clean("shop") || e.Clean("attic") || entries[1-i].Clean != nil {
		t.Error("it does not deny where it is said to")
	}
	policy := c.Policy(*c.Check("paint"))
	if want := []string{"paint " + policy + " shop", "paint " + policy + " attic"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	// Nothing says where in a program that does not know, which is an error when the checks are set.
	entries, err = c.Build(handler.Environment{})
	if err == nil {
		_, err = handler.New(handler.Options{Entries: entries})
	}
	if err == nil || !strings.Contains(err.Error(), `check "paint" has the mode denyWhenClean`) {
		t.Errorf("got %v", err)
	}
}

// What is found depends on parameters, exemptions and templates. Modes and the failure policy only say what follows.
func TestPolicy(t *testing.T) {
	of := func(checks string) string { return policyOf(parse(t, checks), "paint") }
	usual := of("{paint: {}}")
	for checks, same := range map[string]bool{
		"{paint: {mode: deny}}":                                         true,
		"{paint: {mode: denyWhenClean}}":                                true,
		"{paint: {failurePolicy: Ignore}}":                              true,
		"{paint: {color: red}}":                                         true, // the default
		"{paint: {exempt: {}}}":                                         true,
		"{paint: {color: blue}}":                                        false,
		"{paint: {exempt: {users: [jane]}}}":                            false,
		"{paint: {rules: [{key: a, values: {b: c, d: e}}]}}":            false,
		"{paint: {exempt: {namespaceSelector: {matchLabels: {a: b}}}}}": false,
	} {
		if got := of(checks); (got == usual) != same || got != of(checks) {
			t.Errorf("%s: the same policy: %t, want %t", checks, got == usual, same)
		}
	}
	if c := parse(t, "{paint: {}, extra: {rules: [{key: a}]}}"); policyOf(c, "extra") == usual {
		t.Error("two checks have one policy")
	}
	// Where there are no templates it stays what it was before there could be any.
	if want := "54edf48ded81"; usual != want {
		t.Errorf("the policy is %s, was %s", usual, want)
	}
	known := sets.New(usual)
	for _, templates := range [][]handler.PodTemplate{
		{{Group: "x.io", Kind: "A", Path: "a"}}, {{Group: "x.io", Kind: "A", Path: "b"}}, {{Group: "y.io", Kind: "A", Path: "a"}},
		{{Group: "x.io", Kind: "A", Path: "a"}, {Group: "x.io", Kind: "A", Path: "b"}},
	} {
		c := parse(t, "{paint: {}}")
		c.PodTemplates = templates
		if got := policyOf(c, "paint"); known.Has(got) {
			t.Errorf("the policy is known: %v", templates)
		} else {
			known.Insert(got)
		}
	}
}

func policyOf(c Configuration, check string) string { return c.Policy(*c.Check(check)) }

func TestBuildRefusesWhatParseWould(t *testing.T) {
	c := Default(definitions())
	c.Check("paint").Mode = "shout"
	c.Check("paint").Parameters.(*colors).Color = "pink"
	_, err := c.Build(handler.Environment{})
	if err == nil || !strings.Contains(err.Error(), "shout") || !strings.Contains(err.Error(), "pink") {
		t.Errorf("got %v", err)
	}
}

func TestBuildNamesTheCheckThatCannotBeBuilt(t *testing.T) {
	_, err := parse(t, "{paint: {color: blue, size: 13}}").Build(handler.Environment{})
	if err == nil || !strings.Contains(err.Error(), `check "paint": no blue of size 13`) {
		t.Errorf("got %v", err)
	}
}

func TestReads(t *testing.T) {
	for checks, want := range map[string][]string{
		"{}":                    nil,
		"{paint: {look: true}}": {"*v1.Namespace", "*v1.Service"},
		"{paint: {mode: off, look: true, exempt: {namespaceSelector: {matchLabels: {a: b}}}}}": nil,
		"{paint: {exempt: {namespaceSelector: {matchLabels: {a: b}}}}}":                        {"*v1.Namespace (labels)"},
		"{paint: {look: true}, extra: {look: true, rules: [{key: a}]}}":                        {"*v1.Namespace", "*v1.Service"},
	} {
		var got []string
		for _, obj := range parse(t, checks).Reads() {
			got = append(got, view.Name(obj))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", checks, diff)
		}
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	all := definitions()
	Default(all).Check("paint").Parameters.(*colors).Rules[0].Key = "changed"
	if got := Default(all).Check("paint").Parameters.(*colors).Rules[0].Key; got != "default" {
		t.Errorf("got %s", got)
	}
}

// The example in the package documentation is one that works, with the built-in checks.
func TestDocumentation(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var example strings.Builder
	for line := range strings.Lines(string(source)) {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			example.WriteString(code)
		}
	}
	got, err := Parse([]byte(example.String()), check.Definitions())
	if err != nil {
		t.Fatal(err)
	}
	if got.Check("imageTag").Mode != handler.Warn || got.Check("podSecurity").Exempt.Images[0] != "ghcr.io/acme/*" {
		t.Errorf("got %+v", settings(got))
	}
}

// The built-in checks can be named in a file, in metrics and in annotations, and none has a field of the configuration's.
func TestBuiltInDefinitions(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range check.Definitions() {
		if seen[d.Name] {
			t.Errorf("%s is there twice", d.Name)
		}
		seen[d.Name] = true
		if problems := validation.IsQualifiedName(d.Name + "-exempt"); len(problems) > 0 || strings.ContainsAny(d.Name, "./") {
			t.Errorf("%q is no name for a check: %v", d.Name, problems)
		}
	}
	c := Default(check.Definitions())
	entries, err := c.Build(handler.Environment{Cluster: neverAsked{}})
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) == 0 {
		t.Fatal("nothing is on by default")
	}
	for _, e := range entries {
		if c.Check(e.Check.Name()) == nil {
			t.Errorf("a user told of %q does not find it in the configuration", e.Check.Name())
		}
	}
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil || h == nil {
		t.Fatal(err)
	}
}

// From the words in a file to what becomes of a request.
func TestFromFileToVerdict(t *testing.T) {
	for checks, want := range map[string]bool{
		"{}":                     false,
		"{paint: {mode: warn}}":  true,
		"{paint: {mode: audit}}": true,
		"{paint: {mode: off}}":   true,
		"{paint: {mode: off}, extra: {rules: [{key: a}]}}": false,
		"{paint: {exempt: {namespaces: [shop]}}}":          true,
		"{paint: {exempt: {groups: [ops]}}}":               true,
		"{paint: {exempt: {groups: [dev]}}}":               false,
	} {
		t.Run(checks, func(t *testing.T) {
			entries, err := parse(t, checks).Build(handler.Environment{})
			if err != nil {
				t.Fatal(err)
			}
			h, err := handler.New(handler.Options{Entries: entries})
			if err != nil {
				t.Fatal(err)
			}
			verdict := h.Judge(t.Context(), handler.NewRequest(request()))
			if verdict.Allowed() != want {
				t.Errorf("got %+v", verdict)
			}
		})
	}
}

func request() admissionv1.AdmissionRequest {
	r := admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Create, Namespace: "shop",
		Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
		Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
	}
	r.Object.Raw = []byte(`{"metadata":{"name":"web"}}`)
	r.UserInfo.Groups = []string{"ops"}
	return r
}
