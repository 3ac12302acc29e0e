// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// TestAChangeIsKeptWhileFilesCannotBeWritten: it is for the renewal that comes after, for no file gets better by it.
func TestAChangeIsKeptWhileFilesCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "certs")
		directory, err := serving.OpenDirectory(path)
		must(t, err)
		reporter, err := report.New(report.Options{})
		must(t, err)
		f := &flow{options: Options{Sidecar: true}, directory: directory, report: reporter, changed: timing.NewSignal()}
		must(t, os.RemoveAll(path))
		must(t, os.WriteFile(path, nil, 0o600)) // No directory can be made there.
		ended := make(chan error, 1)
		go func() { ended <- f.sink().Deliver(t.Context(), pairs.SelfSigned(t, "web")) }()
		after(time.Second)
		f.changed.Set()
		after(time.Minute)
		must(t, os.Remove(path))
		must(t, <-ended)
		if !f.changed.Take() {
			t.Error("the change is forgotten")
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
