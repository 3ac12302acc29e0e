// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/test/sample"
)

// BenchmarkServeHTTP is all that a review costs but for the network, TLS and net/http.
func BenchmarkServeHTTP(b *testing.B) {
	security, err := newPodSecurity("baseline", "latest")
	if err != nil {
		b.Fatal(err)
	}
	for name, entries := range map[string][]handler.Entry{
		"no check":   nil,
		"one check":  {{Check: ImageTag{}}},
		"two checks": {{Check: security}, {Check: ImageTag{}}},
	} {
		for _, size := range []int{2000, 8800, 50000, 1000000} {
			body, err := sample.Review(size)
			if err != nil {
				b.Fatal(err)
			}
			h, err := handler.New(handler.Options{Entries: entries})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/%d bytes", name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/validate?timeout=10s", bytes.NewReader(body))
					r.Header.Set("Content-Type", "application/json")
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
			})
		}
	}
}
