// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// TestAnExpiredCertificateIsNotReady, whatever else holds.
func TestAnExpiredCertificateIsNotReady(t *testing.T) {
	now := time.Now()
	for name, tc := range map[string]struct {
		pair *serving.Pair
		want string // "" for ready
	}{
		"good":    {pairs.Lasting(t, now.Add(-time.Hour), now.Add(time.Hour), []string{selfName}), ""},
		"expired": {pairs.Lasting(t, now.Add(-time.Hour), now.Add(-time.Second), []string{selfName}), "the certificate expired at"},
		"none":    {nil, "was not started"},
	} {
		r := newTested(t, Options{})
		if tc.pair != nil {
			r.state.Set(tc.pair)
		}
		condition := r.Conditions()[0]
		err := condition.Check(t.Context())
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: condition %s says %v, want %q", name, condition.Name, err, tc.want)
		}
	}
}

// TestRefusedFilesAreANote: files that cannot be used are said beside a condition that holds, since the last good ones
// are in use.
func TestRefusedFilesAreANote(t *testing.T) {
	r := newTested(t, Options{})
	r.state.Set(pairs.SelfSigned(t, selfName))
	r.options.Report.Files.Counted(report.FilesClientCA, errors.New("garbage"))
	condition := r.Conditions()[0]
	if err := condition.Check(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	if note := condition.Note(); !strings.Contains(note, "client-ca") || !strings.Contains(note, "garbage") {
		t.Errorf("the note is %q", note)
	}
}
