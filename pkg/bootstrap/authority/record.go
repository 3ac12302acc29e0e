// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

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
}

func parseRecord(data []byte) (record, error) {
	var r record
	if len(data) == 0 {
		return r, nil // A CA that somebody else has put there: nothing is known of its certificates.
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

// clone returns a copy whose map may be changed.
func (r record) clone() record {
	r.Retired = maps.Clone(r.Retired)
	if r.Retired == nil {
		r.Retired = map[string]time.Time{}
	}
	return r
}

// fingerprint names a certificate in the record.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}
