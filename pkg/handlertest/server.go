// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/hookstrap/hookstrap/internal/patch"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Server is an API server that asks the webhook, such as one of envtest, by a client's configuration. Objects that name
// no namespace are given to it in this one. All is done as a dry run, but for the first document of an update, which is
// created, and deleted when the test ends; so it has to be admitted. What the second changes in the first is changed in
// what the API server has made of that, as by kubectl apply. Wait until the webhook is asked before.
//
// What is wanted is what a client sees: a line with a mode that denies is in the error, one with the mode warn is a
// warning, and what is added, changed or removed is so in the answer. The API server's own defaults may be there as
// well, so that a change which is not wanted is seen by [Alone] only. Lines with the mode audit, and exemptions, are
// not looked at.
func Server(config *rest.Config, namespace string) Subject { return server{config, namespace} }

type server struct {
	config    *rest.Config
	namespace string
}

func (s server) expect(t testing.TB, manifest string, want []string) {
	t.Helper()
	req, err := requestOf(manifest)
	if err != nil {
		t.Fatalf("%v, in\n%s", err, manifest)
	}
	if i := slices.IndexFunc(want, isNoLine); i >= 0 {
		t.Fatalf("%q says nothing of what becomes of the object: begin it with +, ~, -, exempt: or a mode, such as warn:, "+
			"of\n%s", want[i], manifest)
	}
	told := &warnings{}
	config := rest.CopyConfig(s.config)
	config.WarningHandler = told
	answer, denial := s.send(t, config, req.Object.Raw, req.OldObject.Raw)
	for _, line := range refusals(want) {
		if denial == nil || !says(denial.Error(), line) {
			t.Errorf("want %q, got %v, of\n%s", line, denial, manifest)
		}
	}
	if denial != nil && len(refusals(want)) == 0 {
		t.Errorf("not admitted: %v, of\n%s", denial, manifest)
	}
	if denial != nil {
		return
	}
	changes := diff(t, req.Object.Raw, answer)
	for _, line := range want {
		switch {
		case strings.HasPrefix(line, string(handler.Warn)+": ") && !told.has(line):
			t.Errorf("want the warning %q, got %q, of\n%s", line, told.texts, manifest)
		case slices.Contains([]string{"+", "~", "-"}, line[:1]) && !slices.ContainsFunc(changes, is(t, line)):
			t.Errorf("want %q, got %q, of\n%s", line, about(t, line, changes), manifest)
		}
	}
}

// isNoLine says that a line is none of those that [Expect] has, of which some are not looked at here.
func isNoLine(line string) bool {
	begin, rest, _ := strings.Cut(line, " ")
	known := []string{"+", "~", "-", "exempt:"}
	for _, mode := range append(refusing(), handler.Warn, handler.Audit) {
		known = append(known, string(mode)+":")
	}
	return rest == "" || !slices.Contains(known, begin)
}

// refusals are the lines of which a user reads in an error.
func refusals(want []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(line string) bool {
		mode, _, _ := strings.Cut(line, ": ")
		return !slices.Contains(refusing(), handler.Mode(mode))
	})
}

// says says whether a text of an error has what a line is about.
func says(text, line string) bool {
	_, finding, _ := strings.Cut(line, ": ")
	name, why, isFailure := failureOf(finding)
	return strings.Contains(text, finding) || isFailure && strings.Contains(text, fmt.Sprintf("%q failed: %s", name, why))
}

// failureOf takes the line of a failure apart. In errors and warnings it is not spelled as what a check finds.
func failureOf(finding string) (name, why string, isFailure bool) {
	name, why, isFailure = strings.Cut(finding, ": failed: ")
	return name, why, isFailure && !strings.Contains(name, ": ")
}

// send creates an object, or makes it of an old one, and returns what the API server answers.
func (s server) send(t testing.TB, config *rest.Config, object, old []byte) (answer []byte, denial error) {
	t.Helper()
	dryRun := []string{metav1.DryRunAll}
	var got *unstructured.Unstructured
	if old == nil {
		sent, objects := s.object(t, config, object)
		got, denial = objects.Create(t.Context(), sent, metav1.CreateOptions{DryRun: dryRun})
	} else {
		sent, objects := s.object(t, config, old)
		stored, err := objects.Create(t.Context(), sent, metav1.CreateOptions{})
		if err != nil {
			t.Fatalf("the object before the update: %v", err)
		}
		t.Cleanup(func() {
			if err := objects.Delete(context.WithoutCancel(t.Context()), stored.GetName(), metav1.DeleteOptions{}); err != nil {
				t.Errorf("removing the object before the update: %v", err)
			}
		})
		of, text := update(t, stored.GroupVersionKind(), old, object)
		got, denial = objects.Patch(t.Context(), stored.GetName(), of, text, metav1.PatchOptions{DryRun: dryRun})
	}
	if denial != nil {
		return nil, denial
	}
	answer, err := got.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return answer, nil
}

// update is the patch by which what differs in two documents is changed in an object that was made of the first, as by
// kubectl apply: lists of the kinds of Kubernetes are merged by their keys, and those of others are replaced.
func update(t testing.TB, kind schema.GroupVersionKind, from, to []byte) (types.PatchType, []byte) {
	t.Helper()
	create := func() ([]byte, error) { return jsonpatch.CreateMergePatch(from, to) }
	of := types.MergePatchType
	if known, err := scheme.Scheme.New(kind); err == nil {
		create = func() ([]byte, error) { return strategicpatch.CreateTwoWayMergePatch(from, to, known) }
		of = types.StrategicMergePatchType
	}
	text, err := create()
	if err != nil {
		t.Fatalf("the second document as an update of the first: %v", err)
	}
	return of, text
}

// object is an object in its namespace, and where objects of its kind are.
func (s server) object(
	t testing.TB, config *rest.Config, raw []byte,
) (*unstructured.Unstructured, dynamic.ResourceInterface) {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := restmapper.GetAPIGroupResources(asked)
	if err != nil {
		t.Fatal(err)
	}
	kind := object.GroupVersionKind()
	mapping, err := restmapper.NewDiscoveryRESTMapper(groups).RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		t.Fatal(err)
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return object, client.Resource(mapping.Resource)
	}
	object.SetNamespace(cmp.Or(object.GetNamespace(), s.namespace))
	return object, client.Resource(mapping.Resource).Namespace(object.GetNamespace())
}

func diff(t testing.TB, from, to []byte) []patch.Change {
	t.Helper()
	return patch.Diff(parsed(t, from), parsed(t, to))
}

func parsed(t testing.TB, text []byte) any {
	t.Helper()
	document, err := patch.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// is says whether a change is what a line says, or more than that: the API server may have put defaults beside it.
func is(t testing.TB, line string) func(patch.Change) bool {
	t.Helper()
	name, text, hasValue := strings.Cut(line[2:], ": ")
	var value any
	if hasValue {
		var err error
		if value, err = patch.Parse([]byte(text)); err != nil {
			t.Fatalf("%v, in %q", err, line)
		}
	}
	return func(c patch.Change) bool {
		return sign(c.Op) == line[:1] && c.Field == name && (!hasValue || within(value, c.To))
	}
}

// about are the changes of the field that a line is about.
func about(t testing.TB, line string, changes []patch.Change) (lines []string) {
	t.Helper()
	name, _, _ := strings.Cut(line[2:], ": ")
	for _, c := range changes {
		if c.Field == name {
			lines = append(lines, lineOf(t, c))
		}
	}
	return lines
}

// within says whether all that is wanted is there. Items of lists are compared by their place.
func within(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		fields, isObject := got.(map[string]any)
		for name, value := range want {
			if !isObject || !within(value, fields[name]) {
				return false
			}
		}
		return isObject
	case []any:
		items, isList := got.([]any)
		if !isList || len(items) != len(want) {
			return false
		}
		for i, value := range want {
			if !within(value, items[i]) {
				return false
			}
		}
		return true
	}
	return fmt.Sprint(want) == fmt.Sprint(got)
}

// warnings takes down what the API server warns of.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements [rest.WarningHandler].
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

// has says whether there is the warning that a line is about.
func (w *warnings) has(line string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, finding, _ := strings.Cut(line, ": ")
	name, why, isFailure := failureOf(finding)
	if isFailure {
		finding = name + " failed: " + why
	}
	return slices.ContainsFunc(w.texts, func(text string) bool { return text == finding || isShort(text, finding) })
}

// isShort says whether a text is a longer one without its middle, as users read it.
func isShort(text, whole string) bool {
	head, tail, isCut := strings.Cut(text, "…")
	return isCut && utf8.RuneCountInString(text) == maxWarning && strings.HasPrefix(whole, head) &&
		strings.HasSuffix(whole, tail)
}
