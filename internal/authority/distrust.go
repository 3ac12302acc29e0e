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
)

const (
	// DistrustAnnotation on the CA's Secret takes trust away from CAs, whatever of theirs is in use: see [ParseDistrust]
	// for its values. Each new value is one request.
	DistrustAnnotation = "hookstrap.dev/distrust"
	// AllButNewest is the value of [DistrustAnnotation] that names no fingerprints.
	AllButNewest = "all-but-newest"
)

const (
	// distrustGrace is how long a distrusted CA stays after a process has seen that it was noted or replaced: several
	// times what it takes a replica to hear of it and to renew.
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
			return Distrust{}, fmt.Errorf("%w, or %s alone", err, AllButNewest)
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
		return "", fmt.Errorf("%s is not the SHA-256 fingerprint of a certificate: write its 64 hexadecimal digits",
			quote(text))
	}
	return digits, nil
}

// distrustAsked is what is asked for and was not heeded yet; nil for nothing, and for what cannot be understood.
func (r rotation) distrustAsked() *Distrust {
	if r.distrust == "" || r.record.Heeded == digest(r.distrust) {
		return nil
	}
	asked, err := ParseDistrust(r.distrust)
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
func (r rotation) heed(asked Distrust) (*state, *Step, error) {
	changed := r.edit()
	changed.record.Heeded = digest(r.distrust)
	fingerprints := asked.Fingerprints
	if asked.AllButNewest {
		fingerprints = r.allButNewest()
	}
	for _, fingerprint := range fingerprints {
		if _, known := changed.record.Distrusted[fingerprint]; !known {
			changed.record.distrust(fingerprint, r.now)
		}
	}
	changed.dropSuccessor()
	message := fmt.Sprintf("%d CAs are distrusted, and leave as soon as their certificates have been replaced",
		len(fingerprints))
	if changed.record.distrusts(r.cert) {
		message += "; the one that signs is among them, and gets a successor first"
	}
	return changed.step(StepDistrusted, r.cert, message)
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

// expelled are the distrusted CAs that can leave now.
func (r rotation) expelled() []*x509.Certificate {
	return r.bundle.Filter(func(ca *x509.Certificate) bool {
		return !ca.Equal(r.cert) && r.record.distrusts(ca) && r.replaced(ca)
	}).Certificates()
}

// replaced tells whether the certificates of a distrusted CA are out of use, or were given the time for it.
// This process can only tell for its own.
func (r rotation) replaced(ca *x509.Certificate) bool {
	since := r.notes.since(fingerprint(ca), r.record.Distrusted[fingerprint(ca)], r.now)
	switch {
	case since < distrustGrace:
		return false
	default:
		return since >= distrustPatience || r.serving == nil || r.serving.CheckSignatureFrom(ca) != nil
	}
}

// expel takes distrusted CAs out.
func (r rotation) expel(out []*x509.Certificate) (*state, *Step, error) {
	changed := r.edit()
	changed.drop(out)
	return changed.step(StepDistrusted, out[0], fmt.Sprintf("%d distrusted CAs have left, and will not be trusted again",
		len(out)))
}

// foreign are the CAs in the Secret that no step of ours made.
func (s *state) foreign() []*x509.Certificate {
	return s.bundle.Filter(func(ca *x509.Certificate) bool { return !s.record.made(ca) }).Certificates()
}

// expelledNow are the fingerprints of the distrusted CAs that have left.
func (s *state) expelledNow() []string {
	left := slices.Sorted(maps.Keys(s.record.Distrusted))
	for _, ca := range s.bundle.Certificates() {
		left = slices.DeleteFunc(left, func(f string) bool { return f == fingerprint(ca) })
	}
	return left
}
