// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"errors"
	"testing"

	"github.com/hookstrap/hookstrap/internal/auditreport"
)

func TestResultOfAnAudit(t *testing.T) {
	for _, tt := range []struct {
		report auditreport.Report
		want   error
	}{
		{auditreport.Report{}, nil},
		{auditreport.Report{Unjudged: []string{"pods"}}, errUnreadable},
		{auditreport.Report{DeniedOwners: 1, Unjudged: []string{"pods"}}, errDenied},
	} {
		if got := resultOf(&tt.report); !errors.Is(got, tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.report, got, tt.want)
		}
	}
}
