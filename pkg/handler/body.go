// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"io"
	"net/http"
)

const (
	// maxBody bounds a review: two objects of 3 MiB, which is the API server's limit for one, and 1 MiB for the rest.
	maxBody = 7 << 20

	// firstRead is the memory set aside for a body before any of it has come, and growth how many times what has come is
	// set aside after that: who announces much and sends little gets no more.
	firstRead, growth = 16 << 10, 2

	// usualBody is what nearly all reviews are smaller than.
	usualBody = 128 << 10
)

// readBody reads what there is to read within the size that a review may have and the memory that there is for all.
func readBody(r *http.Request, memory *reservation) ([]byte, *refusal) {
	if r.ContentLength > maxBody {
		return nil, tooLarge(r.Body)
	}
	most := int(r.ContentLength)
	if most < 0 {
		most = maxBody + 1 // chunks of any number
	}
	var data []byte
	for {
		if len(data) > maxBody {
			return nil, tooLarge(r.Body)
		}
		if len(data) == cap(data) {
			more := max(min(max((growth-1)*len(data), firstRead), most-len(data)), 1) // one byte, to find that there is none
			if refused := memory.grow(more); refused != nil {
				return nil, refused
			}
			data = append(make([]byte, 0, len(data)+more), data...)
		}
		n, err := r.Body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) && len(data) <= maxBody {
			return data, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
		}
	}
}

// tooLarge passes over the rest of a body, within reason: who is still sending when the connection is closed does not
// read the answer.
func tooLarge(rest io.Reader) *refusal {
	_, _ = io.CopyN(io.Discard, rest, 2*maxBody)
	return refuse(http.StatusRequestEntityTooLarge, "the AdmissionReview is larger than %d MiB", maxBody>>20)
}
