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

// violationsOf are what an error of a validator says, field by field where it does. No word of it is lost.
func violationsOf(err error) []handler.Violation {
	if err == nil {
		return nil
	}
	var violations []handler.Violation
	for _, part := range partsOf(err) {
		violations = append(violations, violationsOf(part)...)
	}
	switch e := err.(type) { //nolint:errorlint // Each layer is looked at in turn.
	case *field.Error:
		return []handler.Violation{{Field: e.Field, Message: e.ErrorBody()}}
	case apierrors.APIStatus:
		violations = ofStatus(e)
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		if before, ok := textBefore(err, inner); ok {
			violations = violationsOf(inner)
			for i := range violations {
				violations[i].Message = before + violations[i].Message
			}
		}
	}
	if len(violations) > 0 {
		return violations
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

// textBefore is what an error says before the one that it wraps. It is false if that is not all that it says itself.
func textBefore(err, inner error) (string, bool) {
	if inner == nil {
		return "", false
	}
	return strings.CutSuffix(err.Error(), inner.Error())
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
