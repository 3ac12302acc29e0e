// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package adapt_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/adapt"
)

// failing is a validator that returns what a function does.
type failing func(ctx context.Context) error

func (f failing) ValidateCreate(ctx context.Context, _ *corev1.Pod) (admission.Warnings, error) {
	return nil, f(ctx)
}

func (f failing) ValidateUpdate(ctx context.Context, _, _ *corev1.Pod) (admission.Warnings, error) {
	return nil, f(ctx)
}

func (f failing) ValidateDelete(ctx context.Context, _ *corev1.Pod) (admission.Warnings, error) {
	return nil, f(ctx)
}

// evaluated is what a check makes of a validator's answer about the creation of a Pod.
func evaluated(ctx context.Context, validator failing) ([]handler.Violation, error) {
	check := adapt.CheckOf("x", scheme.Scheme, &corev1.Pod{}, validator)
	return check.Evaluate(ctx, handler.NewRequest(request(admissionv1.Create, pod(""), runtime.RawExtension{})))
}

// two is an error whose text is not that of the errors which it wraps.
type two struct{ first, second error }

func (two) Error() string     { return "two things are wrong" }
func (t two) Unwrap() []error { return []error{t.first, t.second} }

// Each thing that an error says is told, with its field if it has one, and with what is said before it.
func TestViolationsOfErrors(t *testing.T) {
	a := field.Required(field.NewPath("spec", "a"), "first")
	b := field.Forbidden(field.NewPath("spec", "b"), "second")
	third := errors.New("third")
	ofA := handler.Violation{Field: "spec.a", Message: "Required value: first"}
	ofB := handler.Violation{Field: "spec.b", Message: "Forbidden: second"}
	whole := handler.Violation{Message: "third"}
	before := func(text string, v handler.Violation) handler.Violation {
		v.Message = text + v.Message
		return v
	}
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "web", field.ErrorList{a, b})
	budget := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web", third)
	budget.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: "Budget", Message: "2 are needed"}}
	for name, tt := range map[string]struct {
		err  error
		want []handler.Violation
	}{
		"a field":                   {a, []handler.Violation{ofA}},
		"joined":                    {errors.Join(a, b, third), []handler.Violation{ofA, ofB, whole}},
		"joined twice":              {errors.Join(a, errors.Join(b, third)), []handler.Violation{ofA, ofB, whole}},
		"a list":                    {field.ErrorList{a, b}.ToAggregate(), []handler.Violation{ofA, ofB}},
		"a list among others":       {errors.Join(third, field.ErrorList{a, b}.ToAggregate()), []handler.Violation{whole, ofA, ofB}},
		"others in a list":          {utilerrors.NewAggregate([]error{errors.Join(a, b), third}), []handler.Violation{ofA, ofB, whole}},
		"a status among others":     {errors.Join(third, invalid), []handler.Violation{whole, ofA, ofB}},
		"a field with more to say":  {fmt.Errorf("because of policy 7: %w", a), []handler.Violation{before("because of policy 7: ", ofA)}},
		"a list with more to say":   {fmt.Errorf("policy 7: %w", errors.Join(a, third)), []handler.Violation{before("policy 7: ", ofA), before("policy 7: ", whole)}},
		"a status with more to say": {fmt.Errorf("policy 7: %w", invalid), []handler.Violation{before("policy 7: ", ofA), before("policy 7: ", ofB)}},
		"more to say behind it": {fmt.Errorf("%w, by policy 7", a),
			[]handler.Violation{{Field: "spec.a", Message: "spec.a: Required value: first, by policy 7"}}},
		"two in a sentence": {fmt.Errorf("%w: %w", third, a),
			[]handler.Violation{{Field: "spec.a", Message: "third: spec.a: Required value: first"}}},
		"two with a text of their own": {two{b, a}, []handler.Violation{{Field: "spec.b", Message: "two things are wrong"}}},
		"nothing that is wrapped":      {two{}, []handler.Violation{{Message: "two things are wrong"}}},
		"a status with another cause":  {budget, []handler.Violation{{Message: budget.Error()}}},
	} {
		got, err := evaluated(t.Context(), func(context.Context) error { return tt.err })
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, (-want +got):\n%s", name, err, diff)
		}
	}
}
