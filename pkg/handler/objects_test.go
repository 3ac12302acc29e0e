// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// configMap is the data of a ConfigMap of as many short entries, and the largest that an API server takes at 120,000:
// keys and values may have 1 MiB together.
func configMap(entries int) []byte {
	var text strings.Builder
	text.WriteString(`{"metadata":{"name":"c"},"data":{"x":"y"`)
	for i := range entries {
		fmt.Fprintf(&text, `,"%x":"abcd"`, i)
	}
	return []byte(text.String() + "}}")
}

func countEntries(want int) Check {
	return CheckFor("entries", func(_ context.Context, _ *Request, c *corev1.ConfigMap) []Violation {
		if len(c.Data) != want {
			return []Violation{{Message: fmt.Sprintf("it has %d entries, want %d", len(c.Data), want)}}
		}
		return nil
	})
}

// Whatever the API server lets in can be looked at, however many at a time, and costs no more than there is.
func TestLargeObjectsAreChecked(t *testing.T) {
	const entries = 120_000
	req := createPod(t, webPod())
	req.Kind.Kind, req.Object.Raw = "ConfigMap", configMap(entries)
	h := limitedHandler(t, Limits{Concurrent: 8, Decoded: 64 << 20}, countEntries(entries+1))
	before := heapInUse()
	if got := ask(t.Context(), t, h, req); !got.Allowed {
		t.Fatalf("got %v", got.Result)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	admitted, refused, most := 0, 0, uint64(0)
	for range 16 {
		wait.Go(func() {
			got := ask(t.Context(), t, h, req)
			mu.Lock()
			defer mu.Unlock()
			most = max(most, heapInUse())
			switch {
			case got.Allowed:
				admitted++
			case strings.Contains(got.Result.Message, "KiB are left: try again"):
				refused++
			default:
				t.Errorf("got %v", got.Result)
			}
		})
	}
	wait.Wait()
	t.Logf("16 ConfigMaps of %d kB and %d entries at a time: %d checked, %d told to try again, heap %d MiB before and %d MiB at most",
		len(req.Object.Raw)>>10, entries, admitted, refused, before>>20, most>>20)
	if admitted == 0 {
		t.Error("none was checked")
	}
	if n := h.gate.decoded.taken.Load(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
}

func heapInUse() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// What cannot be afforded is a failure of the check, and not of those that need less.
func TestObjectsThatAreTooLarge(t *testing.T) {
	req := createPod(t, webPod())
	req.Kind.Kind, req.Object.Raw = "ConfigMap", configMap(20_000)
	h := limitedHandler(t, Limits{Decoded: 1 << 20}, countEntries(20_001))
	got := ask(t.Context(), t, h, req)
	if got.Allowed || !strings.Contains(got.Result.Message,
		`check "entries" failed: cannot read object as v1.ConfigMap: decoding it takes up to`) {
		t.Errorf("got %v", got)
	}
	names := checkFunc{"names", func(_ context.Context, req *Request) ([]Violation, error) {
		meta, err := Metadata(req)
		if err == nil && meta.Name != "c" {
			return []Violation{{Message: "no name"}}, nil
		}
		return nil, err
	}}
	if got := ask(t.Context(), t, limitedHandler(t, Limits{Decoded: 1 << 20}, names), req); !got.Allowed {
		t.Errorf("the metadata: got %v", got.Result)
	}
	if n := h.gate.decoded.taken.Load(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
}
