// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The parts of JUnit's XML that Jenkins and GitLab read, and no others: the schema of Jenkins' xunit plugin
// (junit-10.xsd) refuses what it does not know.
type (
	junitReport struct {
		XMLName xml.Name     `xml:"testsuites"`
		Name    string       `xml:"name,attr"`
		Tests   int          `xml:"tests,attr"`
		Fails   int          `xml:"failures,attr"`
		Errors  int          `xml:"errors,attr"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name    string      `xml:"name,attr"`
		Tests   int         `xml:"tests,attr"`
		Fails   int         `xml:"failures,attr"`
		Errors  int         `xml:"errors,attr"`
		Skipped int         `xml:"skipped,attr"`
		Cases   []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Skipped *junitOutcome `xml:"skipped"`
		Failure *junitOutcome `xml:"failure"`
		Error   *junitOutcome `xml:"error"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitOutcome struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report for CI services that show tests: a suite for each file, and in it a test for each
// object, which fails as [Report.Fails] says of the level. What does not make it fail is what it printed.
func (r *Report) WriteJUnit(w io.Writer, tool string, level Level) error {
	report := junitReport{Name: tool + " check"}
	index := map[string]int{}
	suite := func(file string) *junitSuite {
		if _, ok := index[file]; !ok {
			index[file] = len(report.Suites)
			report.Suites = append(report.Suites, junitSuite{Name: Line(file)})
		}
		return &report.Suites[index[file]]
	}
	found := map[int][]Finding{}
	for _, f := range r.Findings {
		found[f.object] = append(found[f.object], f)
	}
	for i, o := range r.objects {
		suite(o.file).add(o.test(found[i+1], level))
	}
	for _, f := range found[0] {
		test := (&outcome{}).test([]Finding{f}, level)
		test.Class, test.Name = unreadable, fmt.Sprintf("%s:%d", Line(f.File), f.Line)
		suite(f.File).add(test)
	}
	for _, s := range report.Suites {
		report.Tests, report.Fails, report.Errors = report.Tests+s.Tests, report.Fails+s.Fails, report.Errors+s.Errors
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// test is the test of an object. It has one failure at most, since services read the first one only.
func (o *outcome) test(found []Finding, level Level) junitCase {
	test := junitCase{Class: Line(strings.TrimPrefix(o.namespace+"."+o.kind, ".")), Name: Line(o.kind + " " + o.name)}
	var failed, printed []string
	for _, f := range found {
		switch {
		case f.Unreadable:
			test.Error = &junitOutcome{"unreadable", Line(f.Message), f.line()}
		case f.Level == Denied && !f.Known || level == Warned && f.warns():
			failed = append(failed, f.line())
			if test.Failure == nil {
				test.Failure = &junitOutcome{Type: f.Check, Message: Line(f.Message)}
			}
		case f.Known:
			printed = append(printed, "known: "+f.line())
		default:
			printed = append(printed, f.line())
		}
	}
	if test.Failure != nil {
		test.Failure.Text = strings.Join(failed, "\n")
		if more := len(failed) - 1; more > 0 {
			test.Failure.Message += fmt.Sprintf(" (and %d more)", more)
		}
	} else if o.notAsked {
		test.Skipped = &junitOutcome{Message: "the server is not asked about it"}
	}
	test.Output = strings.Join(printed, "\n")
	return test
}

func (s *junitSuite) add(test junitCase) {
	s.Tests++
	s.Cases = append(s.Cases, test)
	switch {
	case test.Error != nil:
		s.Errors++
	case test.Failure != nil:
		s.Fails++
	case test.Skipped != nil:
		s.Skipped++
	}
}
