// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package adapt makes checks and mutations of webhooks that were written for controller-runtime, as kubebuilder
// scaffolds them. They get what checks and mutations have: modes, exemptions, limits, metrics, and `check` without a
// cluster.
package adapt

import (
	"context"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Validator is controller-runtime's admission.Validator[T], which is there from version 0.23 on. Its
// admission.CustomValidator, of any version, is a Validator[runtime.Object].
type Validator[T runtime.Object] interface {
	ValidateCreate(ctx context.Context, obj T) (warnings admission.Warnings, err error)
	ValidateUpdate(ctx context.Context, oldObj, newObj T) (warnings admission.Warnings, err error)
	ValidateDelete(ctx context.Context, obj T) (warnings admission.Warnings, err error)
}

// Defaulter is controller-runtime's admission.Defaulter[T], which is there from version 0.23 on. Its
// admission.CustomDefaulter, of any version, is a Defaulter[runtime.Object].
type Defaulter[T runtime.Object] interface {
	Default(ctx context.Context, obj T) error
}

// subject is the kind of object that a webhook is about.
type subject[T runtime.Object] struct {
	name   string
	object T // an empty one, which is copied
	kinds  []schema.GroupVersionKind
}

func newSubject[T runtime.Object](name string, scheme *runtime.Scheme, object T) subject[T] {
	kinds, _, err := scheme.ObjectKinds(object)
	if err != nil {
		panic(fmt.Sprintf("%q: %T is not in the scheme; add it: %v", name, object, err))
	}
	return subject[T]{name: name, object: object, kinds: kinds}
}

func (s subject[T]) Name() string { return s.name }

// has says whether a request is about the kind. Another version of it cannot be read, which is an error.
func (s subject[T]) has(req *handler.Request) (bool, error) {
	kind := schema.GroupVersionKind(req.Kind)
	if slices.Contains(s.kinds, kind) {
		return true, nil
	}
	for _, known := range s.kinds {
		if known.GroupKind() == kind.GroupKind() {
			return false, handler.VersionError(kind, known.Version)
		}
	}
	return false, nil
}

// LooksAt implements [handler.Looker].
func (s subject[T]) LooksAt() []handler.Look {
	var looks []handler.Look
	for _, kind := range s.kinds {
		looks = append(looks, handler.Look{Kind: kind})
	}
	return looks
}

func (s subject[T]) empty() T { return s.object.DeepCopyObject().(T) }

// withRequest is the context of controller-runtime's webhooks: admission.RequestFromContext finds the request in it.
func withRequest(ctx context.Context, req *handler.Request) context.Context {
	return admission.NewContextWithRequest(ctx, admission.Request{AdmissionRequest: req.AdmissionRequest})
}

// MutationOf makes a mutation of a defaulter of objects of one kind. The scheme has to know the type of object, which
// is an empty one; it panics if not. It is asked about creates and updates, and not about subresources. An error of the
// defaulter refuses the request, as a failure of the mutation. Fields that T does not know stay.
func MutationOf[T runtime.Object](
	name string, scheme *runtime.Scheme, object T, defaulter Defaulter[T],
) handler.Mutation {
	return &mutation[T]{subject: newSubject(name, scheme, object), defaulter: defaulter}
}

type mutation[T runtime.Object] struct {
	subject[T]
	defaulter Defaulter[T]
}

func (m *mutation[T]) Mutate(ctx context.Context, req *handler.Request) ([]byte, error) {
	applies, err := m.has(req)
	if err != nil || !applies {
		return nil, err
	}
	obj := m.empty()
	return handler.EditAs(req, obj, func() error { return m.defaulter.Default(withRequest(ctx, req), obj) })
}

// CheckOf makes a check of a validator of objects of one kind. The scheme has to know the type of object, which is an
// empty one; it panics if not. It is asked about creates, updates and deletes, and not about subresources.
//
// Each error of a list is a violation, with its field if it is a field.Error: of errors.Join, of
// field.ErrorList.ToAggregate, and of the causes of apierrors.NewInvalid. What an error says before a list that it
// wraps is said with each. Any other error is one violation, for the whole object, unless it says that the validator
// could not decide, which is a failure of the check: that its time is up, that a request of it failed in the network,
// or that an API server was overloaded, out of time or in error. In mode [handler.Deny] the warnings of the validator
// warn, in the other modes they are told as its violations are. On an update an error counts even if the old object had
// it as well: only the validator knows what it has compared.
func CheckOf[T runtime.Object](
	name string, scheme *runtime.Scheme, object T, validator Validator[T],
) handler.Check {
	return &check[T]{subject: newSubject(name, scheme, object), validator: validator}
}

type check[T runtime.Object] struct {
	subject[T]
	validator Validator[T]
}

// CountsEveryUpdate says that it does.
func (*check[T]) CountsEveryUpdate() bool { return true }

// Selects has creates, updates and deletes of whole objects.
func (*check[T]) Selects(req *handler.Request) bool {
	return req.SubResource == "" && req.Operation != admissionv1.Connect
}

// LooksAt implements [handler.Looker].
func (c *check[T]) LooksAt() []handler.Look {
	looks := c.subject.LooksAt()
	for i := range looks {
		looks[i].Operations = []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete}
	}
	return looks
}

func (c *check[T]) Evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	applies, err := c.has(req)
	if err != nil || !applies {
		return nil, err
	}
	ctx = withRequest(ctx, req)
	obj, old := c.empty(), c.empty()
	if req.Operation != admissionv1.Delete {
		if err := handler.DecodeObject(req, obj); err != nil {
			return nil, err
		}
	}
	if req.Operation != admissionv1.Create {
		if err := handler.DecodeOldObject(req, old); err != nil {
			return nil, err
		}
	}
	var warnings admission.Warnings
	switch req.Operation {
	case admissionv1.Create:
		warnings, err = c.validator.ValidateCreate(ctx, obj)
	case admissionv1.Update:
		warnings, err = c.validator.ValidateUpdate(ctx, old, obj)
	case admissionv1.Delete:
		warnings, err = c.validator.ValidateDelete(ctx, old)
	case admissionv1.Connect: // It is not selected.
	}
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err() // What was not finished in time says nothing of the object.
	}
	violations, failure := judge(err)
	for _, text := range warnings {
		violations = append(violations, handler.Violation{Message: text, Advice: true})
	}
	return violations, failure
}
