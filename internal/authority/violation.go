// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"fmt"
	"strconv"
)

// PolicyError says which rule of a [Policy] a request breaks. It becomes the Failed condition of the request.
type PolicyError struct {
	// Reason is a CamelCase word for programs, one of the Reason constants.
	Reason string
	// Message is a sentence for people: what is wrong and what to do.
	Message string
}

// The reasons of a [PolicyError], in the order in which [Policy.Check] looks for them.
const (
	ReasonWrongSigner          = "WrongSigner"
	ReasonRequesterNotAllowed  = "RequesterNotAllowed"
	ReasonUsagesNotAllowed     = "UsagesNotAllowed"
	ReasonDurationTooShort     = "DurationTooShort"
	ReasonRequestMalformed     = "RequestMalformed"
	ReasonKeyNotAllowed        = "KeyNotAllowed"
	ReasonSignatureInvalid     = "SignatureInvalid"
	ReasonExtensionNotAllowed  = "ExtensionNotAllowed"
	ReasonSANTypeNotAllowed    = "SANTypeNotAllowed"
	ReasonSubjectNotAllowed    = "SubjectNotAllowed"
	ReasonCommonNameNotAllowed = "CommonNameNotAllowed"
	ReasonSANsMissing          = "SANsMissing"
	ReasonWildcardNotAllowed   = "WildcardNotAllowed"
	ReasonDNSNameNotAllowed    = "DNSNameNotAllowed"
	ReasonIPAddressNotAllowed  = "IPAddressNotAllowed"
	maxQuoted                  = 253
	truncationMark             = "…"
)

// Error returns the message.
func (v *PolicyError) Error() string { return v.Message }

func violation(reason, format string, args ...any) error {
	return &PolicyError{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// quote makes a string of the requester's choosing safe to show: no control characters, and no longer than a DNS name.
func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + truncationMark
	}
	return strconv.Quote(s)
}
