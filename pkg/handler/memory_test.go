// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// What is around the objects is as long as its sender likes, too, and may be written so that it takes the slow way.
func TestEnvelopesThatAreTooLarge(t *testing.T) {
	const limit = 2 << 20
	groups := func(n int, more string) []byte {
		return []byte(replaced(`"u"`, `"u",`+more+`"userInfo":{"groups":[`+strings.Repeat(`"",`, n)+`""]}`))
	}
	const slow, some, many = `"object":{},"object":{},`, 20_000, 100_000
	extra := replaced(`"u"`, `"u","userInfo":{"extra":{`+strings.TrimSuffix(strings.Repeat(`"a":[],`, many), ",")+`}}`)
	deep := strings.Repeat(`{"":`, 5000) + `{}` + strings.Repeat(`}`, 5000)
	for name, tt := range map[string]struct {
		body  []byte
		taken int64
		code  int
	}{
		"many groups":                {groups(many, ""), 0, http.StatusRequestEntityTooLarge},
		"many groups, in a slow way": {groups(many, slow), 0, http.StatusRequestEntityTooLarge},
		"much extra":                 {[]byte(extra), 0, http.StatusRequestEntityTooLarge},
		"some groups":                {groups(some, ""), 0, http.StatusOK},
		"some groups, in a slow way": {groups(some, slow), 0, http.StatusOK},
		"some groups, at a bad time": {groups(some, ""), limit, http.StatusTooManyRequests},
		"few groups, at a bad time":  {groups(100, ""), limit, http.StatusOK},
		"no review":                  {[]byte(strings.Repeat(`[0,`, many)), 0, http.StatusBadRequest},
		"an object of many levels":   {[]byte(replaced(`"u"`, `"u","object":`+deep)), limit, http.StatusOK},
		"a lot of what nobody reads": {[]byte(replaced(`"u"`, `"u","x":[`+strings.Repeat(`{},`, many)+`{}]`)), limit, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			h := limitedHandler(t, Limits{Decoded: limit}, says("quiet"))
			h.gate.decoded.taken.Add(tt.taken)
			got := send(t.Context(), h, "/", tt.body)
			code, retry := got.Code, false
			if tt.code != http.StatusBadRequest {
				code, retry = codeOf(t, got)
			}
			isBusy := strings.Contains(got.Body.String(), "are left; try again") && retry
			if code != tt.code || isBusy != (tt.code == http.StatusTooManyRequests) {
				t.Errorf("got %d %.300s", code, got.Body)
			}
			if n := h.gate.decoded.taken.Load(); n != tt.taken {
				t.Errorf("%d bytes were not given back", n-tt.taken)
			}
		})
	}
}

// podOf is a Pod that selects nodes by so many labels.
func podOf(image string, labels int) *corev1.Pod {
	pod := webPod()
	pod.Spec.Containers = []corev1.Container{{Name: "c", Image: image}}
	pod.Spec.NodeSelector = map[string]string{}
	for i := range labels {
		pod.Spec.NodeSelector[strconv.Itoa(i)] = ""
	}
	return pod
}

// Who runs out of memory on the way has no answer, whatever it makes of that; least of all that all is well.
func TestShortageIsAFailure(t *testing.T) {
	const path = "spec.containers[0].livenessProbe"
	large := func(image string) *corev1.Pod { return podOf(image, 10_000) }
	all := func(req *Request) bool { _, err := Object[corev1.Pod](req); return err == nil }
	for name, tt := range map[string]struct {
		req   admissionv1.AdmissionRequest
		check Check
	}{
		"an exempt image's fault is carried over": {
			updatePod(t, large("acme/app"), podOf("evil/app", 0)), says("probes", Violation{Field: path, Message: "none"}),
		},
		"an image is not exempt": {createPod(t, large("acme/app")), says("probes", Violation{Field: path, Message: "none"})},
		"a check sees nothing": {createPod(t, large("evil/app")), checkFunc{"careless",
			func(_ context.Context, req *Request) ([]Violation, error) { all(req); return nil, nil }}},
		"a check is not for it": {createPod(t, large("evil/app")), selecting{says("selects"), all}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, decoded := range []int64{1, 64 << 20} {
				h := newHandlerOf(t, Options{Limits: Limits{Decoded: decoded}, Entries: []Entry{
					{Check: tt.check, Exempt: Exemptions{Images: []string{"acme/*"}}}, {Check: says("another")},
				}})
				got := ask(t.Context(), t, h, tt.req)
				isShort := !got.Allowed && strings.Contains(got.Result.Message, "failed: cannot read an object: decoding it takes up to")
				if isShort != (decoded == 1) || !got.Allowed && strings.Contains(got.Result.Message, `"another"`) {
					t.Errorf("with %d bytes: got %.500v", decoded, got.Result)
				}
			}
		})
	}
}

// A fault that only the image of before was forgiven counts, also where failing checks are forgiven.
func TestShortageForgivesNothing(t *testing.T) {
	found := Violation{Field: "spec.containers[0].livenessProbe", Message: "none"}
	image := func(req *Request) string {
		pod, err := Object[imaged](req)
		if err != nil {
			return err.Error()
		}
		return imagesOf{container: containerPath(), object: *pod}.at(found.Field)
	}
	for name, entry := range map[string]Entry{
		"an exempt image": {Check: says("probes", found), Exempt: Exemptions{Images: []string{"acme/*"}}},
		"a check that panics": {Check: checkFunc{"probes", func(_ context.Context, req *Request) ([]Violation, error) {
			if image(req) != "evil/app" {
				panic("oh")
			}
			return []Violation{found}, nil
		}}},
		"a check that takes a shortage for a fault": {Check: checkFunc{"probes",
			func(_ context.Context, req *Request) ([]Violation, error) {
				image(req)
				return []Violation{found}, nil
			}}},
	} {
		t.Run(name, func(t *testing.T) {
			entry.FailurePolicy = Ignore
			h := newHandlerOf(t, Options{Limits: Limits{Decoded: 1}, Entries: []Entry{entry}})
			if got := ask(t.Context(), t, h, updatePod(t, podOf("acme/app", 10_000), podOf("evil/app", 0))); got.Allowed {
				t.Error("it is allowed")
			}
		})
	}
}

// Who is exempt is so, whatever else could not be read.
func TestShortageLeavesExemptions(t *testing.T) {
	check := selecting{says("no", Violation{Message: "no"}), func(req *Request) bool {
		_, err := Object[imaged](req)
		return err != nil
	}}
	entry := Entry{Check: check, Exempt: Exemptions{Users: []string{"jane"}}}
	h := newHandlerOf(t, Options{Limits: Limits{Decoded: 1}, Entries: []Entry{entry}})
	for user, want := range map[string]bool{"jane": true, "jim": false} {
		req := createPod(t, podOf("app", 10_000))
		req.UserInfo.Username = user
		if got := ask(t.Context(), t, h, req); got.Allowed != want {
			t.Errorf("%s: allowed %t", user, got.Allowed)
		}
	}
}

// A guess is far too high, and must not use up what a review has to itself.
func TestGuessesLeaveRoom(t *testing.T) {
	shared := &sharedMemory{}
	r := &memory{shared: shared}
	if !r.Guess(ownMemory/2) || r.Guess(1) {
		t.Error("guesses may not take half of it, or more")
	}
	if err := r.Afford(ownMemory / 2); err != nil {
		t.Error(err)
	}
	if err := r.Afford(1 << 40); err == nil || shared.taken.Load() != 0 {
		t.Errorf("got %v, and others miss %d bytes", err, shared.taken.Load())
	}
	if err := r.Afford(1); err == nil || r.shortage() == nil {
		t.Errorf("got %v", err)
	}
	if r.forget(); r.shortage() != nil {
		t.Error("it is not forgotten")
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
		if n := h.gate.decoded.taken.Load(); n != 0 {
			t.Errorf("%d bytes were not given back", n)
		}
	})
}
