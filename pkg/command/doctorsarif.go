// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"io"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// writeDoctorSARIF writes findings for code-scanning services. The place of a finding is a path that an object of a
// cluster does not have: the kind and the name.
func writeDoctorSARIF(w io.Writer, report *doctor.Report, tool offline.Tool) error {
	var rules []offline.Rule
	for _, p := range doctor.Problems() {
		rules = append(rules, offline.Rule{
			ID: p.ID, Summary: p.Title, Why: p.Why,
			URL: "https://github.com/hookstrap/hookstrap/blob/main/docs/doctor.md#" + p.ID,
		})
	}
	level := map[doctor.Severity]offline.Level{
		doctor.Error: offline.Denied, doctor.Warning: offline.Warned, doctor.Info: offline.Audited,
	}
	all := &offline.Report{}
	for i := range report.Findings {
		f := &report.Findings[i]
		all.Findings = append(all.Findings, offline.Finding{
			File: f.Object.Kind + "/" + f.Object.Name, Line: 1, Level: level[f.Severity], Kind: f.Object.Kind,
			Name: f.Object.Name, Check: f.ID, Message: fmt.Sprintf("%s. Why: %s Fix: %s", f.Message, f.Why, f.Fix),
		})
	}
	return all.WriteSARIFOf(w, tool, rules)
}
