// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// leastInterval keeps a slip of the finger from asking an API server all the time.
const leastInterval = time.Second

func parseInterval(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil && d < leastInterval {
		err = fmt.Errorf("it has to be at least %s", leastInterval)
	}
	return d, err
}

// doctorWatch looks again and again, and says what has changed. The fields are its seams.
type doctorWatch struct {
	look     func(context.Context) (*doctor.Report, error)
	whole    func(*doctor.Report) error // writes the first report
	changes  func(*doctor.Changes) error
	failures io.Writer
	interval time.Duration
	now      func() time.Time
}

// run returns the last state when ctx ends: the report, or why there is none. An error in writing ends it as well.
func (w *doctorWatch) run(ctx context.Context) (*doctor.Report, error) {
	var last *doctor.Report
	var failed error
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return last, failed
		case <-next.C:
		}
		report, err := w.look(ctx)
		if ctx.Err() != nil {
			return last, failed // What was seen of the cluster is not all.
		}
		if err := w.tell(last, report, failed, err); err != nil {
			return last, fmt.Errorf("writing the report: %w", err)
		}
		if failed = err; err == nil {
			last = report
		}
		next.Reset(w.interval)
	}
}

// tell says what has changed since the last look. A failure is said once for as long as it stays the same.
func (w *doctorWatch) tell(last, report *doctor.Report, failed, err error) error {
	switch {
	case err != nil && failed != nil && failed.Error() == err.Error():
		return nil
	case err != nil:
		_, err := fmt.Fprintf(w.failures, "%s not judged: %v\n", w.now().Format(time.RFC3339), err)
		return err
	case last == nil:
		return w.whole(report)
	}
	changes := report.Since(last, w.now())
	if changes.Empty() {
		return nil
	}
	return w.changes(changes)
}
