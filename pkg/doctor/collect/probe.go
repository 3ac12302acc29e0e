// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// probing sends requests so that the API server calls webhooks, and reads what it says.
type probing struct {
	*gathering
	sent map[string]error // what the API server said, by request: one asks several entries
}

// probe sends one request for each entry, none of which changes anything, and reads the API server's metrics before and
// after.
func (p probing) probe(ctx context.Context) {
	p.facts.Probes = map[doctor.Called]doctor.Probe{}
	p.Progress("reading the API server's metrics")
	before, err := p.metrics(ctx)
	if err != nil {
		p.minor("metrics", fmt.Errorf("the API server's metrics may not be read, so that its counts of calls are not "+
			"known; grant get on the nonResourceURL /metrics: %w", err))
	}
	for i := range p.facts.Entries {
		e := &p.facts.Entries[i]
		p.Progress("probing " + e.Object.String())
		p.facts.Probes[doctor.Called{Object: e.Object, Webhook: e.Webhook}] = p.entry(ctx, e)
	}
	if after, err := p.metrics(ctx); err == nil {
		p.facts.Counts = after.counts
		p.passed(before, after)
	}
	p.apiServers(ctx)
}

// minor notes what can only add to the verdict.
func (g *gathering) minor(resource string, err error) {
	g.facts.Unread = append(g.facts.Unread, doctor.Unread{Resource: resource, Reason: err.Error(), Minor: true})
}

// entry probes one entry.
func (p probing) entry(ctx context.Context, e *doctor.Entry) doctor.Probe {
	switch {
	case e.Object.Kind == doctor.KindAPIService:
		return p.apiService(ctx, e)
	case e.Rules == nil:
		return doctor.Probe{Skipped: "a conversion takes an object that is stored in another version"}
	}
	effects := ptr.Deref(e.Rules.SideEffects, admissionregistrationv1.SideEffectClassUnknown)
	if effects != admissionregistrationv1.SideEffectClassNone &&
		effects != admissionregistrationv1.SideEffectClassNoneOnDryRun {
		return doctor.Probe{Skipped: fmt.Sprintf("sideEffects is %s, and the API server refuses a dry run then", effects)}
	}
	r, ok := p.requestFor(e)
	if !ok {
		return doctor.Probe{Skipped: "its rules and selectors match no creation of a kind that can be built here"}
	}
	return read(e, r.String(), p.send(ctx, r))
}

// send sends a request, once.
func (p probing) send(ctx context.Context, r request) error {
	key := fmt.Sprint(r.path(), r.labels)
	if err, known := p.sent[key]; known {
		return err
	}
	body, err := r.body()
	if err == nil {
		err = p.client.CoreV1().RESTClient().Post().AbsPath(r.path()).Param("dryRun", metav1.DryRunAll).
			Param("fieldManager", "webhook-doctor").SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
	}
	p.sent[key] = err
	return err
}

// apiService asks for what the extension API server says first: the list of its resources.
func (p probing) apiService(ctx context.Context, e *doctor.Entry) doctor.Probe {
	version, group, _ := strings.Cut(e.Object.Name, ".")
	probe := doctor.Probe{Sent: fmt.Sprintf("a request for the resources of %s/%s", group, version)}
	_, err := p.get(ctx, "/apis/"+group+"/"+version, nil)
	switch {
	case apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err):
		probe.Failure = err.Error()
	case err != nil:
		probe.Skipped = err.Error()
	}
	return probe
}

// read reads what an answer says about an entry: another one may have been called in its place.
func read(e *doctor.Entry, sent string, err error) doctor.Probe {
	probe := doctor.Probe{Sent: sent}
	if err == nil {
		return probe
	}
	text := err.Error()
	name := named(text)
	switch {
	case name == e.Webhook && strings.Contains(text, "denied the request"):
		// It was called, and has answered.
	case name == e.Webhook && !strings.Contains(text, "does not support dry run"):
		probe.Failure = text
	case name != "":
		probe.Skipped = fmt.Sprintf("%s was refused because of webhook %q: %s", sent, name, text)
	case refusal.Of(err).Kind == refusal.Rule:
		probe.Skipped = fmt.Sprintf("%s is forbidden: %s", sent, text)
	case apierrors.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded):
		probe.Failure = text
	default:
		probe.Skipped = fmt.Sprintf("%s was refused before the webhook was called, or beside it: %s", sent, text)
	}
	return probe
}

// named is the webhook that the words of an API server name: see errors.go and dispatcher.go in
// k8s.io/apiserver/pkg/admission/plugin/webhook.
func named(text string) string {
	found := regexp.MustCompile(`(?:failed calling webhook|admission webhook) "([^"]+)"`).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

// passed notes which requests the API server let pass without the webhook. Another API server that answered the second
// time says nothing about the first one's counts.
func (p probing) passed(before, after measured) {
	if before.counts == nil || before.started != after.started {
		return
	}
	for i := range p.facts.Entries {
		e := &p.facts.Entries[i]
		key := doctor.Counted{Mutating: e.Object.Kind == doctor.KindMutating, Webhook: e.Webhook}
		called := doctor.Called{Object: e.Object, Webhook: e.Webhook}
		probe := p.facts.Probes[called]
		if e.Rules != nil && probe.Skipped == "" && after.counts[key].FailedOpen > before.counts[key].FailedOpen {
			probe.PassedWithout = true
			p.facts.Probes[called] = probe
		}
	}
}
