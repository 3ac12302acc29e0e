// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Policy is one use of a check: its name, and what tells it from a use with other parameters or exemptions.
type Policy struct{ Check, Digest string }

// key is that of the policy in the ConfigMap. A digest has no dots.
func (p Policy) key() string { return p.Check + "." + p.Digest }

func policyOf(key string) (Policy, bool) {
	i := strings.LastIndex(key, ".")
	if i < 1 || i == len(key)-1 {
		return Policy{}, false
	}
	return Policy{key[:i], key[i+1:]}, true
}

// Record is what is known of a policy.
type Record struct {
	// Audited is when the last audit began.
	Audited time.Time `json:"audited"`
	// NotClean are the namespaces in which the check warns, each with the beginning of its UID: a namespace that is
	// created again under the same name is a new one.
	NotClean map[string]string `json:"notClean,omitempty"`
	// Outside says that the check warns about objects that are in no namespace.
	Outside bool `json:"notCleanOutsideNamespaces,omitempty"`
	// Everywhere says that the check warns in every namespace, because there are too many to name.
	Everywhere bool `json:"notCleanEverywhere,omitempty"`
}

// Clean says whether the check denies in a namespace, "" for objects that are in none.
func (r Record) Clean(namespace string) bool {
	if namespace == "" {
		return !r.Outside && !r.Everywhere
	}
	_, warns := r.NotClean[namespace]
	return !warns && !r.Everywhere
}

// has says whether the record names that very namespace. One without a UID was written by a person.
func (r Record) has(namespace string, uid types.UID) bool {
	known, ok := r.NotClean[namespace]
	return ok && (known == "" || known == short(uid))
}

// short is enough of a UID to tell two namespaces of one name apart.
func short(uid types.UID) string { return string(uid)[:min(len(uid), 8)] }

// State is what is known of all policies. It is not changed once it is made.
type State map[Policy]Record

// Parse reads the data of the ConfigMap. The error names what cannot be read; the rest is in the state.
func Parse(data map[string]string) (State, error) {
	s := State{}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(data)) {
		policy, ok := policyOf(key)
		if !ok {
			errs = append(errs, fmt.Errorf("the key %q is not CHECK.DIGEST", key))
			continue
		}
		var record Record
		err := json.Unmarshal([]byte(data[key]), &record)
		if err == nil && record.Audited.IsZero() {
			err = errors.New("it does not say when the audit was")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("the value of %q cannot be read: %w", key, err))
			continue
		}
		s[policy] = record
	}
	return s, errors.Join(errs...)
}

// Data is what [Parse] reads. Equal states are equal bytes.
func (s State) Data() (map[string]string, error) {
	data := make(map[string]string, len(s))
	for policy, record := range s {
		value, err := json.Marshal(record)
		if err != nil {
			return nil, fmt.Errorf("writing what is known of the check %q: %w", policy.Check, err)
		}
		data[policy.key()] = string(value)
	}
	return data, nil
}

// over is the state of other, with what it does not have from s.
func (s State) over(other State) State {
	merged := maps.Clone(s)
	if merged == nil {
		merged = State{}
	}
	maps.Copy(merged, other)
	return merged
}
