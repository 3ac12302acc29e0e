// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// mostDistrusted bounds the record. Beyond it the ones that were distrusted first are forgotten.
const mostDistrusted = 64

// record is what has to be remembered of a CA's life beside its certificates. It says when old trust may leave.
type record struct {
	// LeafSeconds is the longest lifetime that a certificate of the signing CA may have been given. It only grows
	// while that CA signs.
	LeafSeconds int64 `json:"leafSeconds"`
	// Rotated is the rotation that was asked for last and is complete, Preparing the one under way: values of
	// [RotateAnnotation].
	Rotated   string `json:"rotated,omitempty"`
	Preparing string `json:"preparing,omitempty"`
	// Retired says until when a CA that no longer signs has to be trusted, by the fingerprint of its certificate.
	Retired map[string]time.Time `json:"retired,omitempty"`
	// Made are the fingerprints of the CAs in the Secret that a step of ours made. It is nil in the record of a release
	// that did not keep it yet, which also drops it, and what follows, when it writes.
	Made []string `json:"made"`
	// Distrusted says which CAs must not be trusted, and since when: for a CA that was signing then, since it was
	// replaced. They stay in the record after they have left, so that nothing brings them back.
	Distrusted map[string]time.Time `json:"distrusted,omitempty"`
	// Heeded is the SHA-256 of the [DistrustAnnotation] that was heeded last.
	Heeded string `json:"heeded,omitempty"`
}

func parseRecord(data []byte) (record, error) {
	var r record
	if len(data) == 0 {
		// A CA that somebody else has put there: nothing is known of its certificates.
		return record{Made: []string{}}, nil
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, fmt.Errorf("%s is not the record of a CA's rotation: %w", dataRecord, err)
	}
	if r.LeafSeconds < 0 || r.LeafSeconds > int64(maxLeaf/time.Second) {
		return record{}, fmt.Errorf("%s says that certificates live for %d s, which cannot be", dataRecord, r.LeafSeconds)
	}
	return r, nil
}

func (r record) encode() ([]byte, error) {
	// Keys of a map are sorted by encoding/json: the same record is the same bytes in every replica.
	return json.Marshal(r)
}

func (r record) leaf() time.Duration { return time.Duration(r.LeafSeconds) * time.Second }

// clone returns a copy whose maps and lists may be changed.
func (r record) clone() record {
	r.Retired, r.Distrusted, r.Made = cloneTimes(r.Retired), cloneTimes(r.Distrusted), slices.Clone(r.Made)
	return r
}

func cloneTimes(times map[string]time.Time) map[string]time.Time {
	if times == nil {
		return map[string]time.Time{}
	}
	return maps.Clone(times)
}

// create notes that a step of ours has made the CA.
func (r *record) create(ca *x509.Certificate) {
	if r.Made != nil {
		r.Made = append(r.Made, fingerprint(ca))
	}
}

// made tells whether a step of ours made the CA, as far as the record can tell.
func (r record) made(ca *x509.Certificate) bool {
	return r.Made == nil || slices.Contains(r.Made, fingerprint(ca))
}

// of is the record of a Secret that holds these CAs.
func (r record) of(bundle trust.Bundle) record {
	if r.Made == nil {
		return r
	}
	made := []string{}
	for _, ca := range bundle.Filter(r.made).Certificates() {
		made = append(made, fingerprint(ca))
	}
	r.Made = made
	return r
}

// distrusts tells whether the CA must not be trusted.
func (r record) distrusts(ca *x509.Certificate) bool {
	_, distrusted := r.Distrusted[fingerprint(ca)]
	return distrusted
}

// distrust adds a CA that must not be trusted from now on.
func (r *record) distrust(fingerprint string, now time.Time) {
	r.Distrusted[fingerprint] = now.UTC().Truncate(time.Second)
	for len(r.Distrusted) > mostDistrusted {
		oldest := slices.MinFunc(slices.Sorted(maps.Keys(r.Distrusted)), func(a, b string) int {
			return r.Distrusted[a].Compare(r.Distrusted[b])
		})
		delete(r.Distrusted, oldest)
	}
}

// fingerprint names a certificate in the record.
func fingerprint(cert *x509.Certificate) string { return trust.Fingerprint(cert) }
