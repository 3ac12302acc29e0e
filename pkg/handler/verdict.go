// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"time"
)

// Verdict is what all checks had to say about a request, for programs which read it without a review around it.
type Verdict struct {
	// Findings are in the order in which the checks were asked: those that deny first.
	Findings []Finding
	// Exempted are the checks that something was exempt from, with what exempted it.
	Exempted map[string]string
	// Changes are what mutations in mode [Apply] change together, and ChangedBy their names, in the order in which they
	// were asked; see [Handler.Mutate].
	Changes   []Change
	ChangedBy []string
}

// Finding is one violation that a check has found, something that a mutation in mode [Warn] or [Audit] would change, or
// the failure of one.
type Finding struct {
	Check string
	Mode  Mode
	Violation
	// Err is why the check could not tell; it has then no violation.
	Err error
	// Refuses says that the finding denies the request.
	Refuses bool
}

// Text is the finding in words, as users of the server read it.
func (f Finding) Text() string {
	if f.Err != nil {
		return clean("failed: "+f.Err.Error(), maxViolation)
	}
	return clean(violationText(f.Violation), maxViolation)
}

// Allowed says whether the request would be let in.
func (v Verdict) Allowed() bool {
	for _, f := range v.Findings {
		if f.Refuses {
			return false
		}
	}
	return true
}

// Judge asks the checks about a request, as for a review but without an answer, metrics or log. It returns when ctx
// ends, or after the longest timeout that a webhook can have.
func (h *Handler) Judge(ctx context.Context, req *Request) Verdict {
	verdict, _ := judge(ctx, h.entries.Load().checks, req)
	return verdict
}

func judge(ctx context.Context, entries []*entry, req *Request) (verdict Verdict, outcomes []outcome) {
	ctx, cancel := context.WithTimeout(ctx, maxTimeout)
	defer cancel()
	start := time.Now()
	deadline, _ := ctx.Deadline()
	outcomes = evaluate(ctx, entries, req, deadline.Sub(start), func() {})
	for _, o := range outcomes {
		verdict.add(o)
	}
	return verdict, outcomes
}

func (v *Verdict) add(o outcome) {
	if o.exemptBy != "" {
		if v.Exempted == nil {
			v.Exempted = map[string]string{}
		}
		v.Exempted[o.entry.name] = exemptText(o)
	}
	if o.err != nil {
		v.Findings = append(v.Findings, Finding{
			Check: o.entry.name, Mode: o.entry.mode, Err: o.err, Refuses: o.refuses(),
		})
	}
	for _, violation := range o.violations {
		v.Findings = append(v.Findings, Finding{
			Check: o.entry.name, Mode: o.entry.mode, Violation: violation, Refuses: o.mode == Deny,
		})
	}
	for _, violation := range o.advice {
		v.Findings = append(v.Findings, Finding{Check: o.entry.name, Mode: Warn, Violation: violation})
	}
}
