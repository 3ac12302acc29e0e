// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package adapt

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// violationsOf are what an error of a validator says, field by field where it does.
func violationsOf(err error) []handler.Violation {
	if err == nil {
		return nil
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return ofStatus(status)
	}
	var several utilerrors.Aggregate
	if errors.As(err, &several) {
		var violations []handler.Violation
		for _, one := range utilerrors.Flatten(several).Errors() {
			violations = append(violations, ofError(one))
		}
		return violations
	}
	return []handler.Violation{ofError(err)}
}

func ofStatus(status apierrors.APIStatus) []handler.Violation {
	s := status.Status()
	if s.Details == nil || len(s.Details.Causes) == 0 {
		return []handler.Violation{{Message: s.Message}}
	}
	var violations []handler.Violation
	for _, cause := range s.Details.Causes {
		violations = append(violations, handler.Violation{Field: cause.Field, Message: cause.Message})
	}
	return violations
}

func ofError(err error) handler.Violation {
	var at *field.Error
	if errors.As(err, &at) && at.Field != "" {
		return handler.Violation{Field: at.Field, Message: at.ErrorBody()}
	}
	return handler.Violation{Message: err.Error()}
}
