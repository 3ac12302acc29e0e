// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"k8s.io/klog/v2"
)

// panicked tells the log of a panic in the check, and returns what there is to tell everybody else.
func (e *entry) panicked(ctx context.Context, reason any) error {
	logger := klog.FromContext(ctx)
	if e.kind == "mutation" {
		logger = logger.WithValues("mutation", e.name)
	} else {
		logger = logger.WithValues("check", e.name)
	}
	logger.Error(nil, "A check or mutation panicked; this is a bug in it",
		"panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
	return errors.New("it panicked; the webhook's log has the stack")
}

// failure is an error of a check, and what it says.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }

// Unwrap returns what the check has returned.
func (f *failure) Unwrap() error { return f.cause }

// failed asks an error once what it says, for the code that reports it: that is code of the check, too, and may panic,
// as it does for a nil pointer that was returned as an error. What the check has found counts all the same.
func (e *entry) failed(ctx context.Context, err error) (failed error) {
	defer func() {
		if reason := recover(); reason != nil {
			failed = e.panicked(ctx, reason)
		}
	}()
	return &failure{text: err.Error(), cause: err}
}
