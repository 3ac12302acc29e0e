// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercache

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// firstPage and largestPage are how many objects a page of a list has.
	firstPage   = 100
	largestPage = 500
	// pageBytes is how long a page of several objects may be; one that is longer is asked for with fewer.
	pageBytes = 4 << 20
)

// limitPages refuses to read long pages of lists: each is held in memory as a whole, as text and decoded. In their
// place comes the answer "413 Request Entity Too Large". A page of one object is taken as it is: the API server bounds
// its size.
func limitPages(inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		answer, err := inner.RoundTrip(r)
		limit := r.URL.Query().Get("limit")
		if err != nil || answer.StatusCode != http.StatusOK || limit == "" || limit == "1" {
			return answer, err
		}
		defer answer.Body.Close() //nolint:errcheck // Only read.
		body, err := io.ReadAll(io.LimitReader(answer.Body, pageBytes+1))
		if err != nil {
			return nil, fmt.Errorf("reading a page of a list: %w", err)
		}
		if len(body) <= pageBytes {
			answer.Body = io.NopCloser(bytes.NewReader(body))
			return answer, nil
		}
		return tooLarge(r), nil
	})
}

func tooLarge(r *http.Request) *http.Response {
	const body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"` +
		string(metav1.StatusReasonRequestEntityTooLarge) + `","code":413,"message":"the page of a list is too long"}`
	return &http.Response{
		Status: "413 Request Entity Too Large", StatusCode: http.StatusRequestEntityTooLarge,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)),
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
