// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// TestFilesAreTriedAgain: a pair from the future is refused, and served by itself once its time has come.
func TestFilesAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := ktesting.NewLogger(t, ktesting.NewConfig())
		ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), logger))
		defer cancel()
		b, err := New(Options{RESTConfig: &rest.Config{Host: "https://127.0.0.1:1"}, Source: SourceFiles,
			CertDir: t.TempDir(), ExternalTrust: true, Environment: Environment{Service: "web", Namespace: "shop"}})
		check(t, err)
		begins := time.Now().Add(10 * time.Minute)
		pair := storedPair(t, begins, begins.Add(time.Hour), []string{"web.shop.svc"})
		policy := trust.Policy{Bundle: trust.NewBundle(pair.Leaf())} // It is its own CA.
		s := &filesSource{Bootstrapper: b}
		stop := s.adopting(ctx, candidate{pair: pair, policy: func() trust.Policy { return policy }})
		defer stop()
		<-time.After(time.Minute)
		synctest.Wait()
		if b.Leaf() != nil {
			t.Fatal("it is served although no client takes it yet")
		}
		<-time.After(20 * time.Minute)
		synctest.Wait()
		if b.Leaf() == nil {
			t.Error("it is not served although its time has come")
		}
	})
}
