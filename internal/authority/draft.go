// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"fmt"
	"maps"
	"time"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// draft is a state that is being changed; its maps and lists are its own. [draft.step] makes a state of it.
type draft struct{ state }

// edit begins a change.
func (s *state) edit() *draft {
	d := &draft{*s}
	d.record = s.record.clone()
	return d
}

// encoded returns the state with the data that stands for it.
func (d *draft) encoded() (*state, error) {
	made := d.state
	data := map[string][]byte{dataVersion: []byte(stateVersion), dataCert: encodeCertificate(made.cert.Raw)}
	var err error
	if data[dataKey], err = encodeKey(made.key); err != nil {
		return nil, err
	}
	if made.next != nil {
		data[dataNextCert] = encodeCertificate(made.next.cert.Raw)
		if data[dataNextKey], err = encodeKey(made.next.key); err != nil {
			return nil, err
		}
	}
	made.bundle = made.members()
	data[dataBundle] = made.bundle.PEM()
	made.record = made.record.of(made.bundle)
	if data[dataRecord], err = made.record.encode(); err != nil {
		return nil, fmt.Errorf("encoding the record of the CA's rotation: %w", err)
	}
	made.data = data
	return &made, nil
}

// keep trusts ca until the given time, unless it is known already.
func (d *draft) keep(ca *x509.Certificate, until time.Time) bool {
	if ca.Equal(d.cert) || d.bundle.Contains(ca) || d.record.distrusts(ca) {
		return false
	}
	d.bundle = d.bundle.Union(trust.NewBundle(ca))
	d.record.Retired[fingerprint(ca)] = until
	return true
}

// keepAll trusts every CA of the state in memory whose certificates may still be in use, and returns those that were
// left out. A successor that has signed nothing is not needed.
func (d *draft) keepAll(memory *state, now time.Time) []*x509.Certificate {
	var lost []*x509.Certificate
	for _, ca := range memory.bundle.Certificates() {
		unused := memory.next != nil && ca.Equal(memory.next.cert)
		until := memory.needed(ca)
		if ca.Equal(memory.cert) {
			until = memory.lastUse(ca, now)
		}
		if !unused && now.Before(until) && d.keep(ca, until) {
			lost = append(lost, ca)
		}
	}
	return lost
}

// noteEnds notes until when the CAs of ours that no longer sign are needed, where nothing says so, and returns them. A
// replica whose clock is behind has replaced them as not valid yet, and could not tell what they have signed until
// then: for that it takes a clock that is past their beginning.
func (d *draft) noteEnds(now time.Time) []*x509.Certificate {
	open := d.bundle.Filter(func(ca *x509.Certificate) bool {
		ours := d.record.made(ca) && !d.inUse(ca) && !d.record.distrusts(ca)
		return ours && !now.Before(ca.NotBefore) && d.needed(ca).Equal(ca.NotAfter) && d.lastUse(ca, now).Before(ca.NotAfter)
	}).Certificates()
	for _, ca := range open {
		d.record.Retired[fingerprint(ca)] = d.lastUse(ca, now)
	}
	return open
}

// drop takes CAs out of the bundle, and what the record says of the time until when they are needed.
func (d *draft) drop(cas []*x509.Certificate) {
	d.bundle = d.bundle.Without(trust.NewBundle(cas...))
	for _, ca := range cas {
		delete(d.record.Retired, fingerprint(ca))
	}
}

// dropSuccessor takes out a successor that is distrusted, for it has signed nothing, and tells whether there was one.
func (d *draft) dropSuccessor() bool {
	if d.next == nil || !d.record.distrusts(d.next.cert) {
		return false
	}
	d.bundle = d.bundle.Without(trust.NewBundle(d.next.cert))
	d.next, d.record.Preparing = nil, ""
	return true
}

// recall notes what is distrusted as the memory of this process knows and the Secret does not. What of it has left the
// memory leaves the draft as well. It tells whether the draft has changed.
func (d *draft) recall(memory *state) bool {
	before := maps.Clone(d.record.Distrusted)
	for fingerprint, since := range memory.record.Distrusted {
		if _, known := d.record.Distrusted[fingerprint]; !known {
			d.record.distrust(fingerprint, since)
		}
	}
	out := d.bundle.Filter(func(ca *x509.Certificate) bool {
		return !ca.Equal(d.cert) && memory.record.distrusts(ca) && !memory.bundle.Contains(ca)
	}).Certificates()
	dropped := d.dropSuccessor()
	d.drop(out)
	return dropped || len(out) > 0 || !maps.EqualFunc(before, d.record.Distrusted, time.Time.Equal)
}

// adopt notes which of the CAs a step of ours made, as far as the memory of this process knows (it may be nil). What an
// older release has left in the Secret, which kept no record of that, counts as made. It tells whether to write
// that: the record was missing.
func (d *draft) adopt(memory *state) bool {
	if memory != nil && memory.record.Made == nil {
		memory = nil
	}
	if d.record.Made != nil && memory == nil {
		return false
	}
	changed, older := d.record.Made == nil, memory == nil
	if changed {
		d.record.Made = []string{}
	}
	for _, ca := range d.members().Certificates() {
		if (older || memory.record.made(ca)) && !d.record.made(ca) {
			d.record.create(ca)
		}
	}
	return changed
}

// The steps in the life of a CA, as [Step.Name] has them.
const (
	// StepCreated: there was no CA, and now there is one.
	StepCreated = "created"
	// StepRestored: the Secret was gone, empty or damaged, and was filled from what this process had in memory.
	StepRestored = "restored"
	// StepReplaced: the Secret was damaged, no replica had the key any more, and there is a new CA.
	StepReplaced = "replaced"
	// StepKept: the Secret lacked a CA whose certificates may be in use, and it was put back.
	StepKept = "kept"
	// StepPrepared: a successor was made and is being published.
	StepPrepared = "prepared"
	// StepPromoted: the successor signs.
	StepPromoted = "promoted"
	// StepRetired: an old CA is no longer trusted.
	StepRetired = "retired"
	// StepDistrusted: CAs are distrusted: they were noted as such, or have left.
	StepDistrusted = "distrusted"
)

// Step is one change of the CA's Secret by this process.
type Step struct {
	// Name is one of the Step constants, for metrics and programs.
	Name string
	// CA is the certificate it is about.
	CA *x509.Certificate
	// Message says in a sentence what happened and why.
	Message string
	// Damage is what was wrong with the Secret, nil unless something was.
	Damage error
}

// step completes the changed state, and describes the change.
func (d *draft) step(name string, ca *x509.Certificate, message string) (*state, *Step, error) {
	made, err := d.encoded()
	if err != nil {
		return nil, nil, err
	}
	return made, &Step{Name: name, CA: ca, Message: message}, nil
}
