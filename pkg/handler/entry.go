// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Mode is how much a check's word counts.
type Mode string

// The modes of a check, the strictest first.
const (
	// Deny refuses requests with violations. It is also what an empty Mode means.
	Deny Mode = "deny"
	// Warn lets requests with violations pass, with a warning for the user.
	Warn Mode = "warn"
	// Audit lets requests with violations pass, with an annotation in the audit log.
	Audit Mode = "audit"
	// Off does not run the check at all.
	Off Mode = "off"
)

// Modes returns all modes, the strictest first.
func Modes() []Mode { return []Mode{Deny, Warn, Audit, Off} }

// UnmarshalJSON reads a mode from a configuration. An unquoted off is the boolean false in YAML, so false is Off, too.
func (m *Mode) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	switch v := value.(type) {
	case nil:
		return nil // as for any type: null leaves the default
	case string:
		*m = Mode(v)
		return nil
	case bool:
		if !v {
			*m = Off
			return nil
		}
	}
	return fmt.Errorf("mode %s is not one of %q", data, Modes())
}

// Entry is a check together with how it is used.
type Entry struct {
	Check Check
	// Mode is what follows from a violation; empty means Deny.
	Mode Mode
	// ExemptNamespaces are the namespaces whose objects the check does not see.
	ExemptNamespaces []string
	// EveryUpdate makes violations count on an update even when the old object had them as well.
	EveryUpdate bool
}

// entry is an Entry ready for use.
type entry struct {
	check       Check
	name        string
	mode        Mode
	exempt      sets.Set[string]
	everyUpdate bool
	selects     func(*Request) bool
}

// compile turns entries into the order they are run in: those which deny come first, because a check that only warns
// must not use up the time in which others would have denied. Within a mode the order stays, and with it the order of
// what an answer says, as nothing in an answer mixes modes. All that is wrong is in the error.
func compile(entries []Entry) ([]*entry, error) {
	var errs []error
	names := sets.New[string]()
	compiled := make([]*entry, 0, len(entries))
	for i, e := range entries {
		next, err := e.compile(i)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if names.Has(next.name) {
			errs = append(errs, fmt.Errorf("check %q is listed twice: rename or remove one", next.name))
		}
		names.Insert(next.name)
		if next.mode != Off {
			compiled = append(compiled, next)
		}
	}
	slices.SortStableFunc(compiled, func(a, b *entry) int {
		return cmp.Compare(slices.Index(Modes(), a.mode), slices.Index(Modes(), b.mode))
	})
	return compiled, errors.Join(errs...)
}

func (e Entry) compile(position int) (*entry, error) {
	if e.Check == nil {
		return nil, fmt.Errorf("entry %d has no check: set Entry.Check", position)
	}
	name, mode := e.Check.Name(), cmp.Or(e.Mode, Deny)
	// The API server drops audit annotations with any other name.
	if problems := validation.IsQualifiedName(name); len(problems) > 0 || strings.Contains(name, "/") {
		return nil, fmt.Errorf("check name %q is no annotation name: use up to 63 letters, digits, '-', '_' or '.'", name)
	}
	if !slices.Contains(Modes(), mode) {
		return nil, fmt.Errorf("check %q has the unknown mode %q: use one of %q", name, mode, Modes())
	}
	compiled := &entry{
		check: e.Check, name: name, mode: mode,
		exempt: sets.New(e.ExemptNamespaces...), everyUpdate: e.EveryUpdate, selects: selectsUsual,
	}
	if selector, ok := e.Check.(Selector); ok {
		compiled.selects = selector.Selects
	}
	return compiled, nil
}

// isExempt says whether the request is in one of the entry's exempt namespaces; cluster-scoped objects are in none.
func (e *entry) isExempt(req *Request) bool {
	return req.Namespace != "" && e.exempt.Has(req.Namespace)
}

// selectsUsual is the rule for checks that are not Selectors: creates and updates of an object. Of the subresources,
// only a Pod's ephemeral containers bring new code into the cluster; status, scale and the rest must always pass, or
// a policy would stop controllers from reporting and operators from scaling down.
func selectsUsual(req *Request) bool {
	if req.Operation != admissionv1.Create && req.Operation != admissionv1.Update {
		return false
	}
	isPods := req.Resource.Group == "" && req.Resource.Resource == "pods"
	return req.SubResource == "" || isPods && req.SubResource == "ephemeralcontainers"
}
