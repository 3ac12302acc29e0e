// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// The first report is whole; later, what has changed is said once, and a failure as well. Nothing is asked for between two
// looks, and the last state counts when the user ends it.
func TestDoctorWatch(t *testing.T) {
	t.Parallel()
	broken := &doctor.Report{Findings: []doctor.Finding{{ID: "ca-ends-soon", Severity: doctor.Warning}}}
	away := errors.New("the API server is away")
	type look struct {
		report *doctor.Report
		err    error
	}
	synctest.Test(t, func(t *testing.T) {
		looks := []look{{nil, away}, {nil, away}, {&doctor.Report{}, nil}, {&doctor.Report{}, nil}, {broken, nil}, {broken, nil}, {nil, away}, {broken, nil}}
		ctx, cancel := context.WithCancel(t.Context())
		begin, made := time.Now(), 0
		var said []string
		var failures bytes.Buffer
		w := &doctorWatch{
			look: func(context.Context) (*doctor.Report, error) {
				if made == len(looks) {
					cancel() // What is seen of the cluster then is not all.
					return &doctor.Report{}, nil
				}
				if got, want := time.Since(begin), time.Duration(made)*time.Minute; got != want {
					t.Errorf("look %d after %s, want %s", made, got, want)
				}
				made++
				return looks[made-1].report, looks[made-1].err
			},
			whole: func(*doctor.Report) error { said = append(said, "whole"); return nil },
			changes: func(c *doctor.Changes) error {
				for _, f := range c.New {
					said = append(said, "new "+f.ID)
				}
				return nil
			},
			failures: &failures, interval: time.Minute, now: time.Now,
		}
		report, err := w.run(ctx)
		if report != broken || err != nil || made != len(looks) {
			t.Errorf("the last state is %+v, %v after %d looks", report, err, made)
		}
		if diff := cmp.Diff([]string{"whole", "new ca-ends-soon"}, said); diff != "" {
			t.Errorf("it said (-want +got):\n%s", diff)
		}
		if got := bytes.Count(failures.Bytes(), []byte("\n")); got != 2 {
			t.Errorf("%d lines for two outages:\n%s", got, &failures)
		}
	})
}

// A watch that could never judge says so at its end, and so does one that cannot write.
func TestDoctorWatchFails(t *testing.T) {
	t.Parallel()
	away, full := errors.New("the API server is away"), errors.New("no space left")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		w := &doctorWatch{look: func(context.Context) (*doctor.Report, error) { return nil, away }, failures: &bytes.Buffer{},
			interval: time.Minute, now: time.Now}
		if report, err := w.run(ctx); report != nil || !errors.Is(err, away) {
			t.Errorf("%+v, %v", report, err)
		}
		w.look = func(context.Context) (*doctor.Report, error) { return &doctor.Report{}, nil }
		w.whole = func(*doctor.Report) error { return full }
		if _, err := w.run(t.Context()); !errors.Is(err, full) {
			t.Errorf("%v, want %v", err, full)
		}
	})
}
