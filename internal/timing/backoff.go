// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package timing says when: when to try again what has failed, when to renew a certificate, and when an error is worth
// a line in the log.
//
// There are two kinds of failures:
//
//   - An outage: there is no connection, no answer in time, HTTP status 401, 408, 429 or 5xx. It ends by itself, or
//     when the token is replaced, so that the next attempt is a few seconds away at most.
//   - A refusal is every other failure: a right that is missing, a kind that is not served, an object that is not
//     accepted, a webhook that the API server cannot call. Somebody has to change something first, so that attempts
//     get minutes apart.
package timing

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
)

// The delays double from the first to the longest, and each is up to half as long again by chance, so that the
// replicas of one Deployment do not try in step.
//
// client-go reads a token file again only after the second 401 in a row, or after a minute: two of the longest delays
// of an outage are less than 15 s.
const (
	firstOutage    = 500 * time.Millisecond
	longestOutage  = 4 * time.Second
	firstRefusal   = time.Second
	longestRefusal = 3 * time.Minute
	jitter         = 0.5
)

// Backoff counts failures in a row. The zero value has seen none. It is not safe for concurrent use.
type Backoff struct {
	outages, refusals int
}

// After returns how long to wait after a failure. An outage does not forget the refusals before it: when it is over, a
// kind that was not served is not asked for as if for the first time.
func (b *Backoff) After(err error) time.Duration {
	if Outage(err) {
		b.outages++
		return Delay(firstOutage, longestOutage, b.outages)
	}
	b.outages = 0
	b.refusals++
	return Delay(firstRefusal, longestRefusal, b.refusals)
}

// Reset forgets all failures, after a success.
func (b *Backoff) Reset() { *b = Backoff{} }

// Delay doubles with n, from first for 1 up to longest, with a random half more. There is none for n below 1.
func Delay(first, longest time.Duration, n int) time.Duration {
	if n < 1 {
		return 0
	}
	d := longest
	if n < 10 { // Beyond that, shifting only gets near to an overflow.
		d = min(d, first<<(n-1))
	}
	return wait.Jitter(d, jitter)
}

// Outage tells an outage of the API server, or a token that it does not take, from a refusal.
func Outage(err error) bool {
	if hidden := (interface{ Outage() bool })(nil); errors.As(err, &hidden) {
		return hidden.Outage()
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		if strings.Contains(status.Status().Message, "failed calling webhook") {
			return false // Somebody else's webhook is down, with status 500. That may last for days.
		}
		switch code := status.Status().Code; code {
		case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests:
			return true
		default:
			return code >= http.StatusInternalServerError
		}
	}
	return errors.As(err, new(net.Error)) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// News tells a new error from a repeated one. The zero value has seen none. It is not safe for concurrent use.
type News struct{ last string }

// Is reports whether err is another one than the last, and not nil. After nil, every error is news.
func (n *News) Is(err error) bool {
	before := n.last
	if n.last = ""; err != nil {
		n.last = err.Error()
	}
	return err != nil && n.last != before
}

// Any reports whether the last one was an error.
func (n *News) Any() bool { return n.last != "" }

// Once returns a function that calls report once for as long as the error stays the same.
func Once(report func(error)) func(error) {
	var news News
	return func(err error) {
		if news.Is(err) {
			report(err)
		}
	}
}
