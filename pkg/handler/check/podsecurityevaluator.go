// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"reflect"

	"k8s.io/pod-security-admission/policy"
)

// newEvaluator returns an evaluator of checks, which are controls of the Pod Security Standards. policy.NewEvaluator
// has a second parameter in later versions of Kubernetes, the version to emulate, and another type of result. Calling
// it by reflection, with the zero value for what it has besides the checks, compiles with all of them.
func newEvaluator(checks []policy.Check) (policy.Evaluator, error) {
	function := reflect.ValueOf(policy.NewEvaluator)
	args := []reflect.Value{reflect.ValueOf(checks)}
	for i := 1; i < function.Type().NumIn(); i++ {
		args = append(args, reflect.Zero(function.Type().In(i)))
	}
	results := function.Call(args)
	if err, failed := reflect.TypeAssert[error](results[1]); failed {
		return nil, err
	}
	evaluator, _ := reflect.TypeAssert[policy.Evaluator](results[0])
	return evaluator, nil
}
