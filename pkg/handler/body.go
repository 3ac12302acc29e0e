// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/hookstrap/hookstrap/internal/lean"
)

const (
	// maxBody bounds a review: two objects of 3 MiB, which is the API server's limit for one, and 1 MiB for the rest.
	// maxWire bounds it as it is sent, where a byte of an object may take six: API servers escape <, > and & so.
	maxBody = 7 << 20
	maxWire = 6*(maxBody-1<<20) + 1<<20
)

// incoming is a review that is being received.
type incoming struct {
	request *http.Request
	mutates bool   // the mutations are asked, and not the checks
	what    string // kind of review it is; empty for an AdmissionReview
	held    *reservation
	turn    time.Time // when it has to have its turn: what is left then is for the checks
	due     time.Time // when there has to be an answer

	data []byte // what has come, without the escape sequences of data[:done]
	done int
	wire int64 // how much that was

	begun, ended bool // the reading
}

// review is what it is called in messages.
func (in *incoming) review() string { return cmp.Or(in.what, "AdmissionReview") }

// receive reads the body of what may be a review.
func (in *incoming) receive() *refusal {
	r := in.request
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "method %s: send the %s with POST", r.Method,
			in.review())
	}
	if contentType := r.Header.Get("Content-Type"); !isJSON(contentType) {
		return refuse(http.StatusUnsupportedMediaType, "Content-Type %q: send application/json", contentType)
	}
	refused := in.readBody()
	if lost := in.held.received(); lost != nil {
		return lost
	}
	return refused
}

// readBody reads what there is to read within the size that a review may have and the memory that there is for all.
func (in *incoming) readBody() *refusal {
	in.begun = true
	for {
		if in.wire > maxWire || len(in.data) > maxBody+lean.LongestEscape {
			return in.tooLarge()
		}
		if len(in.data) == cap(in.data) {
			if refused := in.grow(); refused != nil {
				return refused
			}
		}
		n, err := in.request.Body.Read(in.data[len(in.data):cap(in.data)])
		in.wire += int64(n)
		in.data = in.data[:len(in.data)+n]
		if len(in.data) > usualBody {
			in.data, in.done = lean.Unescape(in.data, in.done)
		}
		in.ended = errors.Is(err, io.EOF)
		switch {
		case in.ended && len(in.data) > maxBody:
			return in.tooLarge()
		case in.ended:
			return nil
		case err != nil:
			return in.unreadable(err)
		}
	}
}

// grow makes more room for the body.
func (in *incoming) grow() *refusal {
	left := int64(maxWire) // chunks of any number
	if announced := in.request.ContentLength; announced >= 0 {
		left = announced - in.wire
	}
	more := min(max((growth-1)*len(in.data), firstRead), maxBody+firstRead-len(in.data))
	more = int(max(min(int64(more), left), 1)) // one byte, to find that there is none
	if in.held.caller == nil && len(in.data)+more > usualBody {
		in.held.caller = in.caller()
	}
	if refused := in.held.grow(more, in.due); refused != nil {
		return refused
	}
	in.data = append(make([]byte, 0, len(in.data)+more), in.data...)
	return nil
}

// head is what is known of the review by now.
func (in *incoming) head() *review { return headOf(in.data[:min(len(in.data), usualHead)]) }

// tooLarge refuses a body that is too large to be kept, unless it is the update of an object that is being deleted.
// That can be told without keeping it.
func (in *incoming) tooLarge() *refusal {
	if in.what == "" && in.head().Request.Operation == admissionv1.Update && bytes.Contains(in.data, []byte(deletion)) {
		var cleanup lean.Cleanup
		_, _ = cleanup.Write(in.data) // It never fails.
		if _, err := io.CopyN(&cleanup, in.request.Body, maxWire); errors.Is(err, io.EOF) && cleanup.Holds() {
			return &refusal{allowed: true}
		}
	}
	return refuse(http.StatusRequestEntityTooLarge, "the %s is larger than %d MiB", in.review(), maxBody>>20)
}

func (in *incoming) unreadable(err error) *refusal {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refuse(http.StatusGatewayTimeout, "the %s did not come within its timeout", in.review())
	}
	return refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
}

// caller is whom the review is for, as far as that is known by now.
func (in *incoming) caller() *caller {
	head := in.head().Request
	of := callerOf(head.UserInfo.Username, head.Namespace)
	return &of
}

// abandon gives back the memory of a body, but for its head, and passes over the rest: who is still sending when the
// connection is closed does not read the answer. It returns what is known of the review.
func (in *incoming) abandon() *review {
	if !in.begun {
		return &review{}
	}
	if !in.ended {
		in.held.allowReading(in.due)
	}
	if !in.ended && len(in.data) < usualHead { // there was no memory for more
		head := make([]byte, usualHead)
		n := copy(head, in.data)
		more, _ := io.ReadFull(in.request.Body, head[n:])
		in.data = head[:n+more]
	}
	head := in.head()
	in.data = nil
	if in.held.sharers.Load() == 0 {
		in.held.shrink()
	}
	if head.isAnswerable() || in.wire > maxBody { // net/http by itself passes over a quarter of a MiB
		_, _ = io.CopyN(io.Discard, in.request.Body, maxWire)
	}
	return head
}
