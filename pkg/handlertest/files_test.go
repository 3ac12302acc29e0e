// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handlertest_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

// The same files are given to an API server in a test of test/e2e, TestMutations.
func TestExpectFiles(t *testing.T) {
	c, err := config.Load("testdata/config/checks.yaml", slices.Concat(check.Definitions(), mutation.Definitions()))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := c.Build(handler.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	handlertest.ExpectFiles(t, "testdata", handlertest.Alone(h))
}

// handlerOf has one check, with the violation that it finds in a Pod.
func handlerOf(t *testing.T, find func(pod *corev1.Pod) string) *handler.Handler {
	t.Helper()
	one := handler.CheckFor("one", func(_ context.Context, _ *handler.Request, pod *corev1.Pod) []handler.Violation {
		return []handler.Violation{{Message: find(pod)}}
	})
	h, err := handler.New(handler.Options{Entries: []handler.Entry{{Check: one}}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWithin(t *testing.T) {
	slow := handlerOf(t, func(*corev1.Pod) string {
		<-time.After(2 * time.Millisecond)
		return "slow"
	})
	for budget, want := range map[time.Duration]string{time.Millisecond: "more than 1ms", time.Hour: ""} {
		r := &recorder{TB: t}
		handlertest.Within(r, slow, budget, barePod)
		if said := strings.Join(r.said, "\n"); want == "" && said != "" || !strings.Contains(said, want) {
			t.Errorf("within %v: got %q, want %q", budget, said, want)
		}
	}
}
