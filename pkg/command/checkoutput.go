// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hookstrap/hookstrap/internal/offline"
)

// parseOutput takes one of the formats that a command writes.
func parseOutput(formats ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if slices.Contains(formats, text) {
			return text, nil
		}
		last := len(formats) - 1
		return "", fmt.Errorf("unknown output %q: use %s or %s", text, strings.Join(formats[:last], ", "), formats[last])
	}
}

func parseFailOn(text string) (offline.Level, error) {
	switch text {
	case "deny":
		return offline.Denied, nil
	case "warn":
		return offline.Warned, nil
	}
	return "", errors.New("use deny or warn")
}

func (o *offlineOptions) write(w io.Writer, report *offline.Report, global Options) error {
	switch o.output {
	case "json":
		return report.WriteJSON(w)
	case "junit":
		return report.WriteJUnit(w, global.Name, o.failOn)
	case "sarif":
		directory, _ := os.Getwd() // Paths stay as they are without it.
		tool := offline.Tool{Name: global.Name, Version: global.buildVersion(), Directory: directory}
		return report.WriteSARIF(w, tool, o.checks.configuration)
	}
	return report.WriteText(w)
}

// compare holds the report to the baseline, if there is one, and writes the new one, if one is asked for. Without a
// baseline, what was written is known.
func (o *offlineOptions) compare(report *offline.Report, known *offline.Baseline) error {
	if o.writeBaseline != "" {
		written := offline.BaselineOf(report)
		var data bytes.Buffer
		if err := written.Write(&data); err != nil {
			return fmt.Errorf("--write-baseline: %w", err)
		}
		if err := os.WriteFile(o.writeBaseline, data.Bytes(), 0o644); err != nil { //nolint:gosec // it is for a repository
			return fmt.Errorf("--write-baseline: %w", err)
		}
		if known == nil {
			known = written
		}
	}
	if known != nil {
		report.Compare(known)
	}
	return nil
}
