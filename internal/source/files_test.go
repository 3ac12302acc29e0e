// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/rollover"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// TestFilesAreTriedAgain: a pair from the future is refused, and served by itself once its time has come.
func TestFilesAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := ktesting.NewLogger(t, ktesting.NewConfig())
		ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logger))
		defer cancel()
		s := NewFiles(newOptions(t, nil))
		begins := time.Now().Add(10 * time.Minute)
		pair := pairs.Lasting(t, begins, begins.Add(time.Hour), []string{selfName})
		policy := trust.Policy{Bundle: trust.NewBundle(pair.Leaf())} // It is its own CA.
		stop := s.rolling(ctx, rollover.Issued{Pair: pair, Policy: policy})
		defer stop()
		<-time.After(time.Minute)
		synctest.Wait()
		if s.State.Leaf() != nil {
			t.Fatal("it is served although no client takes it yet")
		}
		<-time.After(20 * time.Minute)
		synctest.Wait()
		if s.State.Leaf() == nil {
			t.Error("it is not served although its time has come")
		}
	})
}
