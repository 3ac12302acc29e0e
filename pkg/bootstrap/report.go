// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// failed counts a failure and lets readiness say it, and an event if it is about a request. The caller logs it.
func (b *Bootstrapper) failed(task string, err error) {
	b.metrics.failure(task, err)
	b.problem.set(err)
	if task != taskCertificate && task != taskWait {
		return
	}
	reason := eventRequestFailed
	if outcome, ok := csr.OutcomeOf(err); ok {
		reason = eventRequest + string(outcome)
	}
	b.events.warning(reason, "", "The last good certificate, if there is one, keeps serving: %v", err)
}

// reloadFailed counts files that could not be read or used: what is one of the constants reload… The caller logs it.
func (b *Bootstrapper) reloadFailed(what string, err error) {
	b.problem.set(err)
	b.reloadCounted(what, err)
}

// reloadCounted is reloadFailed for files which the serving certificate does not depend on: readiness does not say it.
func (b *Bootstrapper) reloadCounted(what string, err error) {
	if what != reloadChecks { // The Reloader has its own condition.
		b.refused.Store(what, err)
	}
	b.metrics.failure(taskReload, err)
	b.metrics.reload(what)
	b.events.warning(eventReload, what, "The last good files (%s) stay in use: %v", what, err)
}

// reloadOver tells that what reloadCounted told of is over: the files are in use again. It does nothing otherwise.
func (b *Bootstrapper) reloadOver(ctx context.Context, what string) {
	if _, bad := b.refused.LoadAndDelete(what); !bad {
		return
	}
	b.events.over(eventReload, what)
	b.events.normal(eventReloaded, "The files (%s) are in use again", what)
	klog.FromContext(ctx).Info("The files are in use again", "what", what)
}

// refusedNow is for readiness to say: which files are not in use, and why. The last good ones are.
func (b *Bootstrapper) refusedNow() string {
	var notes []string
	for _, what := range reloads() {
		if err, bad := b.refused.Load(what); bad {
			notes = append(notes, fmt.Sprintf("the last good files (%s) stay in use: %v", what, err))
		}
	}
	return strings.Join(notes, "; ")
}

// ChecksNotReloaded counts a configuration of the checks that could not be read or used, and records it as an event of
// our Pod, at most once in a few minutes. The caller, who keeps the last good one, logs it.
func (b *Bootstrapper) ChecksNotReloaded(err error) { b.reloadCounted(reloadChecks, err) }

// ChecksReloaded records as an event of our Pod that what [Bootstrapper.ChecksNotReloaded] told of is over. The hash is
// what tells the configuration in use from others. The same trouble is news again after that.
func (b *Bootstrapper) ChecksReloaded(hash string) {
	b.events.over(eventReload, reloadChecks)
	b.events.normal(eventReloaded, "The files (%s) are in use again, with hash %s", reloadChecks, hash)
}

// ClusterCacheFull records as an event of our Pod that objects which checks look up are not kept for want of memory, at
// most once in a few minutes for each type. What names the type. The caller logs it.
func (b *Bootstrapper) ClusterCacheFull(what string, err error) {
	b.events.warning(eventCacheFull, what, "Checks that look up %s fail: %v", what, err)
}

// ClusterCacheComplete records as an event of our Pod that what [Bootstrapper.ClusterCacheFull] told of is over.
func (b *Bootstrapper) ClusterCacheComplete(what string) {
	b.events.over(eventCacheFull, what)
	b.events.normal(eventCacheComplete, "All objects that checks look up are known again: %s", what)
}

// servedLeaf says which certificate is served from now on.
func (b *Bootstrapper) servedLeaf(leaf *x509.Certificate, first bool) {
	b.metrics.serving(leaf, first)
	b.problem.clear()
	b.events.settled()
	reason := eventRenewed
	if first {
		reason = eventServed
	}
	b.events.normal(reason, "Serving the certificate with serial number %x until %s", leaf.SerialNumber,
		leaf.NotAfter.UTC().Format(time.RFC3339))
}

// untrusted says that the certificate is served although the live caBundle does not verify it.
func (b *Bootstrapper) untrusted(err error) {
	b.events.warning(eventNotTrusted, "", "Serving a certificate that the API server does not trust yet: %v", err)
}

// rotated says what this process has changed about the built-in signer's CA.
func (b *Bootstrapper) rotated(step authority.Step) {
	b.metrics.caSteps.WithLabelValues(step.Name).Inc()
	if step.Damage != nil {
		b.events.warning(eventAuthority, step.Name, "%s: %v", step.Message, step.Damage)
		return
	}
	b.events.normal(eventAuthority, "%s", step.Message)
}

// authorityFailed tells that the CA cannot be kept: its Secret is not what it should be and cannot be written, so that
// no rotation goes on. With nil that is over. The last good CA stays in use.
func (b *Bootstrapper) authorityFailed(err error) {
	if err == nil {
		b.events.over(eventCANotWritten, "")
		b.events.normal(eventCAWritten, "The CA's Secret %s can be kept again", b.options.CASecretName)
		return
	}
	b.metrics.failure(taskAuthority, err)
	b.events.warning(eventCANotWritten, "", "The last good CA stays in use, and is not rotated: %v", err)
}

// authorityWarned tells of what a person should look at in the CA's Secret.
func (b *Bootstrapper) authorityWarned(w authority.Warning) {
	reason := map[string]string{
		authority.WarningForeign: eventForeignCA, authority.WarningRotationWaits: eventRotationWaits,
		authority.WarningDistrust: eventDistrust,
	}[w.Name]
	b.events.warning(reason, w.Subject, "%s", w.Message)
}

// injectorObserver counts what the injector does, and tells of fights.
func (b *Bootstrapper) injectorObserver() trust.Observer {
	observer := b.metrics.bundles.observer()
	observer.Fight = func(w trust.Write) {
		b.events.warning(eventFight, w.Target.String(), "The caBundle of %s is fought over, and its repairs are slowed "+
			"down: field manager %q has spoiled it (%d repairs in a row); %s", w.Target,
			cmp.Or(w.Overwriter, managerUnknown), w.Repairs, leaveAlone(w.Annotation))
	}
	observer.Insists = func(t trust.Target, i trust.Insistence) {
		b.events.warning(eventInsists, t.String(), "The caBundle of %s has CAs that are not ours, and they stay: "+
			"field manager %q insists on them; %s (the CAs: %s)", t, cmp.Or(i.Manager, managerUnknown), leaveAlone(i.Annotation),
			i.CAs.Describe())
	}
	observer.Foreign = b.foreignEntries
	observer.Waived = b.waived
	return observer
}

// waived counts an object that nothing waits for any more, or again, and warns of the former.
func (b *Bootstrapper) waived(t trust.Target, reason string) {
	count := b.metrics.bundles.waived.WithLabelValues(string(t.Kind), t.Name)
	if reason == "" {
		count.Set(0)
		b.events.over(eventTargetWaived, t.String())
		return
	}
	count.Set(1)
	b.events.warning(eventTargetWaived, t.String(), "Readiness does not wait for %s: %s", t, reason)
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

// foreignEntries counts the entries of a configuration that are not ours, and warns of them unless they are expected.
func (b *Bootstrapper) foreignEntries(t trust.Target, entries []trust.ForeignEntry) {
	expected := b.options.SharedConfigurations
	count := b.metrics.bundles.foreign.WithLabelValues(string(t.Kind), t.Name, strconv.FormatBool(expected))
	count.Set(float64(len(entries)))
	if len(entries) == 0 || expected {
		return
	}
	var named []string
	for _, entry := range entries[:min(len(entries), mostEntries)] {
		named = append(named, entry.Webhook+" calls "+entry.Calls)
	}
	b.events.warning(eventForeignEntry, fmt.Sprint(t, entries), "%d entries of %s do not call our Service (%s): each is "+
		"sent the objects that its rules match; if you did not add them, remove them, and take our ServiceAccount's token "+
		"for stolen; if you did, run with --shared-configurations", len(entries), t, strings.Join(named, ", "))
}
