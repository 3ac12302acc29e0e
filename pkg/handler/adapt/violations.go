// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package adapt

import (
	"errors"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// judge tells what an error of a validator says of the object, field by field where it does, from that the validator
// could not decide. No word of it is lost.
func judge(err error) (violations []handler.Violation, failure error) {
	if err == nil {
		return nil, nil
	}
	if violations, failure = judgeAll(partsOf(err)); len(violations) > 0 || failure != nil {
		return violations, failure
	}
	if before, inner := wrappedIn(err); inner != nil {
		violations, failure = judge(inner)
		for i := range violations {
			violations[i].Message = before + violations[i].Message
		}
	}
	switch {
	case failure != nil && len(violations) > 0:
		return violations, failure
	case isFailure(err):
		return nil, err
	case len(violations) > 0:
		return violations, nil
	}
	return violationsOf(err), nil
}

func judgeAll(errs []error) (violations []handler.Violation, failure error) {
	var failures []error
	for _, err := range errs {
		more, failure := judge(err)
		violations, failures = append(violations, more...), append(failures, failure)
	}
	return violations, errors.Join(failures...)
}

// violationsOf are those of an error that wraps no other whose words are known.
func violationsOf(err error) []handler.Violation {
	switch e := err.(type) { //nolint:errorlint // Each layer is looked at in turn.
	case *field.Error:
		return []handler.Violation{{Field: e.Field, Message: e.ErrorBody()}}
	case apierrors.APIStatus:
		if violations := ofStatus(e); len(violations) > 0 {
			return violations
		}
	}
	return []handler.Violation{ofWhole(err)}
}

// partsOf are the errors that an error lists and says nothing about, as those of errors.Join and of
// field.ErrorList.ToAggregate do.
func partsOf(err error) []error {
	switch e := err.(type) { //nolint:errorlint // Each layer is looked at in turn.
	case utilerrors.Aggregate:
		return e.Errors()
	case interface{ Unwrap() []error }:
		if joined := errors.Join(e.Unwrap()...); joined != nil && joined.Error() == err.Error() {
			return e.Unwrap()
		}
	}
	return nil
}

// wrappedIn is the error that an error wraps, and what it says before that one. It is nil if that is not all that it
// says itself.
func wrappedIn(err error) (before string, inner error) {
	if inner = errors.Unwrap(err); inner == nil {
		return "", nil
	}
	before, ok := strings.CutSuffix(err.Error(), inner.Error())
	if !ok {
		return "", nil
	}
	return before, inner
}

// ofStatus are the fields that a status of the API machinery names. Where it has other causes, what it says itself is
// what there is to know.
func ofStatus(status apierrors.APIStatus) []handler.Violation {
	s := status.Status()
	hasNoField := func(cause metav1.StatusCause) bool { return cause.Field == "" }
	if s.Details == nil || slices.ContainsFunc(s.Details.Causes, hasNoField) {
		return nil
	}
	var violations []handler.Violation
	for _, cause := range s.Details.Causes {
		violations = append(violations, handler.Violation{Field: cause.Field, Message: cause.Message})
	}
	return violations
}

// ofWhole is an error with all that it says, and the first field that it is about, if there is one.
func ofWhole(err error) handler.Violation {
	violation := handler.Violation{Message: err.Error()}
	var at *field.Error
	if errors.As(err, &at) {
		violation.Field = at.Field
	}
	return violation
}
