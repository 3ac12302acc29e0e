// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"k8s.io/klog/v2"
)

// Files knows which files cannot be used, by one of the constants Files…
type Files struct {
	reporter *Reporter
	refused  sync.Map // why, by what they hold
}

// Failed counts files that could not be read or used, and keeps the error for readiness. The caller logs it.
func (f *Files) Failed(what string, err error) {
	f.reporter.Last.set(err)
	f.Counted(what, err)
}

// Counted is Failed for files which the serving certificate does not depend on: readiness only notes it.
func (f *Files) Counted(what string, err error) {
	if what != filesChecks { // They have a readiness condition of their own.
		f.refused.Store(what, err)
	}
	f.reporter.Counted(TaskReload, err)
	f.reporter.metrics.reloadErrors.WithLabelValues(what).Inc()
	f.reporter.events.warning(eventReload, what, "The last good files (%s) stay in use: %v", what, err)
}

// Over logs, and records as an event, that the files are in use again, if they were not.
func (f *Files) Over(ctx context.Context, what string) {
	if _, bad := f.refused.LoadAndDelete(what); !bad {
		return
	}
	f.reporter.events.over(eventReload, what)
	f.reporter.events.normal(eventReloaded, "The files (%s) are in use again", what)
	klog.FromContext(ctx).Info("The files are in use again", "what", what)
}

// Note says which files are not in use, and why: a note of a readiness condition. The last good ones are in use.
func (f *Files) Note() string {
	var notes []string
	for _, what := range allFiles() {
		if err, bad := f.refused.Load(what); bad {
			notes = append(notes, fmt.Sprintf("the last good files (%s) stay in use: %v", what, err))
		}
	}
	return strings.Join(notes, "; ")
}
