// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Severity is how bad it is.
type Severity string

// The severities.
const (
	// Error is a webhook that cannot be called, or a cluster that does not come back.
	Error Severity = "error"
	// Warning is what will go wrong, or goes wrong under conditions that are named.
	Warning Severity = "warning"
	// Info is worth knowing. It does not count as something that is wrong.
	Info Severity = "info"
)

func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Info}, s) }

// Finding is one thing that is wrong.
type Finding struct {
	// ID is the identifier, which stays the same from version to version: see [Problems].
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Object has the entries.
	Object Object `json:"object"`
	// Webhooks are the names of the entries; none for a CustomResourceDefinition and an APIService.
	Webhooks []string `json:"webhooks,omitempty"`
	// Node is the one whose loss is enough for a webhook not to come back; empty if that takes more, and for other
	// findings.
	Node string `json:"node,omitempty"`
	// Message is what is wrong, on which object.
	Message string `json:"message"`
	// Why is why it matters.
	Why string `json:"why"`
	// Fix is the command or the line that fixes it.
	Fix string `json:"fix"`
}

// Report is what [Examine] finds.
type Report struct {
	// Objects and Entries were judged.
	Objects int `json:"objects"`
	Entries int `json:"entries"`
	// Handshakes that were made to the end.
	Handshakes int `json:"handshakes"`
	// Findings by object: the most severe first.
	Findings []Finding `json:"findings"`
	// Answers are what the API server itself says of entries, if it was asked.
	Answers []Answer `json:"answers,omitempty"`
	// Unread is what could not be read, and so was not judged.
	Unread []Unread `json:"unread"`
}

// Count returns how many findings have the severity.
func (r *Report) Count(severity Severity) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == severity {
			n++
		}
	}
	return n
}

// Wrong says that there is an error or a warning.
func (r *Report) Wrong() bool { return r.Count(Error)+r.Count(Warning) > 0 }

// Unjudged says that something that counts could not be judged.
func (r *Report) Unjudged() bool {
	return slices.ContainsFunc(r.Unread, func(u Unread) bool { return !u.Minor })
}

// has says whether an entry has the finding.
func (f *Finding) has(webhook string) bool { return slices.Contains(f.Webhooks, webhook) }

// Examine judges facts. It reads nothing, changes nothing, and gives the same report for the same facts.
func Examine(f *Facts) *Report {
	x := &examination{
		facts: f, index: newIndex(f), known: map[findingKey]int{}, problems: map[string]Problem{},
		managed: map[*metav1.ObjectMeta][]manager{},
	}
	for _, p := range Problems() {
		x.problems[p.ID] = p
	}
	objects := map[Object]bool{}
	for i := range f.Entries {
		objects[f.Entries[i].Object] = true
		x.entry(&f.Entries[i])
	}
	ruled{x}.timeouts()
	ruled{x}.reinvocation()
	coldStart{x}.coldStart()
	r := &Report{Objects: len(objects), Entries: len(f.Entries), Findings: x.findings}
	r.Unread = slices.Concat(f.Unread, handshakes{x}.unjudged(), x.skipped)
	r.Answers = x.answers
	for _, all := range f.Handshakes {
		for i := range all {
			if all[i].Stage == Done {
				r.Handshakes++
			}
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Object.Kind, b.Object.Kind), cmp.Compare(a.Object.Name, b.Object.Name),
			a.Severity.rank()-b.Severity.rank(), cmp.Compare(a.ID, b.ID))
	})
	return r
}

// examination is one call of Examine.
type examination struct {
	facts    *Facts
	index    *index
	findings []Finding
	known    map[findingKey]int // where the finding is
	problems map[string]Problem // by identifier
	// unreached are the servers to which there was no way.
	unreached []Handshake
	answers   []Answer
	skipped   []Unread // probes that were not made
	managed   map[*metav1.ObjectMeta][]manager
}

// findingKey tells the findings of one object apart: all its entries may have the same one.
type findingKey struct {
	object      Object
	id, message string
}

// entry judges one entry. What is behind a fault is not judged: a Service that does not exist has no port either.
func (x *examination) entry(e *Entry) {
	way := services{x}
	if way.client(e) && way.service(e) && (bundles{x}).bundle(e) {
		handshakes{x}.handshakes(e)
	}
	way.local(e)
	writers{x}.managers(e)
	writers{x}.stored(e)
	ruled{x}.rules(e)
	calls{x}.judge(e)
}

// find notes a finding, or one more entry that has it. What it returns is valid until the next one.
func (x *examination) find(e *Entry, id, fix, message string, args ...any) *Finding {
	p := x.problems[id]
	f := Finding{
		ID: p.ID, Severity: p.Severity, Object: e.Object, Message: fmt.Sprintf(message, args...), Why: p.Why, Fix: fix,
	}
	if p.Callable {
		f.Why = "Until it is fixed, " + e.effect() + "."
	}
	key := findingKey{f.Object, f.ID, f.Message}
	n, ok := x.known[key]
	if !ok {
		n = len(x.findings)
		x.known[key], x.findings = n, append(x.findings, f)
	}
	found := &x.findings[n]
	if e.Webhook != "" && !slices.Contains(found.Webhooks, e.Webhook) {
		found.Webhooks = append(found.Webhooks, e.Webhook)
	}
	return found
}
