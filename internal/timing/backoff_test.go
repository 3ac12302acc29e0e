// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package timing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func kinds() (outages, refusals map[string]error) {
	group := schema.GroupResource{Group: "g", Resource: "things"}
	outages = map[string]error{
		"no connection":  &url.Error{Op: "Get", URL: "https://api", Err: syscall.ECONNREFUSED},
		"no answer":      context.DeadlineExceeded,
		"cut off":        io.ErrUnexpectedEOF,
		"a bad token":    apierrors.NewUnauthorized("Unauthorized"),
		"overloaded":     apierrors.NewTooManyRequests("later", 1),
		"unavailable":    apierrors.NewServiceUnavailable("starting"),
		"etcd is slow":   apierrors.NewTimeoutError("etcd", 1),
		"broken":         apierrors.NewInternalError(errors.New("etcd")),
		"a bad gateway":  &apierrors.StatusError{ErrStatus: metav1.Status{Code: 502}},
		"with more text": fmt.Errorf("reading it: %w", apierrors.NewUnauthorized("Unauthorized")),
	}
	refusals = map[string]error{
		"a right is missing": apierrors.NewForbidden(group, "one", errors.New("no")),
		"a kind is unknown":  apierrors.NewGenericServerResponse(404, "get", group, "", "", 0, true),
		"an object is gone":  apierrors.NewNotFound(group, "one"),
		"not accepted":       apierrors.NewInvalid(schema.GroupKind{Group: "g", Kind: "Thing"}, "one", nil),
		"of our own":         errors.New("no CA verifies it"),
		"a webhook is down":  apierrors.NewInternalError(errors.New(`failed calling webhook "x.example.com": no endpoints`)),
	}
	return outages, refusals
}

func TestOutage(t *testing.T) {
	outages, refusals := kinds()
	for name, err := range outages {
		if !Outage(err) {
			t.Errorf("%s (%v) is no outage", name, err)
		}
	}
	for name, err := range refusals {
		if Outage(err) {
			t.Errorf("%s (%v) is an outage", name, err)
		}
	}
}

// TestAnOutageIsAskedForEveryFewSeconds: at the latest attempt but one a token file is read, at the latest it is used.
func TestAnOutageIsAskedForEveryFewSeconds(t *testing.T) {
	outages, _ := kinds()
	for name, err := range outages {
		var b Backoff
		for n := range 1000 {
			if two := b.After(err) + b.After(err); two > 15*time.Second {
				t.Fatalf("%s: two attempts after %d take %s", name, 2*n, two)
			}
		}
		if d := b.After(err); d < longestOutage {
			t.Errorf("%s: after a thousand failures the API server gets %s", name, d)
		}
	}
}

func TestARefusalIsAskedForEveryFewMinutes(t *testing.T) {
	_, refusals := kinds()
	for name, err := range refusals {
		var b Backoff
		if first := b.After(err); first < firstRefusal || first > 2*firstRefusal {
			t.Errorf("%s: the first delay is %s", name, first)
		}
		attempts := 0
		for passed := time.Duration(0); passed < 10*time.Hour; attempts++ {
			d := b.After(err)
			if d > 5*time.Minute {
				t.Fatalf("%s: %s until the next attempt", name, d)
			}
			passed += d
		}
		if attempts > 10*25 {
			t.Errorf("%s: %d attempts in ten hours", name, attempts)
		}
	}
}

// TestOutagesAndRefusalsAreCountedApart: an API server that has just started refuses what it will grant a moment later.
func TestOutagesAndRefusalsAreCountedApart(t *testing.T) {
	outage, refusal := apierrors.NewUnauthorized("no"), errors.New("no")
	var b Backoff
	for range 20 {
		b.After(outage)
	}
	if d := b.After(refusal); d > 2*firstRefusal {
		t.Errorf("the first refusal after an outage waits %s", d)
	}
	if d := b.After(outage); d > 2*firstOutage {
		t.Errorf("the first outage after a refusal waits %s", d)
	}
	for range 20 {
		b.After(refusal)
	}
	b.After(outage)
	if d := b.After(refusal); d < longestRefusal {
		t.Errorf("after an outage the refusals begin anew, with %s", d)
	}
	b.Reset()
	if d := b.After(refusal); d > 2*firstRefusal {
		t.Errorf("after a success the first refusal waits %s", d)
	}
}

func TestReplicasDoNotTryInStep(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 20 {
		var b Backoff
		seen[b.After(context.DeadlineExceeded)] = true
	}
	if len(seen) < 2 {
		t.Errorf("twenty delays are all alike: %v", seen)
	}
}
