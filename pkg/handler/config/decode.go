// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/hookstrap/hookstrap/internal/jsonerror"
	"github.com/hookstrap/hookstrap/internal/position"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// decoder reads a document into a configuration that begins with the defaults. It goes on after an error, one field at
// a time, so that a user hears of all of them at once.
type decoder struct {
	lines         position.Document
	configuration Configuration
	errors        []lineError
	warnings      []lineError
}

type lineError struct {
	line int // 0 if it is not known
	text string
}

func (d *decoder) report(line int, format string, args ...any) {
	d.errors = append(d.errors, lineError{line: line, text: oneLine(fmt.Errorf(format, args...))})
}

// at reports what is wrong at a path.
func (d *decoder) at(path *field.Path, format string, args ...any) {
	d.report(d.lines.Line(path.String()), format, args...)
}

// err is everything that was reported.
func (d *decoder) err() error {
	if len(d.errors) == 0 {
		return nil
	}
	return Errors(inOrder(d.errors))
}

// inOrder puts texts in the order of their lines, which they then begin with.
func inOrder(found []lineError) []string {
	slices.SortStableFunc(found, func(a, b lineError) int { return cmp.Compare(a.line, b.line) })
	var texts []string
	for _, e := range found {
		if e.line > 0 {
			e.text = fmt.Sprintf("line %d: %s", e.line, e.text)
		}
		texts = append(texts, e.text)
	}
	return texts
}

func (d *decoder) document(asJSON []byte) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(asJSON, &fields); err != nil {
		d.report(0, "it is not a %s: %w", Kind, err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch name {
		case "apiVersion", "kind":
		case "checks":
			d.section(name, fields[name])
		case "mutations":
			d.section(name, fields[name])
		case "podTemplates":
			d.podTemplates(fields[name])
		default:
			d.at(field.NewPath(name), "unknown field %q", name)
		}
	}
	for _, err := range d.configuration.validate() {
		d.report(d.lines.Line(err.Field), "%w", err)
	}
	d.notices(time.Now())
}

// notices warns of exemptions that have ended or are about to.
func (d *decoder) notices(now time.Time) {
	for _, check := range d.configuration.Checks {
		for i, exempt := range check.Exempt.Objects {
			at := field.NewPath(check.section()).Child(check.Definition.Name, "exempt", "objects").Index(i)
			if notice := exempt.Notice(now); notice != "" {
				line := d.lines.Line(at.Child("until").String())
				d.warnings = append(d.warnings, lineError{line, fmt.Sprintf("%s: %s", at, notice)})
			}
		}
	}
}

// podTemplates reads where other kinds have templates of Pods.
func (d *decoder) podTemplates(data json.RawMessage) {
	const name = "podTemplates"
	unknown, err := kjson.UnmarshalStrict(data, &d.configuration.PodTemplates)
	for _, u := range unknown {
		rest := u.Error() // unknown field "[0].kidn"
		d.report(d.lines.Line(name+quoted(rest, "")), "%s", strings.Replace(rest, `"`, `"`+name, 1))
	}
	if err != nil {
		at, text := jsonerror.Plain(err)
		d.at(field.NewPath(name), "%s: %s", strings.TrimSuffix(name+"."+at, "."), text)
	}
}

// section reads checks, or mutations.
func (d *decoder) section(section string, data json.RawMessage) {
	path := field.NewPath(section)
	var checks map[string]json.RawMessage
	if err := json.Unmarshal(data, &checks); err != nil {
		d.at(path, "%s must have a field for each %s", path, strings.TrimSuffix(section, "s"))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		check := d.configuration.Check(name)
		switch {
		case check == nil:
			d.at(path.Child(name), "unknown field %q: %s", path.Child(name), d.known(section, name))
			continue
		case check.section() != section:
			d.at(path.Child(name), "%s is in the wrong place: write %s below %s", path.Child(name), name, check.section())
			continue
		}
		d.check(path.Child(name), check, checks[name])
	}
}

// known helps who has misspelled a check.
func (d *decoder) known(section, name string) string {
	var names []string
	for _, c := range d.configuration.Checks {
		if strings.EqualFold(c.Definition.Name, name) {
			return fmt.Sprintf("did you mean %q?", c.Definition.Name)
		}
		if c.section() == section {
			names = append(names, c.Definition.Name)
		}
	}
	if len(names) == 0 {
		return "there are no " + section
	}
	return "the " + section + " are " + strings.Join(names, ", ")
}

// check reads one check. That it is named turns it on, also with nothing under its name.
func (d *decoder) check(path *field.Path, check *Check, data json.RawMessage) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		d.at(path, "%s must have fields, such as mode", path)
		return
	}
	if check.Mode == handler.Off {
		check.Mode = check.Definition.NamedMode()
	}
	common := struct {
		Mode          *handler.Mode          `json:"mode"`
		FailurePolicy *handler.FailurePolicy `json:"failurePolicy"`
		Exempt        *handler.Exemptions    `json:"exempt"`
	}{&check.Mode, &check.FailurePolicy, &check.Exempt}
	d.onError(path, check, fields)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		into := check.Parameters
		if isCommon(name) {
			into = &common
		}
		d.field(path, name, fields[name], into)
	}
}

// onError takes out of the fields of a check the old name of failurePolicy, and reads it with a warning.
func (d *decoder) onError(path *field.Path, check *Check, fields map[string]json.RawMessage) {
	given, at := fields["onError"], path.Child("onError")
	delete(fields, "onError")
	_, both := fields["failurePolicy"]
	policy, known := map[string]handler.FailurePolicy{`"deny"`: handler.Fail, `"allow"`: handler.Ignore}[string(given)]
	switch {
	case given == nil || string(given) == "null":
	case both:
		d.at(at, "%s is the old name of failurePolicy, which is there too: remove %s", at, at)
	case !known:
		value := strings.Trim(string(given), `"`)
		d.at(at, "%w", field.NotSupported(at, value, []string{"deny", "allow"}))
	default:
		check.FailurePolicy = policy
		d.warnings = append(d.warnings, lineError{d.lines.Line(at.String()),
			fmt.Sprintf("%s is deprecated: write failurePolicy: %s", at, policy)})
	}
}

// isCommon says whether a field is one of those that every check has.
func isCommon(name string) bool { return slices.Contains(handler.CommonFields(), name) }

// field decodes one field into a struct, and leaves the others as they are.
func (d *decoder) field(path *field.Path, name string, value json.RawMessage, into any) {
	data, err := json.Marshal(map[string]json.RawMessage{name: value})
	if err != nil {
		d.at(path.Child(name), "%s: %w", path.Child(name), err)
		return
	}
	unknown, err := kjson.UnmarshalStrict(overDefaults(reflect.ValueOf(into).Elem(), data), into)
	for _, u := range unknown {
		rest := u.Error() // unknown field "labels[0].kye"
		below := path.String() + "." + quoted(rest, name)
		d.report(d.lines.Line(below), "%s", strings.Replace(rest, `"`, `"`+path.String()+".", 1))
	}
	if err != nil {
		at, text := jsonerror.Plain(err)
		below := path.String() + "." + cmp.Or(at, name)
		d.report(d.lines.Line(below), "%s: %s", below, text)
	}
}

// quoted returns what is between the quotes of a text, or something else if nothing is.
func quoted(text, otherwise string) string {
	if match := regexp.MustCompile(`"(.*)"`).FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return otherwise
}
