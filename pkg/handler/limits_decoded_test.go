// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Many that are not large by themselves may not take more together than there is, while a usual one has its own.
func TestManyAtATimeShareTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var held atomic.Int64
		h := limitedHandler(t, Limits{Concurrent: 33, Decoded: 16 << 20}, checkFunc{"holds",
			func(_ context.Context, req *Request) ([]Violation, error) {
				if _, err := Object[corev1.Pod](req); err != nil {
					return nil, err
				}
				held.Add(1)
				<-release
				return nil, nil
			}})
		req := createPod(t, webPod())
		req.Object = runtime.RawExtension{Raw: []byte(`{"spec":{"containers":[` + strings.Repeat(`{},`, 4999) + `{}]}}`)}
		for range 32 {
			go ask(t.Context(), t, h, req)
		}
		synctest.Wait()
		// Each takes two megabytes, and up to three times that on the way.
		if n := held.Load(); n == 0 || n > 3 {
			t.Errorf("%d of 32 are decoded at a time", n)
		}
		before := held.Load()
		go ask(t.Context(), t, h, createPod(t, webPod()))
		synctest.Wait()
		if held.Load() != before+1 {
			t.Error("there is no memory for a usual one")
		}
		close(release)
		synctest.Wait()
		if n := h.gate.decoded.Load(); n != 0 {
			t.Errorf("%d bytes were not given back", n)
		}
	})
}
