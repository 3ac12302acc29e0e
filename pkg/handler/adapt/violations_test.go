// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package adapt_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
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

// An error that says nothing of the object is a failure. What others say of it counts as well.
func TestFailuresOfValidators(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	missing := field.Required(field.NewPath("spec", "a"), "first")
	ofMissing := []handler.Violation{{Field: "spec.a", Message: "Required value: first"}}
	refused := &url.Error{Op: "Get", URL: "https://a", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	unparsed := &url.Error{Op: "parse", URL: "a b", Err: errors.New("a space")}
	_, _, noCIDR := net.ParseCIDR("a")
	limit := errors.New("client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline")
	for name, tt := range map[string]struct {
		err       error
		isFailure bool
		want      []handler.Violation
	}{
		"the time of a request":      {fmt.Errorf("asking: %w", context.DeadlineExceeded), true, nil},
		"a request that is given up": {fmt.Errorf("asking: %w", context.Canceled), true, nil},
		"a rate limit":               {limit, true, nil},
		"no connection":              {fmt.Errorf("asking: %w", refused), true, nil},
		"no connection without HTTP": {refused.Err, true, nil},
		"no answer":                  {&url.Error{Op: "Get", URL: "https://a", Err: io.EOF}, true, nil},
		"no name in time":            {&net.DNSError{Err: "i/o timeout", IsTimeout: true}, true, nil},
		"a timeout":                  {fmt.Errorf("asking: %w", apierrors.NewTimeoutError("a", 1)), true, nil},
		"a timeout of the server":    {apierrors.NewServerTimeout(pods, "get", 1), true, nil},
		"too many requests":          {apierrors.NewTooManyRequests("a", 1), true, nil},
		"an internal error":          {apierrors.NewInternalError(errors.New("a")), true, nil},
		"no server":                  {apierrors.NewServiceUnavailable("a"), true, nil},
		"an answer of a proxy":       {apierrors.NewGenericServerResponse(502, "get", pods, "web", "a", 0, true), true, nil},
		"a field, and a failure":     {errors.Join(missing, refused), true, ofMissing},
		"both with more to say": {fmt.Errorf("policy 7: %w", errors.Join(missing, refused)), true,
			[]handler.Violation{{Field: "spec.a", Message: "policy 7: Required value: first"}}},
		"not found": {apierrors.NewNotFound(pods, "web"), false, []handler.Violation{{Message: `pods "web" not found`}}},
		"no URL":    {unparsed, false, []handler.Violation{{Message: unparsed.Error()}}},
		"no range":  {noCIDR, false, []handler.Violation{{Message: noCIDR.Error()}}},
		"a name that is not there": {&net.DNSError{Err: "no such host", Name: "a", IsNotFound: true}, false,
			[]handler.Violation{{Message: "lookup a: no such host"}}},
	} {
		got, err := evaluated(t.Context(), func(context.Context) error { return tt.err })
		if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != tt.isFailure {
			t.Errorf("%s: failure %v, (-want +got):\n%s", name, err, diff)
		}
	}
}

// A validator whose time is up has not denied, whatever it makes of it.
func TestAValidatorOutOfTime(t *testing.T) {
	for text, answer := range map[string]error{"field": field.Required(field.NewPath("spec"), ""), "other": errors.New("no quota")} {
		ctx, cancel := context.WithCancel(t.Context())
		got, err := evaluated(ctx, func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return answer
		})
		if !errors.Is(err, context.Canceled) || got != nil {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got, err := evaluated(ctx, func(context.Context) error { cancel(); return nil })
	if err != nil || got != nil {
		t.Errorf("an object that passes: got %v, %v", got, err)
	}
}

// With failurePolicy Ignore, a failure lets the object pass.
func TestFailuresAreIgnored(t *testing.T) {
	for policy, want := range map[handler.FailurePolicy]bool{handler.Ignore: true, handler.Fail: false} {
		h, err := handler.New(handler.Options{Entries: []handler.Entry{{FailurePolicy: policy, Check: adapt.CheckOf("x", scheme.Scheme,
			&corev1.Pod{}, failing(func(context.Context) error { return apierrors.NewServiceUnavailable("down") }))}}})
		if err != nil {
			t.Fatal(err)
		}
		got := review(t, h, request(admissionv1.Create, pod(""), runtime.RawExtension{}))
		if got.Allowed != want || !strings.Contains(fmt.Sprint(got.Warnings, got.Result), "failed: down") {
			t.Errorf("%s: %+v", policy, got)
		}
	}
}
