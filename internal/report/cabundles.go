// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// bundles reports what happens to the caBundles of single objects.
type bundles struct{ *Reporter }

// Observer counts what an injector or a publisher does, and tells of fights.
func (r *Reporter) Observer() trust.Observer {
	m := r.metrics.bundles
	return trust.Observer{
		Wrote: m.wrote,
		Failed: func(t trust.Target, _ error) {
			m.failures.WithLabelValues(string(t.Kind), t.Name).Inc()
		},
		Fight: func(w trust.Write) {
			r.events.warning(eventFight, w.Target.String(), "The caBundle of %s is fought over, and its repairs are slowed "+
				"down: field manager %q has spoiled it (%d repairs in a row); %s", w.Target,
				cmp.Or(w.Overwriter, managerUnknown), w.Repairs, leaveAlone(w.Annotation))
		},
		Insists: func(t trust.Target, i trust.Insistence) {
			r.events.warning(eventInsists, t.String(), "The caBundle of %s has CAs that are not ours, and they stay: "+
				"field manager %q insists on them; %s (the CAs: %s)", t, cmp.Or(i.Manager, managerUnknown),
				leaveAlone(i.Annotation), i.CAs.Describe())
		},
		Foreign: bundles{r}.foreign,
		Waived:  bundles{r}.waived,
	}
}

// Targets prepares the gauges of the targets: one that is there from the start lets a query see a change.
func (r *Reporter) Targets(targets []trust.Target) {
	for _, t := range targets {
		bundles{r}.waived(t, "")
	}
}

// waived counts an object that nothing waits for any more, or again, and warns of the former.
func (r bundles) waived(t trust.Target, reason string) {
	count := r.metrics.bundles.waived.WithLabelValues(string(t.Kind), t.Name)
	if reason == "" {
		count.Set(0)
		r.events.over(eventTargetWaived, t.String())
		return
	}
	count.Set(1)
	r.events.warning(eventTargetWaived, t.String(), "Readiness does not wait for %s: %s", t, reason)
}

// leaveAlone is the advice about another manager of a caBundle.
func leaveAlone(annotation string) string {
	if annotation == "" {
		return "have it leave clientConfig.caBundle alone"
	}
	return fmt.Sprintf("take the annotation %s away, which asks it to write there", annotation)
}

// mostEntries bounds how many entries an event names.
const mostEntries = 3

// foreign counts the entries of a configuration that are not ours, and warns of them unless they are expected.
func (r bundles) foreign(t trust.Target, entries []trust.ForeignEntry) {
	expected := r.options.SharedConfigurations
	count := r.metrics.bundles.foreign.WithLabelValues(string(t.Kind), t.Name, strconv.FormatBool(expected))
	count.Set(float64(len(entries)))
	if len(entries) == 0 || expected {
		return
	}
	var named []string
	for _, entry := range entries[:min(len(entries), mostEntries)] {
		named = append(named, entry.Webhook+" calls "+entry.Calls)
	}
	r.events.warning(eventForeignEntry, fmt.Sprint(t, entries), "%d entries of %s do not call our Service (%s): each is "+
		"sent the objects that its rules match; if you did not add them, remove them, and take our ServiceAccount's token "+
		"for stolen; if you did, run with --shared-configurations", len(entries), t, strings.Join(named, ", "))
}
