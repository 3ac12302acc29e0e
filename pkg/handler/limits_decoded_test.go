// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// What is around the objects is as long as its sender likes, too, and may be written so that it takes the slow way.
func TestEnvelopesThatAreTooLarge(t *testing.T) {
	h := limitedHandler(t, Limits{Decoded: 1 << 20}, says("quiet"))
	groups := func(n int, more string) []byte {
		return []byte(replaced(`"u"`, `"u",`+more+`"userInfo":{"groups":[`+strings.Repeat(`"",`, n)+`""]}`))
	}
	const many = 100_000
	extra := replaced(`"u"`, `"u","userInfo":{"extra":{`+strings.TrimSuffix(strings.Repeat(`"a":[],`, many), ",")+`}}`)
	for name, tt := range map[string]struct {
		body []byte
		code int
	}{
		"many groups":                {groups(many, ""), http.StatusServiceUnavailable},
		"many groups, in a slow way": {groups(many, `"object":{},"object":{},`), http.StatusServiceUnavailable},
		"much extra":                 {[]byte(extra), http.StatusServiceUnavailable},
		"some groups":                {groups(5000, ""), http.StatusOK},
		"some groups, in a slow way": {groups(5000, `"object":{},"object":{},`), http.StatusOK},
		"no review":                  {[]byte(strings.Repeat(`[0,`, many)), http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t.Context(), h, "/", tt.body)
			if got.Code != tt.code {
				t.Errorf("got %d %.200s", got.Code, got.Body)
			}
			isBusy := strings.Contains(got.Body.String(), "decoding it takes up to") && got.Header().Get("Retry-After") == "1"
			if isBusy != (tt.code == http.StatusServiceUnavailable) {
				t.Errorf("got %v %.200s", got.Header(), got.Body)
			}
			if n := h.gate.decoded.Load(); n != 0 {
				t.Errorf("%d bytes were not given back", n)
			}
		})
	}
}

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
