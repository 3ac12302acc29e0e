// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// TestAPairWithoutACAIsNotServed where the CA has to come along, and is once it does.
func TestAPairWithoutACAIsNotServed(t *testing.T) {
	o := newOptions(t, nil)
	o.CertDir, o.NeedCA = t.TempDir(), true
	pair := pairs.SelfSigned(t, selfName)
	key, err := pair.KeyPEM()
	check(t, err)
	check(t, os.WriteFile(filepath.Join(o.CertDir, "credentialbundle.pem"), slices.Concat(key, pair.CertPEM()), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = NewFiles(o).Run(ctx) }) // It has no failure.
	await(t, func() error {
		if note := o.Report.Files.Note(); !strings.Contains(note, "clusterTrustBundle source") {
			return fmt.Errorf("it is said that %q, want that there is no CA", note)
		}
		return nil
	})
	if o.State.Leaf() != nil {
		t.Error("it is served although nothing verifies it")
	}
	check(t, os.WriteFile(filepath.Join(o.CertDir, "ca.crt"), pair.CertPEM(), 0o600))
	await(t, func() error {
		if note := o.Report.Files.Note(); o.State.Leaf() == nil || note != "" {
			return fmt.Errorf("with a CA it is not served, and it is said that %q", note)
		}
		return nil
	})
}
