// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Definition is a kind of check, or of mutation, that a configuration can ask for by name: what its parameters are,
// how it is made of them, and what people should know about it. Make one with [Define] or [DefineMutation]. It holds
// no state and may be shared.
type Definition struct {
	// Name is the key in the configuration, and the name of the checks that are made; see [Check].
	Name string
	// Doc is what people should know; the pages about the checks are made of it.
	Doc Doc
	// DefaultMode is the check's mode when a configuration does not name the check; empty means Off. A check that is named
	// denies unless it, or an entry here other than Off, says otherwise.
	DefaultMode Mode
	// Reads are empty objects of the types that the check looks up in [Environment.Cluster], and that have to be in its
	// cache before the check is asked. A [View] in place of one says that not whole objects are needed. A list of RBAC
	// rules for the webhook follows from it: get, list and watch.
	Reads []client.Object

	parameters    func() any
	build         func(parameters any, env Environment) (Check, error)
	buildMutation func(parameters any, env Environment) (Mutation, error) // in place of build
}

// Doc describes a check, or a mutation, to the people who run it. Of a mutation, Denied is an object that it changes,
// and Admitted the same object changed.
type Doc struct {
	// Summary says in one sentence what is denied, or changed.
	Summary string
	// Why says in a few sentences what can go wrong without the check.
	Why string
	// Parameters are the parameters, in YAML, with which Denied is denied; empty if the defaults do.
	Parameters string
	// Denied is the manifest, in YAML, of an object that the check denies.
	Denied string
	// Admitted is the same object as the check would have it.
	Admitted string
	// Operation is that of the requests that Denied and Admitted are about, if it is another than CREATE. Of a DELETE they
	// are the object before it, of a CONNECT its options.
	Operation admissionv1.Operation
	// URL is that of a page about the check, if there is one. Reports link to it.
	URL string
}

// Subject says in words what it is of Denied and Admitted that is denied or admitted, as the beginning of a sentence.
func (d Doc) Subject() string {
	switch d.Operation {
	case admissionv1.Delete:
		return "To delete this object"
	case admissionv1.Connect:
		return "A connection with these options"
	case admissionv1.Create, admissionv1.Update:
	}
	return "This"
}

// Environment is what checks may use besides the request, and what says how they are used.
type Environment struct {
	// Cluster reads the objects of the cluster, of the types in [Definition.Reads], from a cache: a check never waits for
	// the API server. The cache may hear of an object a moment after the API server has let it in; for a Namespace, which
	// the first of its objects follow at once, it waits by itself, and no second request is needed. Offline it has the
	// manifests that are checked together. Views are read by their own methods. It is nil when nothing can be read, and a
	// check that needs it then has to fail rather than to pass.
	Cluster client.Reader
	// Offline says that the Cluster has the manifests that are checked together and nothing else, and is asked for types
	// in Reads and for any others.
	Offline bool
	// Clean says in which namespaces checks in mode [DenyWhenClean] deny. Nil is for programs that do not know: they
	// cannot use that mode.
	Clean Cleanliness
}

// Cleanliness says in which namespaces checks in mode [DenyWhenClean] deny. It is asked in every review, by many
// goroutines, and must not block.
type Cleanliness interface {
	// Clean says whether a check denies in a namespace, "" for objects that are in none. Policy is what tells this use of
	// the check, with its parameters and exemptions, from others.
	Clean(check, policy, namespace string) bool
}

// CleanEverywhere is for judging what is about to be created, as if in a new namespace: every namespace is clean, and
// checks in mode [DenyWhenClean] deny.
func CleanEverywhere() Cleanliness { return everywhere{} }

type everywhere struct{}

func (everywhere) Clean(string, string, string) bool { return true }

// Reader is implemented by parameters that decide whether a check looks anything up in the cluster: not every use of a
// check is worth a cache, and the right to fill it.
type Reader interface {
	// ReadsCluster says whether the types in [Definition.Reads] are looked up with these parameters.
	ReadsCluster() bool
}

// Chooser is implemented by parameters with which a check looks up some of the types in [Definition.Reads] only.
type Chooser interface {
	// Needs says whether an entry of Reads is looked up.
	Needs(read client.Object) bool
}

// Enumerator is implemented by parameters, and structures in them, that have fields of which only a few values are
// right. Editors suggest them; what is wrong all the same is for a [Validator] to find.
type Enumerator interface {
	// Values returns the right values of such fields by the fields' names in JSON; of a list, those of its items.
	Values() map[string][]string
}

// Validator is implemented by parameters that can be wrong.
type Validator interface {
	// Validate returns everything that is wrong, with the path of each field; path is that of the parameters.
	Validate(path *field.Path) field.ErrorList
}

// Define makes a Definition of a function that makes the check of its parameters. P is a struct with JSON tags; its
// fields stand beside those that every check has, so none can be called as one of [CommonFields]. The defaults are what
// holds for fields that a configuration leaves out; they must be a new value at every call. If P or *P is a
// [Validator], build is called with valid parameters only.
func Define[P any](
	name string, doc Doc, defaults func() P, build func(parameters P, env Environment) (Check, error),
	reads ...client.Object,
) Definition {
	return Definition{
		Name: name, Doc: doc, Reads: reads,
		parameters: func() any { p := defaults(); return &p },
		build:      func(parameters any, env Environment) (Check, error) { return build(*parameters.(*P), env) },
	}
}

// NewParameters returns a pointer to new parameters with their defaults, to decode a configuration into.
func (d Definition) NewParameters() any { return d.parameters() }

// Validate returns everything that is wrong with parameters that came from NewParameters, and with their type.
func (d Definition) Validate(path *field.Path, parameters any) field.ErrorList {
	errs := hidden(path, parameters)
	if v, ok := parameters.(Validator); ok {
		errs = append(errs, v.Validate(path)...)
	}
	return errs
}

// CommonFields returns the names of the fields that every check has in a configuration, beside its parameters. onError
// is the old name of failurePolicy.
func CommonFields() []string { return []string{"mode", "failurePolicy", "onError", "exempt"} }

// hidden finds parameters that no configuration can set, because each check has a field of that name.
func hidden(path *field.Path, parameters any) field.ErrorList {
	value := reflect.Indirect(reflect.ValueOf(parameters))
	if value.Kind() != reflect.Struct {
		return nil
	}
	var errs field.ErrorList
	for _, f := range reflect.VisibleFields(value.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && slices.Contains(CommonFields(), name) {
			errs = append(errs, field.InternalError(path.Child(name),
				fmt.Errorf("every check has a field %q, so that no parameter can have its name: rename %s", name, f.Name)))
		}
	}
	return errs
}

// ReadsFor returns the types that the check with these parameters looks up, which came from NewParameters: those in
// Reads, unless the parameters are a [Reader] or a [Chooser] that says otherwise.
func (d Definition) ReadsFor(parameters any) []client.Object {
	if r, ok := parameters.(Reader); ok && !r.ReadsCluster() {
		return nil
	}
	if c, ok := parameters.(Chooser); ok {
		return slices.DeleteFunc(slices.Clone(d.Reads), func(read client.Object) bool { return !c.Needs(read) })
	}
	return d.Reads
}

// WithDefaultMode returns a copy of the definition with another default mode.
func (d Definition) WithDefaultMode(mode Mode) Definition {
	d.DefaultMode = mode
	return d
}

// Build makes the check of parameters that came from NewParameters. Its name has to be that of the definition, or who
// reads it in a message would not find it in the configuration.
func (d Definition) Build(parameters any, env Environment) (Check, error) {
	if d.IsMutation() {
		return nil, fmt.Errorf("mutation %q is no check: use BuildMutation", d.Name)
	}
	c, err := d.build(parameters, env)
	if err != nil {
		return nil, fmt.Errorf("check %q: %w", d.Name, err)
	}
	if c == nil {
		return nil, fmt.Errorf("check %q: its definition has built nothing: return a check or an error", d.Name)
	}
	if name := c.Name(); name != d.Name {
		return nil, fmt.Errorf("check %q: its definition has built one that is called %q: give both one name", d.Name,
			name)
	}
	return c, nil
}
