// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Entry is a check, or a mutation, together with how it is used.
type Entry struct {
	// Check is set, or Mutation, and not both.
	Check    Check
	Mutation Mutation
	// Mode is what follows from a violation, or from what a mutation would change; empty means Deny, or Apply.
	Mode Mode
	// FailurePolicy is what follows when a check in mode Deny fails, or a mutation in mode Apply; empty means Fail. In
	// the other modes a failure is told as a violation would be.
	FailurePolicy FailurePolicy
	// Exempt is what the check leaves alone. Images are no exemption from a mutation.
	Exempt Exemptions
	// Cluster is where Exempt.NamespaceSelector finds the labels of namespaces: a cache, which is asked in every request
	// that nothing else exempts. What it does not have is not exempt.
	Cluster client.Reader
	// Clean says whether a check in mode DenyWhenClean denies in a namespace, "" for objects that are in none; see
	// [Cleanliness]. Such a check needs one, and the others do not use it.
	Clean func(namespace string) bool
	// EveryUpdate makes violations count on an update even when the old object had them as well.
	EveryUpdate bool
	// PodTemplates are where kinds that are not Kubernetes' own have templates of Pods, for the check to look at as well.
	PodTemplates []PodTemplate
}

// entry is an Entry ready for use.
type entry struct {
	check       Check
	mutation    Mutation // in place of a check
	kind        string   // what it is called in messages: check or mutation
	name        string
	mode        Mode
	failsOpen   bool
	exempt      exempter
	container   *regexp.Regexp
	cluster     client.Reader
	clean       func(namespace string) bool
	everyUpdate bool
	templates   podTemplates
	selects     func(*Request) bool
	counters    counters
}

// exemptSuffix is what the key of an audit annotation has behind the check's name if it tells of an exemption.
const exemptSuffix = "-exempt"

// compiled are entries ready for use.
type compiled struct{ checks, mutations []*entry }

// compile turns entries into the order they are run in: those which deny come first, because a check that only warns
// must not use up the time in which others would have denied. Within a mode the order stays, and with it the order of
// what an answer says, as nothing in an answer mixes modes. Of mutations, those which are applied come first. All that
// is wrong is in the error.
func compile(entries []Entry) (*compiled, error) {
	var errs []error
	names := sets.New[string]()
	all := &compiled{}
	for i, e := range entries {
		next, err := e.compile(i)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if names.Has(next.name) {
			errs = append(errs, fmt.Errorf("%s %q is listed twice: rename or remove one", next.kind, next.name))
		}
		names.Insert(next.name)
		switch {
		case next.mode == Off:
		case next.mutation != nil:
			all.mutations = append(all.mutations, next)
		default:
			all.checks = append(all.checks, next)
		}
	}
	errs = append(errs, haveCommonVersions(all.checks), haveCommonVersions(all.mutations))
	inOrderOf(all.checks, Modes())
	inOrderOf(all.mutations, MutationModes())
	return all, errors.Join(errs...)
}

func inOrderOf(entries []*entry, modes []Mode) {
	slices.SortStableFunc(entries, func(a, b *entry) int {
		return cmp.Compare(slices.Index(modes, a.mode), slices.Index(modes, b.mode))
	})
}

func (e Entry) compile(position int) (*entry, error) {
	c := &entry{
		check: e.Check, mutation: e.Mutation, container: containerPath(), cluster: e.Cluster, clean: e.Clean,
		everyUpdate: e.EveryUpdate, templates: e.PodTemplates,
	}
	var modes []Mode
	switch {
	case (e.Check == nil) == (e.Mutation == nil):
		return nil, fmt.Errorf("entry %d has no check, or a mutation as well: set Entry.Check or Entry.Mutation", position)
	case e.Check != nil:
		c.kind, c.name, c.mode, modes = "check", e.Check.Name(), cmp.Or(e.Mode, Deny), Modes()
		c.selects = selectorOf(e.Check, selectsUsual)
		if every, ok := e.Check.(EveryUpdater); ok && every.CountsEveryUpdate() {
			c.everyUpdate = true
		}
	default:
		c.kind, c.name, c.mode, modes = "mutation", e.Mutation.Name(), cmp.Or(e.Mode, Apply), MutationModes()
		c.selects = selectorOf(e.Mutation, selectsWhole)
	}
	if err := validateName(c.kind, c.name); err != nil {
		return nil, err
	}
	if !slices.Contains(modes, c.mode) {
		return nil, fmt.Errorf("%s %q has the unknown mode %q: use one of %q", c.kind, c.name, c.mode, modes)
	}
	return c, e.complete(c)
}

// complete fills in what says when the check or mutation is used.
func (e Entry) complete(c *entry) error {
	policy := cmp.Or(e.FailurePolicy, Fail)
	if !slices.Contains(FailurePolicies(), policy) {
		return fmt.Errorf("%s %q has the unknown FailurePolicy %q: use one of %q", c.kind, c.name, policy, FailurePolicies())
	}
	c.failsOpen = policy == Ignore
	var err error
	c.exempt, err = e.Exempt.compile()
	switch {
	case err != nil:
		return fmt.Errorf("%s %q: %w", c.kind, c.name, err)
	case c.mutation != nil && len(e.Exempt.Images) > 0:
		return fmt.Errorf("mutation %q exempts images, and changes objects as a whole: remove exempt.images", c.name)
	case c.exempt.selector != nil && e.Cluster == nil && c.mode != Off:
		return fmt.Errorf("%s %q exempts namespaces by their labels, which it cannot read: set Entry.Cluster", c.kind, c.name)
	case c.mode == DenyWhenClean && e.Clean == nil:
		return fmt.Errorf("check %q has the mode %s, and nothing says which namespaces are clean: set Entry.Clean, or "+
			"use another mode", c.name, c.mode)
	}
	return nil
}

// selectorOf is the rule of a check or mutation for what it is asked, or the usual one.
func selectorOf(of any, usual func(*Request) bool) func(*Request) bool {
	if selector, ok := of.(Selector); ok {
		return selector.Selects
	}
	return usual
}

// validateName says what is wrong with a name as the key of audit annotations.
func validateName(kind, name string) error {
	// The API server drops audit annotations with any other name.
	problems := validation.IsQualifiedName(name + exemptSuffix)
	if name == "" || len(problems) > 0 || strings.Contains(name, "/") {
		return fmt.Errorf("%s name %q is no annotation name: use up to 56 letters, digits, '-', '_' or '.'", kind, name)
	}
	if strings.HasSuffix(name, exemptSuffix) {
		return fmt.Errorf("%s name %q ends in %q, as the keys of annotations about exemptions do: rename the %s",
			kind, name, exemptSuffix, kind)
	}
	return nil
}

// modeFor is the mode in which the check is used for one request: never DenyWhenClean. A namespace may become clean at
// any time, so that it is asked once for a request.
func (e *entry) modeFor(req *Request) Mode {
	switch {
	case e.mode != DenyWhenClean:
		return e.mode
	case e.clean(req.Namespace):
		return Deny
	}
	return Warn
}

// isExempt says what exempts the request as a whole, if anything does.
func (e *entry) isExempt(ctx context.Context, req *Request) (by exemption, who string) {
	return e.exempt.ofWhole(req, func() labels.Set { return e.namespaceLabels(ctx, req) })
}

// violations asks the check about a request, and about each template of Pods that is in its object if its kind is one
// of those that are listed. What cannot be told about one of them keeps nothing back that is found in the others.
func (e *entry) violations(ctx context.Context, req *Request) ([]Violation, error) {
	found, err := e.check.Evaluate(ctx, req)
	for _, path := range e.templates.of(req.Kind) {
		more, failed := e.violationsAt(ctx, req, path)
		found = append(found, more...)
		if err == nil {
			err = failed
		}
	}
	return found, err
}

// violationsAt asks the check about the template at a path.
func (e *entry) violationsAt(ctx context.Context, req *Request, path string) (found []Violation, err error) {
	inner, err := req.template(path)
	if err != nil || inner == nil {
		return nil, err
	}
	all, err := e.check.Evaluate(ctx, inner)
	for _, v := range all {
		// What is elsewhere is about an object that there is not.
		rest, ok := strings.CutPrefix(v.Field, "template.")
		if !ok {
			continue
		}
		v.Field = path + "." + rest
		if v.Identity != "" { // The same in another template is another violation.
			v.Identity = path + "\x00" + v.Identity
		}
		found = append(found, v)
	}
	return found, err
}

// namespaceLabels returns the labels of the request's namespace, nil if they are unknown. Those of a Namespace are
// what they were before an update: who may change labels does not exempt the change itself.
func (e *entry) namespaceLabels(ctx context.Context, req *Request) labels.Set {
	if req.Resource.Group == "" && req.Resource.Resource == "namespaces" {
		namespace, err := OldObject[metav1.PartialObjectMetadata](req)
		if errors.Is(err, ErrNoObject) {
			namespace, err = Object[metav1.PartialObjectMetadata](req)
		}
		if err != nil {
			return nil
		}
		return labels.Set(namespace.Labels)
	}
	set, err := NamespaceLabels().Get(ctx, e.cluster, client.ObjectKey{Name: req.Namespace})
	if err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot tell whether the namespace is exempt; it counts as not exempt",
			"check", e.name, "namespace", req.Namespace, "err", err)
		return nil
	}
	return set
}

// selectsUsual is the rule for checks that are not Selectors: creates and updates of an object. Of the subresources,
// only those of a Pod's ephemeral containers, which bring new code into the cluster, and of its size change what
// people write down; status, scale and the rest must always pass, or a policy would stop controllers from reporting
// and operators from scaling down.
func selectsUsual(req *Request) bool {
	if req.Operation != admissionv1.Create && req.Operation != admissionv1.Update {
		return false
	}
	isPods := req.Resource.Group == "" && req.Resource.Resource == "pods"
	return req.SubResource == "" || isPods && slices.Contains([]string{"ephemeralcontainers", "resize"}, req.SubResource)
}

// selectsWhole is the rule for mutations that are not Selectors: creates and updates of the object itself.
func selectsWhole(req *Request) bool { return req.SubResource == "" && selectsUsual(req) }
