// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// conditions judges match conditions by their text: an evaluator of CEL is not linked.
type conditions struct{ *examination }

// conditions finds a variable that only the conditions of policies have, and one that is null for an operation of the
// rules. Texts in quotes are no variables.
func (x conditions) conditions(e *Entry) {
	quoted := regexp.MustCompile(`"[^"]*"|'[^']*'`)
	for _, c := range e.Rules.MatchConditions {
		text := strings.TrimSpace(quoted.ReplaceAllString(c.Expression, `""`))
		switch {
		case text == "false":
			x.find(e, IDConditionFalse, "correct the condition, or remove the entry", "the match condition %q is false", c.Name)
		case regexp.MustCompile(`(^|[^.\w])namespaceObject\b`).MatchString(text):
			x.namespaceObject(e, c.Name, text)
		default:
			x.null(e, c.Name, text)
		}
	}
}

// namespaceObject judges a condition that reads the variable. Only has() can be asked about it, and is false.
func (x conditions) namespaceObject(e *Entry, name, text string) {
	const fix = "use a namespaceSelector, and remove the condition"
	isAsked := regexp.MustCompile(`(!?)\s*has\(\s*namespaceObject\b[^)]*\)\s*(&&|\|\||$)`).FindStringSubmatch(text)
	switch {
	case isAsked != nil && isAsked[1] == "" && !strings.Contains(text, "||"):
		x.find(e, IDConditionFalse, fix, "the match condition %q asks for namespaceObject, which webhooks do not have, so "+
			"that it is false for every object", name)
	case isAsked != nil && isAsked[1] == "!" && !strings.Contains(text, "&&"):
		x.find(e, IDConditionTrue, fix, "the match condition %q lets in what has no namespaceObject, which webhooks never "+
			"have, so that it is true for every object", name)
	default:
		x.find(e, IDConditionFails, fix, "the match condition %q reads namespaceObject, which webhooks do not have", name)
	}
}

// null judges a condition that reads object of a DELETE, or oldObject of a CREATE. One that distinguishes cases is
// taken to know them.
func (x conditions) null(e *Entry, name, text string) {
	if regexp.MustCompile(`\|\||\?|\bnull\b|request\.operation|has\(\s*(object|oldObject)\s*\)`).MatchString(text) {
		return
	}
	for _, null := range []struct {
		variable  string
		operation admissionregistrationv1.OperationType
	}{{"object", admissionregistrationv1.Delete}, {"oldObject", admissionregistrationv1.Create}} {
		variable, operation := null.variable, null.operation
		reads := regexp.MustCompile(`(^|[^.\w])` + variable + `[.\[]`).MatchString(text)
		if reads && slices.ContainsFunc(e.Rules.Rules, func(r admissionregistrationv1.RuleWithOperations) bool {
			return slices.Contains(r.Operations, operation) ||
				slices.Contains(r.Operations, admissionregistrationv1.OperationAll)
		}) {
			x.find(e, IDConditionNull, "add to the condition: request.operation == '"+string(operation)+"' || …",
				"the match condition %q reads %s, which is null in each %s that the rules match", name, variable, operation)
		}
	}
}
