// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"sync"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/rollover"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Files serves what something else writes into CertDir.
type Files struct {
	Options
	cas *finder
}

// NewFiles returns a source that has read nothing yet.
func NewFiles(o Options) *Files { return &Files{Options: o, cas: newFinder(o, nil)} }

var errNoCA = errors.New("there is no ca.crt beside the certificate to verify it with: add a clusterTrustBundle " +
	"source with the path ca.crt, for the same signer, to the projected volume")

// Run serves the files until ctx ends.
func (s *Files) Run(ctx context.Context) error {
	follower := serving.FollowPair(s.CertDir, serving.FollowOptions{
		OnError: func(err error) { s.rejected(ctx, err) },
		OnGood:  func() { s.Report.Files.Over(ctx, report.FilesCertificate) },
	})
	pairs := make(chan *serving.Pair)
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { s.rollEach(ctx, pairs) })
	if path := s.CAFile; path != "" {
		running.Go(func() { serving.WatchFile(ctx, path, s.Changed.Set) })
	}
	return follower.Run(ctx, func(ctx context.Context, pair *serving.Pair) {
		if s.NeedCA && s.CAFile == "" && len(pair.CAs()) == 0 {
			s.rejected(ctx, errNoCA)
			return
		}
		select {
		case pairs <- pair:
		case <-ctx.Done():
		}
	})
}

// rollEach rolls over the latest pair, again when the CA file changes. What has not been rolled over by then, because
// its trust is waited for, is given up for that.
func (s *Files) rollEach(ctx context.Context, pairs <-chan *serving.Pair) {
	stop := func() {}
	var latest *serving.Pair
	for ctx.Err() == nil {
		select {
		case latest = <-pairs:
		case <-s.Changed:
		case <-ctx.Done():
		}
		stop()
		if latest != nil && ctx.Err() == nil {
			stop = s.rolling(ctx, s.fromFiles(ctx, latest))
		}
	}
}

// rolling rolls over in the background; stop returns when that has ended, one way or the other.
func (s *Files) rolling(ctx context.Context, next rollover.Issued) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		var failures timing.Backoff // What is refused now may do later: a clock that is behind comes right.
		for err := s.Roll(ctx, next); err != nil && ctx.Err() == nil; err = s.Roll(ctx, next) {
			s.rejected(ctx, err)
			if timing.Sleep(ctx, failures.After(err)) != nil {
				return
			}
		}
		if ctx.Err() == nil {
			s.Report.Files.Over(ctx, report.FilesCertificate)
		}
	})
	return func() { cancel(); running.Wait() }
}

func (s *Files) rejected(ctx context.Context, err error) {
	s.Report.Files.Failed(report.FilesCertificate, err)
	klog.FromContext(ctx).Error(err, "The certificate in the files is not used, the last good one stays, if there is one",
		"directory", s.CertDir)
}

// fromFiles decides which CA to publish: ca.crt, else --ca-file. With neither, somebody else (cert-manager's
// cainjector, for instance) keeps the caBundle, and it is only waited for.
func (s *Files) fromFiles(ctx context.Context, pair *serving.Pair) rollover.Issued {
	leaf := pair.Leaf()
	answerTo(s.Injector, leaf.DNSNames, leaf.IPAddresses)
	bundle := trust.NewBundle(pair.CAs()...)
	if bundle.Empty() { // What cannot be read and never could is as if it were not there.
		bundle, _ = s.cas.latest(ctx, signer.SourceFile, nil)
	}
	if bundle.Empty() {
		return rollover.Issued{Pair: pair}
	}
	return rollover.Issued{Pair: pair, Policy: trust.Policy{Bundle: bundle}}
}
