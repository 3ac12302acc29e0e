// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hookstrap/hookstrap/internal/trust"
)

const (
	// DistrustAnnotation on the CA's Secret takes trust away from CAs, whatever of theirs is in use: see [ParseDistrust]
	// for its values. Each new value is one request.
	DistrustAnnotation = "hookstrap.dev/distrust"
	// AllButNewest is the value of [DistrustAnnotation] that names no fingerprints.
	AllButNewest = "all-but-newest"
)

const (
	// distrustGrace is how long a distrusted CA stays after it was noted or replaced: several times what it takes a
	// replica to hear of it and to renew.
	distrustGrace = 15 * time.Second
	// distrustPatience is how long it stays at most while the certificate of this process cannot be renewed.
	distrustPatience = 10 * time.Minute
	// distrustUnattended is what unattended is when the CA that signs is distrusted.
	distrustUnattended = time.Hour
)

// Distrust is what a [DistrustAnnotation] asks for.
type Distrust struct {
	// Fingerprints are those of the CAs, as [trust.Fingerprint] has them.
	Fingerprints []string
	// AllButNewest: all CAs in the Secret but the successor if a step of ours made it, or else the CA that signs if a
	// step of ours made that.
	AllButNewest bool
}

// ParseDistrust reads a [DistrustAnnotation]: SHA-256 fingerprints of certificates separated by commas, each of 64
// hexadecimal digits with or without colons; or the word all-but-newest, with an @ and any text behind it to ask again.
func ParseDistrust(annotation string) (Distrust, error) {
	if word, _, _ := strings.Cut(annotation, "@"); word == AllButNewest {
		return Distrust{AllButNewest: true}, nil
	}
	var asked Distrust
	for text := range strings.SplitSeq(annotation, ",") {
		fingerprint, err := ParseFingerprint(text)
		if err != nil {
			return Distrust{}, err
		}
		asked.Fingerprints = append(asked.Fingerprints, fingerprint)
	}
	if len(asked.Fingerprints) > mostDistrusted {
		return Distrust{}, fmt.Errorf("%d fingerprints are named, and %d are the most: name those of CAs that are still "+
			"trusted", len(asked.Fingerprints), mostDistrusted)
	}
	return asked, nil
}

// ParseFingerprint reads the SHA-256 fingerprint of a certificate as `openssl x509 -fingerprint -sha256` writes it, and
// returns it as [trust.Fingerprint] does.
func ParseFingerprint(text string) (string, error) {
	digits := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
	if decoded, err := hex.DecodeString(digits); err != nil || len(decoded) != sha256.Size {
		return "", fmt.Errorf("%s is not the SHA-256 fingerprint of a certificate: write its 64 hexadecimal digits, or %s",
			quote(text), AllButNewest)
	}
	return digits, nil
}

// distrustAsked is what is asked for and was not heeded yet; nil for nothing, and for what cannot be understood.
func (s *state) distrustAsked(m moment) *Distrust {
	if m.distrust == "" || s.record.Heeded == digest(m.distrust) {
		return nil
	}
	asked, err := ParseDistrust(m.distrust)
	if err != nil {
		return nil
	}
	return &asked
}

func digest(annotation string) string {
	sum := sha256.Sum256([]byte(annotation))
	return hex.EncodeToString(sum[:])
}

// distrust notes which CAs are to leave. One that does not sign and has not signed leaves with it.
func (s *state) distrust(asked Distrust, m moment) (*state, *Step, error) {
	changed := *s
	changed.record = s.record.clone()
	changed.record.Heeded = digest(m.distrust)
	fingerprints := asked.Fingerprints
	if asked.AllButNewest {
		fingerprints = s.allButNewest()
	}
	for _, fingerprint := range fingerprints {
		if _, known := changed.record.Distrusted[fingerprint]; !known {
			changed.record.distrust(fingerprint, m.now)
		}
	}
	changed.dropSuccessor()
	message := fmt.Sprintf("%d CAs are distrusted, and leave as soon as their certificates have been replaced",
		len(fingerprints))
	if changed.record.distrusts(s.cert) {
		message += "; the one that signs is among them, and gets a successor first"
	}
	return changed.step(StepDistrusted, s.cert, message)
}

// allButNewest are the fingerprints of all CAs but the newest that a step of ours made.
func (s *state) allButNewest() []string {
	var newest *x509.Certificate
	switch {
	case s.next != nil && s.record.made(s.next.cert):
		newest = s.next.cert
	case s.record.made(s.cert):
		newest = s.cert
	}
	var others []string
	for _, ca := range s.bundle.Certificates() {
		if !ca.Equal(newest) {
			others = append(others, fingerprint(ca))
		}
	}
	return others
}

// dropSuccessor takes out a successor that is distrusted, for it has signed nothing, and tells whether there was one.
func (s *state) dropSuccessor() bool {
	if s.next == nil || !s.record.distrusts(s.next.cert) {
		return false
	}
	s.bundle = s.bundle.Without(trust.NewBundle(s.next.cert))
	s.next, s.record.Preparing = nil, ""
	return true
}

// expelled are the distrusted CAs that can leave now.
func (s *state) expelled(m moment) []*x509.Certificate {
	var out []*x509.Certificate
	for _, ca := range s.bundle.Certificates() {
		if !ca.Equal(s.cert) && s.record.distrusts(ca) && s.replaced(ca, m) {
			out = append(out, ca)
		}
	}
	return out
}

// replaced tells whether the certificates of a distrusted CA are out of use, or were given the time for it.
// This process can only tell for its own.
func (s *state) replaced(ca *x509.Certificate, m moment) bool {
	since := m.now.Sub(s.record.Distrusted[fingerprint(ca)])
	switch {
	case since < -clockSkew:
		return true // Written by a clock that cannot be right.
	case since < distrustGrace:
		return false
	default:
		return since >= distrustPatience || m.serving == nil || m.serving.CheckSignatureFrom(ca) != nil
	}
}

// expel takes distrusted CAs out.
func (s *state) expel(out []*x509.Certificate) (*state, *Step, error) {
	changed := *s
	changed.record = s.record.clone()
	changed.drop(out)
	return changed.step(StepDistrusted, out[0], fmt.Sprintf("%d distrusted CAs have left, and will not be trusted again",
		len(out)))
}

// drop takes CAs out of the bundle, and what the record says of the time until when they are needed.
func (s *state) drop(cas []*x509.Certificate) {
	s.bundle = s.bundle.Without(trust.NewBundle(cas...))
	for _, ca := range cas {
		delete(s.record.Retired, fingerprint(ca))
	}
}

// recall notes what is distrusted as the memory of this process knows and the Secret does not. What of it has left the
// memory leaves s as well. It tells whether s has changed.
func (s *state) recall(memory *state) bool {
	before := maps.Clone(s.record.Distrusted)
	for fingerprint, since := range memory.record.Distrusted {
		if _, known := s.record.Distrusted[fingerprint]; !known {
			s.record.distrust(fingerprint, since)
		}
	}
	var out []*x509.Certificate
	for _, ca := range s.bundle.Certificates() {
		if !ca.Equal(s.cert) && memory.record.distrusts(ca) && !memory.bundle.Contains(ca) {
			out = append(out, ca)
		}
	}
	dropped := s.dropSuccessor()
	s.drop(out)
	return dropped || len(out) > 0 || !maps.EqualFunc(before, s.record.Distrusted, time.Time.Equal)
}

// adopt notes which of the CAs a step of ours made, as far as the memory of this process knows (it may be nil). What an
// older release has left in the Secret, which kept no record of that, counts as made. It tells whether to write
// that: the record was missing.
func (s *state) adopt(memory *state) bool {
	if memory != nil && memory.record.Made == nil {
		memory = nil
	}
	if s.record.Made != nil && memory == nil {
		return false
	}
	changed, older := s.record.Made == nil, memory == nil
	if changed {
		s.record.Made = []string{}
	}
	for _, ca := range s.members().Certificates() {
		if (older || memory.record.made(ca)) && !s.record.made(ca) {
			s.record.create(ca)
		}
	}
	return changed
}

// members are all CAs of the state, trusted by its bundle already or not yet.
func (s *state) members() trust.Bundle {
	members := []*x509.Certificate{s.cert}
	if s.next != nil {
		members = append(members, s.next.cert)
	}
	return s.bundle.Union(trust.NewBundle(members...))
}

// foreign are the CAs in the Secret that no step of ours made.
func (s *state) foreign() []*x509.Certificate {
	var foreign []*x509.Certificate
	for _, ca := range s.bundle.Certificates() {
		if !s.record.made(ca) {
			foreign = append(foreign, ca)
		}
	}
	return foreign
}

// expelledNow are the fingerprints of the distrusted CAs that have left.
func (s *state) expelledNow() []string {
	var left []string
	for fingerprint := range s.record.Distrusted {
		left = append(left, fingerprint)
	}
	slices.Sort(left)
	for _, ca := range s.bundle.Certificates() {
		left = slices.DeleteFunc(left, func(f string) bool { return f == fingerprint(ca) })
	}
	return left
}
