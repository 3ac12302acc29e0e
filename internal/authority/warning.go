// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"context"
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// What a person should look at, as [Warning.Name] has it.
const (
	// WarningForeign: there are CAs in the Secret that no step of ours made.
	WarningForeign = "foreign"
	// WarningRotationWaits: a rotation was asked for, and too many old CAs are still trusted.
	WarningRotationWaits = "rotation-waits"
	// WarningDistrust: the value of [DistrustAnnotation] cannot be understood.
	WarningDistrust = "distrust"
)

// mostShown bounds how many CAs a sentence names.
const mostShown = 3

// Warning is something that a person should look at.
type Warning struct {
	// Name is one of the Warning constants.
	Name string
	// Subject is what it is about: the same name and subject again are no news.
	Subject string
	// Message says in a sentence what it is and what to do.
	Message string
}

// warnings are what is to be said of a state.
func (r rotation) warnings() []Warning {
	var found []Warning
	say := func(name, subject, format string, args ...any) {
		found = append(found, Warning{Name: name, Subject: subject, Message: fmt.Sprintf(format, args...)})
	}
	if foreign := r.foreign(); len(foreign) > 0 {
		shown := foreign[:min(len(foreign), mostShown)]
		named := trust.NewBundle(foreign...)
		say(WarningForeign, digest(string(named.PEM())), "The CA Secret has %d CAs that were not made here (%s): if "+
			"you did not put them there, distrust them (annotation %s) and find out who did",
			len(foreign), trust.NewBundle(shown...).Describe(), DistrustAnnotation)
	}
	if r.asked() && r.crowded() && r.successor(r.now) == nil {
		say(WarningRotationWaits, "", "The rotation %s of the CA waits: more than %d CAs that no longer sign "+
			"are still trusted, until %s the first of them; if a key has leaked, distrust its CA instead (annotation %s)",
			quote(r.annotation), mostRetired, r.roomAt().Format(time.RFC3339), DistrustAnnotation)
	}
	if r.distrust != "" {
		if _, err := ParseDistrust(r.distrust); err != nil {
			say(WarningDistrust, digest(r.distrust), "The annotation %s of the CA Secret is not heeded: %v",
				DistrustAnnotation, err)
		}
	}
	return found
}

// roomAt is when the next of the CAs leaves that no longer sign.
func (s *state) roomAt() time.Time {
	at := s.cert.NotAfter
	for _, ca := range s.bundle.Certificates() {
		if !s.inUse(ca) {
			at = earlier(at, s.needed(ca).Add(clockSkew))
		}
	}
	return at.UTC()
}

// warn tells of what is news. It is called with the lock held.
func (k *keeper) warn(ctx context.Context, found []Warning) {
	known := k.warned
	k.warned = map[string]string{}
	for _, w := range found {
		k.warned[w.Name] = w.Subject
		if subject, warned := known[w.Name]; warned && subject == w.Subject {
			continue
		}
		klog.FromContext(ctx).Error(nil, w.Message, "secret", k.secret)
		if k.options.OnWarning != nil {
			k.options.OnWarning(w)
		}
	}
}
