// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// row is a situation: what is changed of a healthy one, and what the command has to find.
type row struct {
	name   string
	change func(t *testing.T, p *place)
	want   []string // identifiers of errors and warnings
}

// TestMatrix makes each situation, and compares what the command finds with what the API server says: exactly the faults
// are found, and the API server can call the webhook if and only if none of them says that it cannot.
func TestMatrix(t *testing.T) {
	t.Parallel()
	rows := slices.Concat(healthy(), onTheWay(), bundles(), connections(), certificates(), later(), controllerRuntime(), python(),
		certController())
	judge(t, rows)
}

// judge makes the situations of rows, and compares.
func judge(t *testing.T, rows []row) {
	t.Helper()
	broken := 0
	matrix := fmt.Sprintf("%-60s %-9s %s\n", "situation", "callable", "what doctor finds")
	for _, r := range rows {
		if len(r.want) > 0 {
			broken++
		}
		matrix += fmt.Sprintf("%-60s %-9t %s\n", r.name, isCallable(r.want), cmp.Or(strings.Join(r.want, ", "), "nothing"))
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			r.change(t, p)
			p.build(t)
			wantFindings(t, r.want, "--webhook-configuration=validating/"+p.meta.Name)
			p.truth(t, isCallable(r.want))
		})
	}
	t.Cleanup(func() {
		if !t.Failed() { // A row that fails is not so.
			t.Logf("%d situations are broken, %d are healthy:\n%s", broken, len(rows)-broken, matrix)
		}
	})
}

// isCallable says whether none of the problems keeps the API server from calling a webhook.
func isCallable(ids []string) bool {
	return !slices.ContainsFunc(doctor.Problems(), func(p doctor.Problem) bool {
		return p.Callable && slices.Contains(ids, p.ID)
	})
}

// wantFindings runs the command, and compares the identifiers of errors and warnings, and the exit code.
func wantFindings(t *testing.T, want []string, args ...string) {
	t.Helper()
	report, code := examine(t, args...)
	got := []string{}
	for _, f := range report.Findings {
		if f.Severity != doctor.Info {
			got = append(got, f.ID)
		}
		if f.Message == "" || f.Why == "" || f.Fix == "" {
			t.Errorf("a finding does not say everything: %+v", f)
		}
	}
	slices.Sort(got)
	want = append([]string{}, want...)
	slices.Sort(want)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("doctor found (-want +got):\n%s%+v", diff, report)
	}
	if wantCode := min(len(want), 1); code != wantCode {
		t.Errorf("exit code %d, want %d: %+v", code, wantCode, report)
	}
}
