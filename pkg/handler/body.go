// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	// maxBody bounds a review: two objects of 3 MiB, which is the API server's limit for one, and 1 MiB for the rest.
	maxBody = 7 << 20

	// firstRead is the memory set aside for a body before any of it has come. Who announces much and sends little gets
	// no more than twice what was sent.
	firstRead = 64 << 10
)

// readBody reads what there is to read within the size and time that a review may take. The read deadline is for
// callers who send slowly or not at all; writers that have no such deadline, as in tests, do without.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	controller := http.NewResponseController(w)
	if controller.SetReadDeadline(time.Now().Add(maxTimeout)) == nil {
		defer func() { _ = controller.SetReadDeadline(time.Time{}) }() // it would end the connection later on
	}
	body, err := readAll(http.MaxBytesReader(w, r.Body, maxBody), r.ContentLength)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || r.ContentLength > maxBody {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the AdmissionReview is larger than %d MiB", maxBody>>20)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
	}
	return body, nil
}

// readAll is as io.ReadAll, for a body whose length is known in nearly all cases; -1 stands for any length. It reads
// nothing of what is too large by its own account.
func readAll(body io.Reader, length int64) ([]byte, error) {
	if length > maxBody {
		return nil, nil
	}
	most := int(length)
	if most < 0 {
		most = maxBody + 1
	}
	data := make([]byte, 0, min(most, firstRead))
	for len(data) < most {
		if len(data) == cap(data) {
			data = slices.Grow(data, min(len(data), most-len(data)))
		}
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}
