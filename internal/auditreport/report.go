// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package auditreport

import (
	"cmp"
	"errors"
	"iter"
	"slices"

	"github.com/hookstrap/hookstrap/internal/audit"
	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Report is the outcome for all objects.
type Report struct {
	// Objects were judged.
	Objects int `json:"objects"`
	// NotAsked are objects that the server is not asked about.
	NotAsked int `json:"notAsked"`
	// Finished are Pods and Jobs that have ended, and do not start again.
	Finished int `json:"finished"`
	// Exempted are the checks of an object that an exemption kept from it.
	Exempted int `json:"exempted"`
	// DeniedOwners are the owners of which something would be denied.
	DeniedOwners int `json:"deniedOwners"`
	// Owners are those with findings, by namespace, kind and name. Those in no namespace come first.
	Owners []Owner `json:"owners"`
	// Unjudged is what could not be judged, each as a sentence.
	Unjudged []string `json:"unjudged"`
}

// Owner is an object that no other controls, with what is wrong with it and with what it controls.
type Owner struct {
	Object

	Findings []Finding `json:"findings"`
}

// Object names an object.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// Finding is what is wrong, and what happens next.
type Finding struct {
	// Object is the first object with the fault: the owner, or what it controls.
	Object Object `json:"object"`
	// Objects is how many objects of the owner have it.
	Objects int           `json:"objects"`
	Check   string        `json:"check"`
	Mode    handler.Mode  `json:"mode"`
	Level   offline.Level `json:"level"`
	Field   string        `json:"field,omitempty"`
	Message string        `json:"message"`
	// Effect is what happens next, in one word; Next is the same in words.
	Effect audit.Effect `json:"effect"`
	Next   string       `json:"next"`
	// Webhook is the entry of the webhook configuration by which the server is asked.
	Webhook string `json:"webhook,omitempty"`
}

// Collect sums up a run. Progress is told, if it is not nil, how many objects have been read. The error is that of the
// run.
func Collect(results iter.Seq2[audit.Result, error], progress func(objects int)) (*Report, error) {
	r := &Report{Owners: []Owner{}, Unjudged: []string{}}
	owners, read := map[audit.Object]*collected{}, 0
	for result, err := range results {
		if part := (*audit.PartError)(nil); errors.As(err, &part) {
			r.Unjudged = append(r.Unjudged, part.Error())
			continue
		}
		if err != nil {
			return nil, err
		}
		if read++; progress != nil {
			progress(read)
		}
		r.count(result)
		if len(result.Findings) == 0 {
			continue
		}
		name := result.Owner
		name.Kind.Version = "" // of which references name any
		owner := owners[name]
		if owner == nil {
			owner = &collected{owner: Owner{Object: objectOf(result.Owner)}, known: map[fault]int{}}
			owners[name] = owner
		}
		owner.add(result)
	}
	for _, owner := range owners {
		r.take(owner.owner)
	}
	slices.SortFunc(r.Owners, func(a, b Owner) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.APIVersion, b.APIVersion))
	})
	return r, nil
}

func (r *Report) count(result audit.Result) {
	switch result.Left {
	case audit.NotAsked:
		r.NotAsked++
	case audit.Finished:
		r.Finished++
	default:
		r.Objects++
	}
	r.Exempted += len(result.Exempted)
}

func (r *Report) take(owner Owner) {
	r.Owners = append(r.Owners, owner)
	if slices.ContainsFunc(owner.Findings, func(f Finding) bool { return f.Level == offline.Denied }) {
		r.DeniedOwners++
	}
}

// collected is an owner whose findings are being collected.
type collected struct {
	owner Owner
	known map[fault]int // where the finding is
}

// fault tells the findings of one owner apart: all its Pods may have the same one.
type fault struct{ kind, check, identity string }

func (c *collected) add(result audit.Result) {
	for _, f := range result.Findings {
		same := fault{result.Object.Kind.Kind, f.Check, f.Identity}
		if n, ok := c.known[same]; ok {
			c.owner.Findings[n].Objects++
			continue
		}
		c.known[same] = len(c.owner.Findings)
		c.owner.Findings = append(c.owner.Findings, Finding{
			Object: objectOf(result.Object), Objects: 1, Check: f.Check, Mode: f.Mode, Level: levelOf(f), Field: f.Field,
			Message: f.Message, Effect: f.Effect, Next: next(f.Effect, result.Object != result.Owner), Webhook: f.Webhook,
		})
	}
}

func objectOf(o audit.Object) Object {
	return Object{APIVersion: o.Kind.GroupVersion().String(), Kind: o.Kind.Kind, Namespace: o.Namespace, Name: o.Name}
}

func levelOf(f audit.Finding) offline.Level {
	switch {
	case f.Refuses:
		return offline.Denied
	case f.Mode == handler.Audit:
		return offline.Audited
	}
	return offline.Warned
}

// next is an effect in words.
func next(effect audit.Effect, isControlled bool) string {
	switch effect {
	case audit.PodsDenied:
		return "its new Pods are denied"
	case audit.UpdateDenied:
		return "its next update is denied"
	case audit.CreationDenied:
		if isControlled {
			return "it is denied when its controller creates it again"
		}
		return "it is denied when it is created again"
	case audit.Noted:
		return "it is noted in the audit log, and passes"
	case audit.Warned:
	}
	return "there is a warning, and it passes"
}
