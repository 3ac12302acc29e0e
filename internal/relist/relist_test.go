// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package relist

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

func TestNewestSendsNoVersionThatMayBeInTheFuture(t *testing.T) {
	for version, want := range map[string]string{"": "", "0": "0", "714": ""} {
		got := newest(metav1.ListOptions{
			FieldSelector: "kept", ResourceVersion: version, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
		if got.ResourceVersion != want || got.FieldSelector != "kept" || want == "" && got.ResourceVersionMatch != "" {
			t.Errorf("version %q: got %+v", version, got)
		}
	}
}

func TestFailedHidesWhatAReflectorWouldWaitOut(t *testing.T) {
	for name, err := range map[string]error{
		"refused": syscall.ECONNREFUSED, "too many": apierrors.NewTooManyRequests("later", 1),
	} {
		got := failed("the Secret", err)
		if utilnet.IsConnectionRefused(got) || apierrors.IsTooManyRequests(got) {
			t.Errorf("%s: the type of %v still shows", name, got)
		}
		if got == nil || !strings.Contains(got.Error(), "the Secret") || !strings.Contains(got.Error(), err.Error()) {
			t.Errorf("%s: %v does not say what failed, and why", name, got)
		}
	}
	forbidden := apierrors.NewUnauthorized("no")
	if got := failed("x", forbidden); !errors.Is(got, forbidden) {
		t.Errorf("%v was changed to %v", forbidden, got)
	}
	if got := failed("x", nil); got != nil {
		t.Errorf("no error became %v", got)
	}
}
