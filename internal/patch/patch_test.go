// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func parse(t testing.TB, text string) any {
	t.Helper()
	document, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func lazy(t testing.TB, text string) any {
	t.Helper()
	document, err := Lazy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// written is a document as others read it.
func written(t testing.TB, document any) any {
	t.Helper()
	text, err := Bytes(document, 0)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

// merged is a document with a change.
func merged(t testing.TB, document, before, after any) any {
	t.Helper()
	got, err := Merge(document, before, after, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// applied is a document after a patch, by the library that the API server has.
func applied(t testing.TB, document string, changes []Change) any {
	t.Helper()
	data, err := JSON(changes)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(data)
	if err != nil {
		t.Fatalf("patch %s: %v", data, err)
	}
	result, err := patch.Apply([]byte(document))
	if err != nil {
		t.Fatalf("patch %s of %s: %v", data, document, err)
	}
	return parse(t, string(result))
}

func TestDiff(t *testing.T) {
	for name, tc := range map[string]struct{ from, to, want string }{
		"nothing":                    {`{"a":[1,{"b":null}]}`, `{"a":[1,{"b":null}]}`, `[]`},
		"a member":                   {`{"a":1}`, `{"a":2,"b":{"c":[]}}`, `[{"op":"replace","path":"/a","value":2},{"op":"add","path":"/b","value":{"c":[]}}]`},
		"a removed member":           {`{"a":1,"b":2}`, `{"b":2}`, `[{"op":"remove","path":"/a"}]`},
		"escaped names":              {`{"m":{}}`, `{"m":{"a/b~c":"d"}}`, `[{"op":"add","path":"/m/a~1b~0c","value":"d"}]`},
		"null":                       {`{"a":null}`, `{"a":1}`, `[{"op":"replace","path":"/a","value":1}]`},
		"to null":                    {`{"a":1}`, `{"a":null,"b":null}`, `[{"op":"replace","path":"/a","value":null},{"op":"add","path":"/b","value":null}]`},
		"another type":               {`{"a":[1]}`, `{"a":{"0":1}}`, `[{"op":"replace","path":"/a","value":{"0":1}}]`},
		"large numbers":              {`{"a":9007199254740993}`, `{"a":9007199254740992}`, `[{"op":"replace","path":"/a","value":9007199254740992}]`},
		"prepended":                  {`{"l":["a","b"]}`, `{"l":["x","a","b"]}`, `[{"op":"add","path":"/l/0","value":"x"}]`},
		"appended":                   {`{"l":["a"]}`, `{"l":["a","a"]}`, `[{"op":"add","path":"/l/1","value":"a"}]`},
		"in the middle":              {`{"l":["a","b"]}`, `{"l":["a","x","b"]}`, `[{"op":"add","path":"/l/1","value":"x"}]`},
		"taken out":                  {`{"l":["a","b","c"]}`, `{"l":["c"]}`, `[{"op":"remove","path":"/l/1"},{"op":"remove","path":"/l/0"}]`},
		"moved":                      {`{"l":["a","b","c"]}`, `{"l":["b","c","a"]}`, `[{"op":"remove","path":"/l/0"},{"op":"add","path":"/l/2","value":"a"}]`},
		"changed in place":           {`{"l":["a","b","c"]}`, `{"l":["a","x","c"]}`, `[{"op":"replace","path":"/l/1","value":"x"}]`},
		"changed, and one more":      {`{"l":[{"a":1}]}`, `{"l":[{"a":1,"b":2},{"a":3}]}`, `[{"op":"add","path":"/l/1","value":{"a":3}},{"op":"add","path":"/l/0/b","value":2}]`},
		"changed to what it was not": {`{"l":[{"name":"A","b":[1]}]}`, `{"l":[{"name":"a","b":[1]}]}`, `[{"op":"replace","path":"/l/0/name","value":"a"}]`},
		"a sidecar, and the others changed": {
			`{"l":[{"name":"a","v":1},{"name":"b","v":1}]}`, `{"l":[{"name":"s"},{"name":"a","v":2},{"name":"b","v":2}]}`,
			`[{"op":"add","path":"/l/0","value":{"name":"s"}},{"op":"replace","path":"/l/1/v","value":2},{"op":"replace","path":"/l/2/v","value":2}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			changes := Diff(parse(t, tc.from), parse(t, tc.to))
			if diff := cmp.Diff(changes, Diff(lazy(t, tc.from), lazy(t, tc.to))); diff != "" {
				t.Errorf("read as far as has to be (-want +got):\n%s", diff)
			}
			got, err := JSON(changes)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if diff := cmp.Diff(parse(t, tc.to), applied(t, tc.from, changes)); diff != "" {
				t.Errorf("applied it is something else (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFields(t *testing.T) {
	changes := Diff(parse(t, `{"spec":{"c":[{}]},"metadata":{"labels":{}}}`),
		parse(t, `{"spec":{"c":[{"image":"x"}]},"metadata":{"labels":{"a/b":"c","d":"e","":"f"}}}`))
	var got []string
	for _, c := range changes {
		got = append(got, c.Field)
	}
	if diff := cmp.Diff([]string{"metadata.labels[]", "metadata.labels[a/b]", "metadata.labels.d", "spec.c[0].image"}, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// The document has fields that the value does not know (those called new…), and leaves out what the value has.
func TestMerge(t *testing.T) {
	for name, tc := range map[string]struct{ document, before, after, want string }{
		"nothing":                    {`{"new":1,"a":0}`, `{}`, `{}`, `{"new":1,"a":0}`},
		"a member":                   {`{"new":1}`, `{"s":{}}`, `{"s":{"a":1}}`, `{"new":1,"s":{"a":1}}`},
		"only what changed":          {`{}`, `{"s":{"empty":{}}}`, `{"s":{"empty":{},"a":1}}`, `{"s":{"a":1}}`},
		"within":                     {`{"s":{"new":1,"a":1}}`, `{"s":{"a":1}}`, `{"s":{"a":2}}`, `{"s":{"new":1,"a":2}}`},
		"left out before":            {`{"s":{"new":1}}`, `{}`, `{"s":{"a":2}}`, `{"s":{"new":1,"a":2}}`},
		"removed":                    {`{"s":{"new":1,"a":1},"new":2}`, `{"s":{"a":1}}`, `{}`, `{"new":2}`},
		"spelled in its way":         {`{"cpu":"0.5","a":1}`, `{"cpu":"500m","a":1}`, `{"cpu":"500m","a":2}`, `{"cpu":"0.5","a":2}`},
		"null":                       {`{"s":null}`, `{"s":{}}`, `{"s":{"a":1}}`, `{"s":{"a":1}}`},
		"items by name":              {`{"l":[{"name":"a","new":1},{"name":"b","new":2}]}`, `{"l":[{"name":"a"},{"name":"b"}]}`, `{"l":[{"name":"s"},{"name":"b","x":1},{"name":"a"}]}`, `{"l":[{"name":"s"},{"name":"b","x":1,"new":2},{"name":"a","new":1}]}`},
		"items by place":             {`{"l":[{"new":1},{"new":2}]}`, `{"l":[{"a":1},{"a":2}]}`, `{"l":[{"a":1},{"a":3}]}`, `{"l":[{"new":1},{"a":3,"new":2}]}`},
		"another item":               {`{"l":[{"name":"a","v":1,"new":1}]}`, `{"l":[{"name":"a","v":1}]}`, `{"l":[{"name":"b","v":2}]}`, `{"l":[{"name":"b","v":2}]}`},
		"another name":               {`{"l":[{"name":"A","v":1,"new":1},{"name":"B","new":2}]}`, `{"l":[{"name":"A","v":1},{"name":"B"}]}`, `{"l":[{"name":"a","v":1},{"name":"b"}]}`, `{"l":[{"name":"a","v":1,"new":1},{"name":"b","new":2}]}`},
		"items spelled in their way": {`{"l":["0.5"]}`, `{"l":["500m"]}`, `{"l":["500m","x"]}`, `{"l":["0.5","x"]}`},
		"more items than there are":  {`{"l":[1]}`, `{"l":[1,2]}`, `{"l":[1,2,3]}`, `{"l":[1,2,3]}`},
		"fewer items than there are": {`{"l":["a","b","c"]}`, `{"l":["a"]}`, `{"l":["x"]}`, `{"l":["x"]}`},
		"an object of a text":        {`{"s":{"new":1}}`, `{"s":"a"}`, `{"s":{"a":1}}`, `{"s":{"a":1}}`},
		"a list of a text":           {`{"s":[1]}`, `{"s":"a"}`, `{"s":[2]}`, `{"s":[2]}`},
		"one of a name that stays, and a new one": {`{"l":[{"name":"b"},{"name":"a","new":1}]}`, `{"l":[{"name":"b"},{"name":"a"}]}`, `{"l":[{"name":"a"},{"name":"a","x":1},{"name":"b"}]}`, `{"l":[{"name":"a","new":1},{"name":"a","x":1},{"name":"b"}]}`},
		"more items behind":                       {`{"l":[{"k":1,"new":1},{"k":2,"new":2}]}`, `{"l":[{"k":1},{"k":2}]}`, `{"l":[{"k":1,"v":1},{"k":2,"v":1},{"k":3}]}`, `{"l":[{"k":1,"v":1,"new":1},{"k":2,"v":1,"new":2},{"k":3}]}`},
		"more items in front":                     {`{"l":[{"k":1,"new":1},{"k":2,"new":2}]}`, `{"l":[{"k":1},{"k":2}]}`, `{"l":[{"k":3},{"k":1,"v":1},{"k":2,"v":1}]}`, `{"l":[{"k":3},{"k":1,"v":1,"new":1},{"k":2,"v":1,"new":2}]}`},
		"fewer items":                             {`{"l":[{"k":1,"new":1},{"k":2,"new":2},{"k":3,"new":3}]}`, `{"l":[{"k":1},{"k":2},{"k":3}]}`, `{"l":[{"k":1},{"k":3}]}`, `{"l":[{"k":1,"new":1},{"k":3,"new":3}]}`},
		"fewer and changed ones":                  {`{"l":[{"k":1,"new":1},{"k":2,"new":2},{"k":3,"new":3}]}`, `{"l":[{"k":1},{"k":2},{"k":3}]}`, `{"l":[{"k":2,"v":1},{"k":3,"v":1}]}`, `{"l":[{"k":2,"v":1,"new":2},{"k":3,"v":1,"new":3}]}`},
		"one for another":                         {`{"l":[{"k":1,"v":1,"new":1},{"k":2,"v":2,"new":2}]}`, `{"l":[{"k":1,"v":1},{"k":2,"v":2}]}`, `{"l":[{"k":2,"v":2},{"k":3,"v":3}]}`, `{"l":[{"k":2,"v":2,"new":2},{"k":3,"v":3}]}`},
		"the same as another":                     {`{"l":[{"k":"A","new":1},{"k":"a","new":2}]}`, `{"l":[{"k":"A"},{"k":"a"}]}`, `{"l":[{"k":"a"},{"k":"a"}]}`, `{"l":[{"k":"a","new":1},{"k":"a","new":2}]}`},
		"sorted":                                  {`{"l":[{"k":2,"v":3,"new":1},{"k":1,"v":4,"new":2}]}`, `{"l":[{"k":2,"v":3},{"k":1,"v":4}]}`, `{"l":[{"k":1,"v":4},{"k":2,"v":3}]}`, `{"l":[{"k":1,"v":4,"new":2},{"k":2,"v":3,"new":1}]}`},
		"equal ones of which one goes":            {`{"l":[{"k":1,"new":1},{"k":1,"new":1}]}`, `{"l":[{"k":1},{"k":1}]}`, `{"l":[{"k":1}]}`, `{"l":[{"k":1,"new":1}]}`},
		"equal ones of which all go":              {`{"l":[{"k":1,"new":1},{"k":2},{"k":1,"new":2}]}`, `{"l":[{"k":1},{"k":2},{"k":1}]}`, `{"l":[{"k":2}]}`, `{"l":[{"k":2}]}`},
		"with something of its own further down":  {`{"l":[{"k":1,"l":[{"v":1,"w":1}],"new":1}]}`, `{"l":[{"k":1,"l":[{"v":1,"w":1}]}]}`, `{"l":[{"k":2,"l":[{"v":1,"w":2}]}]}`, `{"l":[{"k":2,"l":[{"v":1,"w":2}],"new":1}]}`},
		"one more, beside an empty selector":      {`{"l":[{"a":[{"p":{}}],"b":[{"p":{}}],"new":1}]}`, `{"l":[{"a":[{"p":{}}],"b":[{"p":{}}]}]}`, `{"l":[{"a":[{"p":{}}],"b":[{"p":{}}]},{"a":[{"x":1}]}]}`, `{"l":[{"a":[{"p":{}}],"b":[{"p":{}}],"new":1},{"a":[{"x":1}]}]}`},
		"with an empty selector as before":        {`{"l":[{"a":{},"b":[{"p":{}}],"v":1,"new":1}]}`, `{"l":[{"a":{},"b":[{"p":{}}],"v":1}]}`, `{"l":[{"a":{},"b":[{"p":{}}],"v":2}]}`, `{"l":[{"a":{},"b":[{"p":{}}],"v":2,"new":1}]}`},
		"without anything of its own":             {`{"l":[{"k":1},{"k":2,"x":null}]}`, `{"l":[{"k":1},{"k":2}]}`, `{"l":[{"k":3},{"k":1}]}`, `{"l":[{"k":3},{"k":1}]}`},
		"in all that one says":                    {`{"l":[{"name":"a","v":1,"r":{},"new":1}]}`, `{"l":[{"name":"a","v":1,"r":{}}]}`, `{"l":[{"name":"b","v":2,"r":{}}]}`, `{"l":[{"name":"b","v":2,"r":{}}]}`},
		"a list that was not":                     {`{}`, `{"l":null}`, `{"l":[1]}`, `{"l":[1]}`},
	} {
		t.Run(name, func(t *testing.T) {
			document := parse(t, tc.document)
			got := merged(t, document, parse(t, tc.before), parse(t, tc.after))
			if diff := cmp.Diff(parse(t, tc.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(parse(t, tc.document), document); diff != "" {
				t.Errorf("the document was changed (-want +got):\n%s", diff)
			}
			got = merged(t, lazy(t, tc.document), lazy(t, tc.before), lazy(t, tc.after))
			if diff := cmp.Diff(parse(t, tc.want), written(t, got)); diff != "" {
				t.Errorf("read as far as has to be (-want +got):\n%s", diff)
			}
		})
	}
}

// A struct that an encoder leaves out as it is empty has not gone, and what a pointer points to has.
func TestMergeEmptied(t *testing.T) {
	type flags struct {
		Paused bool `json:"paused,omitempty"`
	}
	type spec struct {
		flags  `json:",inline"`
		Inner  flags           `json:"inner,omitzero"`
		Flat   flags           `json:"flat"`
		Points *flags          `json:"points,omitempty"`
		Named  map[string]spec `json:"named,omitempty"`
		Listed []spec          `json:"listed,omitempty"`
		Time   metav1.Time     `json:"time,omitzero"`
	}
	type object struct {
		Spec spec `json:"spec,omitzero"`
	}
	for name, tc := range map[string]struct{ document, before, after, want string }{
		"with more":     {`{"spec":{"paused":true,"new":1}}`, `{"spec":{"paused":true}}`, `{}`, `{"spec":{"new":1}}`},
		"without":       {`{"spec":{"paused":true}}`, `{"spec":{"paused":true}}`, `{}`, `{}`},
		"of a pointer":  {`{"spec":{"points":{"paused":true,"new":1}}}`, `{"spec":{"points":{"paused":true}}}`, `{}`, `{}`},
		"within":        {`{"spec":{"inner":{"paused":true,"new":1}}}`, `{"spec":{"inner":{"paused":true}}}`, `{}`, `{"spec":{"inner":{"new":1}}}`},
		"of a map":      {`{"spec":{"named":{"a":{"inner":{"paused":true,"new":1}}}}}`, `{"spec":{"named":{"a":{"inner":{"paused":true}}}}}`, `{"spec":{"named":{"a":{}}}}`, `{"spec":{"named":{"a":{"inner":{"new":1}}}}}`},
		"of a list":     {`{"spec":{"listed":[{"inner":{"paused":true,"new":1}}]}}`, `{"spec":{"listed":[{"inner":{"paused":true}}]}}`, `{"spec":{"listed":[{}]}}`, `{"spec":{"listed":[{"inner":{"new":1}}]}}`},
		"all of it":     {`{"spec":{"paused":true,"new":1,"flat":{"paused":true,"new":2},"points":{"new":3}}}`, `{"spec":{"paused":true,"flat":{"paused":true},"points":{}}}`, `{}`, `{"spec":{"new":1,"flat":{"new":2}}}`},
		"with no parts": {`{"spec":{"time":"2000-01-01T00:00:00Z","new":1}}`, `{"spec":{"time":"2000-01-01T00:00:00Z"}}`, `{}`, `{"spec":{"new":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Merge(lazy(t, tc.document), lazy(t, tc.before), lazy(t, tc.after), reflect.TypeFor[*object]())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parse(t, tc.want), written(t, got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An own field is found before one of the same name that is embedded, and a search in a circle ends.
func TestField(t *testing.T) {
	type inner struct {
		Name  string `json:"name"`
		Other int
	}
	type deeper struct {
		Shallow string `json:"shallow"`
	}
	type deep struct{ deeper }
	type shallow struct {
		Shallow bool `json:"shallow"`
	}
	type whole struct {
		deep
		shallow
		inner
		*Circle
		Named inner `json:"named"`
		Name  bool  `json:"name"`
	}
	for name, want := range map[string]reflect.Type{
		"name": reflect.TypeFor[bool](), "Other": reflect.TypeFor[int](), "deep": reflect.TypeFor[string](), "none": nil,
		"named": reflect.TypeFor[inner](), "other": nil, "shallow": reflect.TypeFor[bool](),
	} {
		if got, ok := Field(reflect.TypeFor[whole](), name); got.Type != want || ok != (want != nil) {
			t.Errorf("%s: got %v, want %v", name, got.Type, want)
		}
	}
}

type Circle struct{ *backward }

type backward struct {
	*Circle
	Deep string `json:"deep"`
}

// Where two changes that differ in what they do with unknown fields look the same, neither is guessed.
func TestMergeUnclear(t *testing.T) {
	for name, tc := range map[string]struct{ document, before, after string }{
		"numbered, or one for another":   {`[{"k":101,"new":1},{"k":50,"new":2}]`, `[{"k":101},{"k":50}]`, `[{"k":100},{"k":101}]`},
		"numbered, or sorted":            {`[{"k":101,"new":1},{"k":100,"new":2}]`, `[{"k":101},{"k":100}]`, `[{"k":100},{"k":101}]`},
		"one of two":                     {`[{"k":1,"new":1},{"k":1,"new":2}]`, `[{"k":1},{"k":1}]`, `[{"k":1}]`},
		"one of three":                   {`[{"k":1,"new":1},{"k":1,"new":1},{"k":1,"new":2}]`, `[{"k":1},{"k":1},{"k":1}]`, `[{"k":1},{"k":1}]`},
		"one of two of a name":           {`[{"name":"a","new":1},{"name":"a","new":2}]`, `[{"name":"a"},{"name":"a"}]`, `[{"name":"a","x":1}]`},
		"two of a name of one":           {`[{"name":"a","new":1}]`, `[{"name":"a"}]`, `[{"name":"a","x":1},{"name":"a","x":2}]`},
		"two of one":                     {`[{"v":1,"new":1}]`, `[{"v":1}]`, `[{"v":2},{"v":3}]`},
		"changed or removed":             {`[{"new":1},{"new":2},{"k":1},{"new":4}]`, `[{"v":1},{"v":2},{"k":1},{"v":4}]`, `[{"v":9},{"k":1},{"v":5}]`},
		"renamed and changed, or others": {`[{"name":"A","v":1,"w":1,"new":1}]`, `[{"name":"A","v":1,"w":1}]`, `[{"name":"a","v":1,"w":2}]`},
		"put in the middle":              {`[{"k":1,"new":1},{"k":2,"new":2}]`, `[{"k":1},{"k":2}]`, `[{"k":1,"v":1},{"k":3,"v":1},{"k":2,"v":1}]`},
		"moved and changed, or others":   {`[{"k":1,"v":1,"w":1,"new":1},{"k":2,"v":2}]`, `[{"k":1,"v":1,"w":1},{"k":2,"v":2}]`, `[{"k":2,"v":2},{"k":1,"v":1,"w":3}]`},
		"changed, and one for another":   {`[{"k":1,"v":1,"new":1},{"k":2,"v":2}]`, `[{"k":1,"v":1},{"k":2,"v":2}]`, `[{"k":2,"v":3},{"k":4,"v":1}]`},
		"moved and renamed, or others":   {`[{"name":"a","v":1},{"name":"b","v":2,"new":1}]`, `[{"name":"a","v":1},{"name":"b","v":2}]`, `[{"name":"c","v":2},{"name":"a","v":1}]`},
		"with nothing of the other":      {`[{"k":1},{"k":2,"v":3,"new":1}]`, `[{"k":1},{"k":2,"v":3}]`, `[{"k":1},{"k":4,"v":5}]`},
		"further down":                   {`[{"k":1,"l":[{"new":{"a":1}}]},{"k":2}]`, `[{"k":1,"l":[{}]},{"k":2}]`, `[{"k":2,"l":[{}]}]`},
	} {
		t.Run(name, func(t *testing.T) {
			object := func(list string) any { return lazy(t, `{"s":{"l":`+list+`}}`) }
			var unclear *UnclearError
			if _, err := Merge(object(tc.document), object(tc.before), object(tc.after), nil); !errors.As(err, &unclear) {
				t.Fatalf("got the error %v", err)
			}
			if unclear.Field != "s.l" || !strings.HasPrefix(unclear.Error(), "cannot tell which item of s.l is which") {
				t.Errorf("got %v", unclear)
			}
			// Nothing is unclear if the document has nothing but what the value has.
			if diff := cmp.Diff(parse(t, tc.after), written(t, merged(t, lazy(t, tc.before), lazy(t, tc.before), lazy(t, tc.after)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{``, `{`, `{} {}`, `{}]`} {
		if document, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, document)
		}
		if document, err := Lazy([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, document)
		}
	}
}

// What is spelled in another way is the same.
func TestLazySpelling(t *testing.T) {
	from, to := ` { "a\u0062" : [ "\u003c", 1.0, {} ,[], null ],"c":{"d":"é"} } `, `{"c":{"d":"\u00e9"},"ab":["<",1.0,{ },[ ],null]}`
	if changes := Diff(lazy(t, from), lazy(t, to)); len(changes) > 0 {
		t.Errorf("got %+v, want no change", changes)
	}
	if diff := cmp.Diff(parse(t, from), written(t, open(lazy(t, from)))); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

// Whatever the documents are, the patch makes the second of the first, by the library of the API server.
func FuzzDiff(f *testing.F) {
	f.Add(`{"a":[1,2,{"name":"x"}],"b":null}`, `{"a":[{"name":"x","y":1},2],"c":{"":0,"~/":[]}}`)
	f.Add(`{"a":[[],[1],[]]}`, `{"a":[[1],[],[],[1]]}`)
	f.Fuzz(func(t *testing.T, from, to string) {
		before, errBefore := Parse([]byte(from))
		after, errAfter := Parse([]byte(to))
		if errBefore != nil || errAfter != nil || !isObject(before) || !isObject(after) {
			return
		}
		plain, err := json.Marshal(before) // With each name once, and each text in UTF-8, as API servers send it.
		if err != nil {
			t.Fatal(err)
		}
		if got := applied(t, string(plain), Diff(before, after)); !reflect.DeepEqual(after, got) {
			t.Errorf("from %s to %s the patch makes %v", from, to, got)
		}
		if diff := cmp.Diff(Diff(before, after), Diff(lazy(t, from), lazy(t, to))); diff != "" {
			t.Errorf("from %s to %s, read as far as has to be (-want +got):\n%s", from, to, diff)
		}
		document := lazy(t, from)
		merged := merged(t, document, lazy(t, from), lazy(t, to))
		if !reflect.DeepEqual(after, written(t, merged)) {
			t.Errorf("from %s to %s, merged it is %v", from, to, written(t, merged))
		}
		text, err := Bytes(merged, 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Diff(lazy(t, from), lazy(t, string(text))), Diff(document, merged)); diff != "" {
			t.Errorf("from %s to %s, not read again (-want +got):\n%s", from, to, diff)
		}
	})
}

func isObject(document any) bool {
	_, ok := document.(map[string]any)
	return ok
}
