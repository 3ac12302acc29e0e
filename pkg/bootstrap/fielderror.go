// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"
	"os"
)

// FieldError is a fault of one field of [Options]. The error of [New] and [NewServer] joins all of them.
type FieldError struct {
	// Field is the name of the field, for instance "ServiceAccount".
	Field string

	format string // with ${Field} where the sentence names a field
	args   []any
}

// fault is a FieldError whose sentence names fields as ${Field}; otherwise it is a format of [fmt.Errorf].
func fault(field, format string, args ...any) error {
	return &FieldError{Field: field, format: format, args: args}
}

// FieldErrors are those that an error of [New] or [NewServer] joins.
func FieldErrors(err error) []*FieldError {
	switch e := err.(type) { //nolint:errorlint // Each layer is looked at in turn.
	case *FieldError:
		return []*FieldError{e}
	case interface{ Unwrap() error }:
		return FieldErrors(e.Unwrap())
	case interface{ Unwrap() []error }:
		var found []*FieldError
		for _, each := range e.Unwrap() {
			found = append(found, FieldErrors(each)...)
		}
		return found
	}
	return nil
}

// Error names each field, and the environment variable that fills it in.
func (e *FieldError) Error() string { return e.Named(withVariable).Error() }

// Named is the error with fields called as name says, for instance by the flags of a program.
func (e *FieldError) Named(name func(field string) string) error {
	return fmt.Errorf(os.Expand(e.format, name), e.args...)
}

// Unwrap returns the errors that the fault consists of.
func (e *FieldError) Unwrap() error { return e.Named(withVariable) }

// withVariable is a field and the environment variable that is read where it is empty.
func withVariable(field string) string {
	name := map[string]string{
		"Service": EnvService, "Namespace": EnvNamespace, "ServiceAccount": EnvServiceAccount,
		"PodName": EnvPodName, "PodUID": EnvPodUID, "PodIPs": EnvPodIPs,
		"InForceBinding": EnvInForceBinding,
	}[field]
	if name == "" {
		return field
	}
	return fmt.Sprintf("%s (environment variable %s)", field, name)
}
