// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// A variable is null for one operation alone: object when something is deleted, oldObject when it is created.
func TestConditionOnNull(t *testing.T) {
	t.Parallel()
	const object, both = "object.kind == 'A'", "object.kind == oldObject.kind"
	for _, tt := range []struct {
		expression string
		operations []admissionregistrationv1.OperationType
		want       string
	}{
		{object, []admissionregistrationv1.OperationType{admissionregistrationv1.Delete}, "object of DELETE"},
		{object, []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}, ""},
		{object, []admissionregistrationv1.OperationType{admissionregistrationv1.Connect}, ""},
		{object, []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll}, "object of DELETE"},
		{both, []admissionregistrationv1.OperationType{admissionregistrationv1.Create}, "oldObject of CREATE"},
		{both, []admissionregistrationv1.OperationType{admissionregistrationv1.Update}, ""},
		{both, []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll}, "object of DELETE, oldObject of CREATE"},
	} {
		f := one(time.Now(), selfSigned(t, time.Now().Add(-time.Hour)), func(_ *Facts, e *Entry) {
			e.Rules.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "c", Expression: tt.expression}}
			e.Rules.Rules[0].Operations = tt.operations
		})
		var got []string
		for _, found := range Examine(f).Findings {
			_, read, _ := strings.Cut(found.Message, "reads ")
			variable, rest, _ := strings.Cut(read, ",")
			_, rest, _ = strings.Cut(rest, "each ")
			operation, _, _ := strings.Cut(rest, " ")
			if found.ID != IDConditionNull || !strings.Contains(found.Fix, "request.operation == '"+operation+"' ||") {
				t.Errorf("%s of %v: %+v", tt.expression, tt.operations, found)
			}
			got = append(got, variable+" of "+operation)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s of %v: %q, want %q", tt.expression, tt.operations, got, tt.want)
		}
	}
}
