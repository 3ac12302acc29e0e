// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import "fmt"

// Why a request is not signed: reasons of the condition Denied, or of an event.
const (
	// ReasonUnsupportedKeyType and ReasonAnnotations are Kubernetes' own words.
	ReasonUnsupportedKeyType = "UnsupportedKeyType"
	ReasonAnnotations        = "InvalidUnverifiedUserAnnotations"
	ReasonRequestMalformed   = "RequestMalformed"
	ReasonPodReplaced        = "PodReplaced"
	ReasonPodEnded           = "PodEnded"

	ReasonNamespaceNotAllowed      = "NamespaceNotAllowed"
	ReasonServiceAccountNotAllowed = "ServiceAccountNotAllowed"
	ReasonPodUnknown               = "PodUnknown"
	ReasonServiceAccountUnknown    = "ServiceAccountUnknown"
	ReasonOtherNode                = "OtherNode"
	ReasonNoService                = "NoService"
	ReasonServiceNotSelecting      = "ServiceNotSelecting"
	ReasonTooManyServices          = "TooManyServices"
	ReasonLabelsTooLong            = "LabelsTooLong"
	ReasonNoCA                     = "NoCA"

	// Of CertificateSigningRequests, besides those of package authority.
	ReasonNoPod             = "NoPod"
	ReasonOtherNamespace    = "OtherNamespace"
	ReasonServiceNotOptedIn = "ServiceNotOptedIn"
	ReasonTooManyRequests   = "TooManyRequests"
)

// RefusalError says why a request is not signed.
type RefusalError struct {
	// Final says that it can never be signed, whatever changes: it is denied. Otherwise it waits.
	Final bool
	// Reason is a CamelCase word for programs, one of the Reason constants.
	Reason string
	// Message is a sentence for people: what is wrong and what to do.
	Message string
}

// Error returns the message.
func (r *RefusalError) Error() string { return r.Message }

func denied(reason, format string, args ...any) error {
	return &RefusalError{Final: true, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func waiting(reason, format string, args ...any) error {
	return &RefusalError{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
