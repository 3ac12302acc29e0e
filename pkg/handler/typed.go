// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// CheckFor makes a check of a function that looks at objects of one built-in type, such as *corev1.Pod. Requests for
// other kinds pass. With [metav1.PartialObjectMetadata] the function sees the metadata of objects of every kind.
//
// A request for another version of the kind makes the check fail: passing what it cannot read would let a user avoid
// the check by choosing a version. List the one version in the webhook's rules and leave matchPolicy at Equivalent,
// and the API server converts the others.
//
// CheckFor panics if T is not a type of the Kubernetes API; for custom resources there is [CheckForKind].
func CheckFor[T any](name string, fn func(ctx context.Context, req *Request, obj *T) []Violation) Check {
	return &typedCheck[T]{name: name, kinds: kindsOf[T]("check", name, "CheckForKind"), fn: fn}
}

// kindsOf are the kinds of a type of the Kubernetes API. It panics for others, and says what to use for them.
func kindsOf[T any](what, name, instead string) kinds {
	if reflect.TypeFor[T]() == reflect.TypeFor[metav1.PartialObjectMetadata]() {
		return nil
	}
	obj, ok := any(new(T)).(runtime.Object)
	if !ok {
		panic(fmt.Sprintf("%s %q: %T is not an API object; use %s", what, name, new(T), instead))
	}
	found, _, err := scheme.Scheme.ObjectKinds(obj)
	if err != nil {
		panic(fmt.Sprintf("%s %q: %T is not a type of the Kubernetes API; use %s: %v", what, name, obj, instead, err))
	}
	return found
}

// CheckForKind is as [CheckFor], for objects of the given kind: a custom resource, or a struct of one's own with only
// the fields that matter.
func CheckForKind[T any](
	name string, kind schema.GroupVersionKind, fn func(ctx context.Context, req *Request, obj *T) []Violation,
) Check {
	return &typedCheck[T]{name: name, kinds: kinds{kind}, fn: fn}
}

// typedCheck is a check of objects of type T, which have one of the kinds.
type typedCheck[T any] struct {
	name  string
	kinds kinds
	fn    func(ctx context.Context, req *Request, obj *T) []Violation
}

func (c *typedCheck[T]) Name() string { return c.name }

func (c *typedCheck[T]) Evaluate(ctx context.Context, req *Request) ([]Violation, error) {
	applies, err := c.kinds.have(schema.GroupVersionKind(req.Kind))
	if err != nil || !applies {
		return nil, err
	}
	obj, err := Object[T](req)
	if err != nil {
		return nil, err
	}
	return c.fn(ctx, req, obj), nil
}

// kinds are what a type can be read from; none stands for every kind.
type kinds []schema.GroupVersionKind

// have says whether a kind is among them. Another version of one that is cannot be read, which is an error.
func (k kinds) have(kind schema.GroupVersionKind) (bool, error) {
	if len(k) == 0 || slices.Contains(k, kind) {
		return true, nil
	}
	for _, known := range k {
		if known.GroupKind() == kind.GroupKind() {
			return false, VersionError(kind, known.Version)
		}
	}
	return false, nil
}

// VersionError says that a check which reads one version of a kind was given another.
func VersionError(got schema.GroupVersionKind, want string) error {
	return fmt.Errorf("cannot read %s of version %s, only %s: list apiVersions [%q] in the webhook's rules, with "+
		"matchPolicy Equivalent", got.Kind, got.Version, want, want)
}
