// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"fmt"
	"time"
)

// RotateAnnotation on the CA's Secret asks for a rotation: every new value, whatever it is, is one. For example
// `kubectl annotate secret hookstrap-ca hookstrap.dev/rotate="$(date +%s)" --overwrite`.
const RotateAnnotation = "hookstrap.dev/rotate"

const (
	// leadLeaves is how many lifetimes of its longest-lived certificate before the end of a CA the successor is made.
	leadLeaves = 3
	// signingLag is how long a replica may go on signing with a CA that another one has retired: as long as its watch
	// of the Secret may be behind, generously.
	signingLag = time.Hour
	// clockSkew is by how much the clocks of replicas may differ: one must not take out what another puts back.
	clockSkew = 5 * time.Minute
	// mostRetired is how many CAs may still be trusted that no longer sign, when somebody asks for one more rotation: each
	// is in every caBundle until the last certificate that it may have signed has ended.
	mostRetired = 4
	// unattended is after what time a successor signs when it is unknown whether it is trusted.
	unattended = 24 * time.Hour
	// maxLeaf bounds what a record may say, so that adding it to a time cannot overflow.
	maxLeaf = 100 * 365 * 24 * time.Hour
)

// moment is what the decisions about a state depend on beside the state.
type moment struct {
	now time.Time
	// annotation is the live value of [RotateAnnotation], distrust that of [DistrustAnnotation].
	annotation, distrust string
	// serving is the certificate that this process serves, nil for none.
	serving *x509.Certificate
	// trusted is the successor that every client was seen to trust, nil for none.
	trusted *x509.Certificate
	// unobserved is true when no process watches what clients trust.
	unobserved bool
	// retired are the fingerprints of CAs that this process has taken out before. Who put one back has a clock that is
	// far behind ours, or ours is ahead: once is enough, or the two of us would write without end.
	retired map[string]bool
	// notes are when this process has first seen what is distrusted.
	notes notes
	// newCA makes a CA.
	newCA func() (*keyPair, error)
}

// rotation is a state at a moment, of which follows what is to be done.
type rotation struct {
	*state
	moment
}

// advance takes a state one step further in the life of its CA, as far as one is due: a successor is made (prepared),
// signs (promoted) once it is trusted, and the old CA leaves (retired) when nothing that it signed can be valid any
// more. It returns a nil state when nothing is due. It is pure but for newCA.
//
// Each step is one write, so that a crash between any two is a pause; and each follows from the state alone, so that
// any replica takes it and none has to.
func (r rotation) advance() (*state, *Step, error) {
	asked, out := r.distrustAsked(), r.expelled()
	switch {
	case asked != nil:
		return r.heed(*asked)
	case r.promotable():
		return r.promote()
	case r.successor(r.now) == nil && r.needsSuccessor():
		return r.prepare()
	case len(out) > 0:
		return r.expel(out)
	default:
		return r.retire()
	}
}

// needsSuccessor tells whether the CA that signs has to be replaced: it must not be trusted, it is at its end, or
// somebody wants it and there is room for one more.
func (r rotation) needsSuccessor() bool {
	return r.record.distrusts(r.cert) || !r.now.Before(r.dueAt()) || r.asked() && !r.crowded()
}

// crowded tells whether so many CAs are still trusted that a rotation which is only asked for has to wait.
func (s *state) crowded() bool {
	retired := s.bundle.Filter(func(ca *x509.Certificate) bool { return !s.inUse(ca) && !s.record.distrusts(ca) })
	return retired.Len() > mostRetired
}

// inUse tells whether a CA signs, or is to sign next.
func (s *state) inUse(ca *x509.Certificate) bool {
	return ca.Equal(s.cert) || s.next != nil && ca.Equal(s.next.cert)
}

// successor is the next CA, unless that has expired without ever having been used.
func (s *state) successor(now time.Time) *keyPair {
	if s.next == nil || !s.next.usable(now) {
		return nil
	}
	return s.next
}

// asked tells whether somebody wants a rotation that has not been done. An annotation that is gone asks for nothing:
// the Secret may have been made again.
func (r rotation) asked() bool {
	return r.annotation != "" && r.annotation != r.record.Rotated
}

// dueAt is when the signing CA needs a successor, well before its own end forces it to give short lifetimes.
func (s *state) dueAt() time.Time {
	lifetime := s.cert.NotAfter.Sub(s.cert.NotBefore)
	lead := min(leadLeaves*s.record.leaf(), lifetime/2)
	return s.cert.NotAfter.Add(-lead)
}

// prepare publishes a new CA beside the one that signs.
func (r rotation) prepare() (*state, *Step, error) {
	next, err := r.newCA()
	if err != nil {
		return nil, nil, err
	}
	changed := r.edit()
	changed.next = next
	changed.record.create(next.cert)
	changed.record.Preparing = r.record.Rotated
	if r.asked() && !r.crowded() {
		changed.record.Preparing = r.annotation
	}
	return changed.step(StepPrepared, next.cert,
		"a successor was made; it signs once every live caBundle carries it")
}

// promotable tells whether the successor may sign: it is trusted, or the CA that signs is at its end.
func (r rotation) promotable() bool {
	if r.successor(r.now) == nil {
		return false
	}
	trusted := r.trusted != nil && r.trusted.Equal(r.next.cert)
	patience := unattended
	if r.record.distrusts(r.cert) {
		patience = distrustUnattended
	}
	aged := r.unobserved && r.now.After(r.next.cert.NotBefore.Add(backdating+patience))
	return trusted || aged || !r.usable(r.now)
}

// promote lets the successor sign, and notes until when the old CA is needed.
func (r rotation) promote() (*state, *Step, error) {
	changed := r.edit()
	changed.record.Rotated, changed.record.Preparing = r.record.Preparing, ""
	changed.record.Retired[fingerprint(r.cert)] = r.lastUse(r.cert, r.now)
	if r.record.distrusts(r.cert) {
		changed.record.distrust(fingerprint(r.cert), r.now)
	}
	changed.keyPair, changed.next = *r.next, nil
	return changed.step(StepPromoted, changed.cert, "the successor signs from now on")
}

// lastUse is when the last certificate ends that a CA may have signed until now.
func (s *state) lastUse(ca *x509.Certificate, now time.Time) time.Time {
	last := now.Add(s.record.leaf() + signingLag).UTC().Truncate(time.Second)
	return earlier(last, ca.NotAfter.UTC())
}

// needed is until when a member of the bundle has to be trusted.
func (s *state) needed(ca *x509.Certificate) time.Time {
	if until, retired := s.record.Retired[fingerprint(ca)]; retired && until.Before(ca.NotAfter) {
		return until
	}
	return ca.NotAfter
}

// retire drops the CAs that are no longer needed, and what the record says of CAs that are gone.
func (r rotation) retire() (*state, *Step, error) {
	dropped := r.bundle.Filter(func(ca *x509.Certificate) bool {
		stays := r.inUse(ca) || r.retired[fingerprint(ca)]
		return !stays && r.now.After(r.needed(ca).Add(clockSkew))
	}).Certificates()
	if len(dropped) == 0 {
		return nil, nil, nil
	}
	changed := r.edit()
	changed.drop(dropped)
	return changed.step(StepRetired, dropped[0], fmt.Sprintf(
		"%d CAs are no longer trusted: nothing they signed can still be valid", len(dropped)))
}

// nextLook is when advance has to be asked again if nothing changes before.
func (r rotation) nextLook() time.Duration {
	at := r.dueAt()
	if r.next != nil {
		at = r.now.Add(unattended)
	}
	for _, ca := range r.bundle.Certificates() {
		if r.record.distrusts(ca) {
			return 0 // Its end depends on what is served, which wakes no goroutine here.
		}
		if !ca.Equal(r.cert) {
			at = earlier(at, r.needed(ca).Add(clockSkew+time.Second))
		}
	}
	return max(at.Sub(r.now), 0)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
