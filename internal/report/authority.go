// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/hookstrap/hookstrap/internal/authority"

// Authority reports what becomes of the built-in signer's CA.
type Authority struct{ reporter *Reporter }

// Authority returns the functions for [authority.Options].
func (r *Reporter) Authority() Authority { return Authority{r} }

// Step says what this process has changed about the CA.
func (a Authority) Step(step authority.Step) {
	a.reporter.metrics.caSteps.WithLabelValues(step.Name).Inc()
	if step.Damage != nil {
		a.reporter.events.warning(eventAuthority, step.Name, "%s: %v", step.Message, step.Damage)
		return
	}
	a.reporter.events.normal(eventAuthority, "%s", step.Message)
}

// State measures the CA as it is now.
func (a Authority) State(own *authority.Authority) {
	a.reporter.metrics.caNotAfter.Set(float64(own.Signing().NotAfter.Unix()))
	a.reporter.metrics.caForeign.Set(float64(own.Foreign()))
}

// Failed tells that the CA's Secret is not what it should be and cannot be written, so that no rotation goes on. With
// nil that is over. The last good CA stays in use.
func (a Authority) Failed(err error) {
	if err == nil {
		a.reporter.events.over(eventCANotWritten, "")
		a.reporter.events.normal(eventCAWritten, "The CA's Secret %s can be kept again", a.reporter.options.CASecret)
		return
	}
	a.reporter.Counted(TaskAuthority, err)
	a.reporter.events.warning(eventCANotWritten, "", "The last good CA stays in use, and is not rotated: %v", err)
}

// Warning tells of what a person should look at in the CA's Secret.
func (a Authority) Warning(w authority.Warning) {
	reason := map[string]string{
		authority.WarningForeign: eventForeignCA, authority.WarningRotationWaits: eventRotationWaits,
		authority.WarningDistrust: eventDistrust,
	}[w.Name]
	a.reporter.events.warning(reason, w.Subject, "%s", w.Message)
}
