// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// mostRepaired bounds how many CAs a repair trusts on account of what is left of a damaged Secret.
const mostRepaired = 16

// correct returns what the Secret should hold, given what it holds: data. memory is what this process last had, nil for
// nothing; leaf is the longest lifetime it gives. The step is nil when data is right as it is.
//
// The overlap rule holds for accidents as it does for rotations: whatever becomes of the Secret, a CA that may have
// signed a certificate in use stays trusted for as long as that can be valid.
func correct(data map[string][]byte, memory *state, leaf time.Duration, m moment) (*state, *Step, error) {
	if emptyState(data) {
		return begin(memory, leaf, m)
	}
	read, damage := parseState(data)
	if damage == nil {
		if damage = unwelcome(read, memory); damage != nil {
			data = nil // Nothing in it is to be trusted that this process does not know.
		}
	}
	switch {
	case errors.Is(damage, errVersion):
		return nil, nil, damage
	case damage != nil:
		return repair(data, damage, memory, leaf, m)
	case !read.usable(m.now) && read.successor(m.now) == nil:
		return succeed(read, memory, leaf, m)
	default:
		return reconcile(read, memory, leaf, m)
	}
}

// unwelcome says why the CA of a sound Secret is not used: this process knows better.
func unwelcome(read, memory *state) error {
	switch {
	case memory == nil || read.cert.Equal(memory.cert) || memory.record.distrusts(memory.cert):
		return nil
	case memory.record.distrusts(read.cert):
		return fmt.Errorf("%s has a CA that is distrusted, %s: find out who wrote it back", dataCert,
			trust.DescribeCertificate(read.cert))
	case !read.record.made(read.cert) && memory.crowded():
		return fmt.Errorf("%s has another CA that was not made here, %s, while more than %d that no longer sign are "+
			"trusted: find out who put it there", dataCert, trust.DescribeCertificate(read.cert), mostRetired)
	default:
		return nil
	}
}

// begin fills a Secret that has nothing: with the CA of this process if it has one, because certificates that it signed
// are in use, or else with a new one.
func begin(memory *state, leaf time.Duration, m moment) (*state, *Step, error) {
	if memory != nil && memory.usable(m.now) {
		return memory, &Step{Name: StepRestored, CA: memory.cert,
			Message: "the Secret was gone or empty; it was put back from memory"}, nil
	}
	if memory != nil {
		return succeed(memory, nil, leaf, m)
	}
	ca, err := m.newCA()
	if err != nil {
		return nil, nil, err
	}
	return newDraft(ca, leaf).step(StepCreated, ca.cert, "there was no CA; a new one was made")
}

// newDraft is the state with ca as the only CA.
func newDraft(ca *keyPair, leaf time.Duration) *draft {
	made := state{keyPair: *ca, record: record{LeafSeconds: int64(leaf.Seconds()), Made: []string{fingerprint(ca.cert)}}}
	return made.edit()
}

// succeed replaces a CA that cannot sign and has no successor: no replica ran when it was time, or a replica whose
// clock is ahead of ours has made it. If that is because ours is behind, [draft.noteEnds] has it leave.
func succeed(expired, memory *state, leaf time.Duration, m moment) (*state, *Step, error) {
	ca, err := m.newCA()
	if err != nil {
		return nil, nil, err
	}
	made := expired.edit()
	made.keyPair, made.next = *ca, nil
	made.record.LeafSeconds, made.record.Preparing = int64(max(leaf, expired.record.leaf()).Seconds()), ""
	if memory != nil {
		made.recall(memory)
		made.keepAll(memory, m.now)
	}
	made.adopt(memory)
	made.record.create(ca.cert)
	return made.step(StepReplaced, ca.cert, "the CA could not sign at this time, and had no successor; a new one was made")
}

// repair puts a damaged Secret right, losing as little as possible: its own CA if that can still sign, else the one in
// memory, else a new one. All CA certificates that can be read stay trusted.
func repair(
	data map[string][]byte, damage error, memory *state, leaf time.Duration, m moment,
) (*state, *Step, error) {
	made, name, err := salvage(data, memory, leaf, m)
	if err != nil {
		return nil, nil, err
	}
	if memory != nil {
		made.recall(memory)
		made.keepAll(memory, m.now)
	}
	for _, ca := range readable(data) {
		if made.bundle.Len() < mostRepaired {
			made.keep(ca, made.lastUse(ca, m.now))
		}
	}
	made.adopt(memory)
	repaired, step, err := made.step(name, made.cert, "the Secret was damaged and has been repaired")
	if err == nil {
		step.Damage = damage
	}
	return repaired, step, err
}

// salvage finds the CA that is to sign.
func salvage(data map[string][]byte, memory *state, leaf time.Duration, m moment) (*draft, string, error) {
	kept, err := parseRecord(data[dataRecord])
	if err != nil {
		kept = record{Made: []string{}}
	}
	kept.LeafSeconds = max(kept.LeafSeconds, int64(leaf.Seconds()))
	own, err := parseKeyPair(data, dataCert, dataKey)
	if err == nil && own.usable(m.now) && (memory == nil || !memory.cert.Equal(own.cert)) {
		made := &state{keyPair: *own, record: kept}
		if unwelcome(made, memory) == nil {
			return made.edit(), StepRestored, nil
		}
	}
	if memory != nil && memory.usable(m.now) {
		return memory.edit(), StepRestored, nil
	}
	ca, err := m.newCA()
	if err != nil {
		return nil, "", err
	}
	made := newDraft(ca, leaf)
	made.record.Distrusted = cloneTimes(kept.Distrusted)
	if kept.Made != nil {
		made.record.Made = append(made.record.Made, kept.Made...)
	}
	return made, StepReplaced, nil
}

// readable are the CA certificates in a damaged Secret that can be read.
func readable(data map[string][]byte) []*x509.Certificate {
	var cas []*x509.Certificate
	for _, key := range []string{dataBundle, dataCert, dataNextCert} {
		found, _ := trust.ParseText(data[key]) // The rest is what is damaged.
		cas = append(cas, found.Filter(func(ca *x509.Certificate) bool { return conforms(ca) == nil }).Certificates()...)
	}
	return cas
}

// reconcile adds to a sound state what this process knows to be needed: CAs that somebody else left out, a longer
// lifetime of certificates than was known so far, and until when CAs are needed that no longer sign.
func reconcile(read, memory *state, leaf time.Duration, m moment) (*state, *Step, error) {
	changed := read.edit()
	changed.record.LeafSeconds = max(read.record.LeafSeconds, int64(leaf.Seconds()))
	var lost []*x509.Certificate
	recalled := false
	if memory != nil {
		recalled = changed.recall(memory)
		lost = changed.keepAll(memory, m.now)
	}
	adopted := changed.adopt(memory)
	open := changed.noteEnds(m.now)
	switch {
	case len(lost) > 0:
		return changed.step(StepKept, lost[0], fmt.Sprintf("%d CAs whose certificates may be in use were missing in the "+
			"Secret; they stay trusted until the last of those has ended", len(lost)))
	case recalled:
		return changed.step(StepDistrusted, read.cert, "the Secret did not say which CAs are distrusted; this process knows")
	case adopted:
		return changed.step(StepKept, read.cert, "the Secret did not say which CAs were made here, as that of an older "+
			"release")
	case len(open) > 0:
		return changed.step(StepKept, open[0], fmt.Sprintf("%d CAs that no longer sign were to stay for as long as they are "+
			"valid; they stay trusted until the last of their certificates has ended", len(open)))
	case changed.record.LeafSeconds != read.record.LeafSeconds:
		return changed.step(StepKept, read.cert, "its certificates may live longer than was known so far")
	default:
		return &changed.state, nil, nil
	}
}
