// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"sync"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// filesSource serves what somebody else writes into CertDir.
type filesSource struct {
	*Bootstrapper
	// ca is what --ca-file held when it could last be read.
	ca lastGood
}

// runFiles serves what somebody else writes into CertDir, until ctx ends.
func (b *Bootstrapper) runFiles(ctx context.Context) error {
	s := &filesSource{Bootstrapper: b}
	watcher, err := serving.NewWatcher(serving.WatcherOptions{
		Dir:     b.options.CertDir,
		OnError: func(err error) { s.rejected(ctx, err) },
		OnGood:  func() { s.report.Files.Over(ctx, report.FilesCertificate) },
	})
	if err != nil {
		return err
	}
	pairs := make(chan *serving.Pair)
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { s.adoptEach(ctx, pairs) })
	if path := b.options.CAFile; path != "" {
		running.Go(func() { serving.WatchFile(ctx, path, b.wake) })
	}
	return watcher.Run(ctx, func(ctx context.Context, pair *serving.Pair) {
		select {
		case pairs <- pair:
		case <-ctx.Done():
		}
	})
}

// adoptEach adopts the latest pair, again when the CA file changes. What has not been adopted by then, because its
// trust is waited for, is given up for that.
func (s *filesSource) adoptEach(ctx context.Context, pairs <-chan *serving.Pair) {
	stop := func() {}
	var latest *serving.Pair
	for ctx.Err() == nil {
		select {
		case latest = <-pairs:
		case <-s.changed:
		case <-ctx.Done():
		}
		stop()
		if latest != nil && ctx.Err() == nil {
			stop = s.adopting(ctx, s.fromFiles(ctx, latest))
		}
	}
}

// adopting adopts in the background; stop returns when that has ended, one way or the other.
func (s *filesSource) adopting(ctx context.Context, next candidate) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		var failures timing.Backoff // What is refused now may do later: a clock that is behind comes right.
		for err := s.adopt(ctx, next); err != nil && ctx.Err() == nil; err = s.adopt(ctx, next) {
			s.rejected(ctx, err)
			if timing.Sleep(ctx, failures.After(err)) != nil {
				return
			}
		}
		if ctx.Err() == nil {
			s.report.Files.Over(ctx, report.FilesCertificate)
		}
	})
	return func() { cancel(); running.Wait() }
}

func (s *filesSource) rejected(ctx context.Context, err error) {
	s.report.Files.Failed(report.FilesCertificate, err)
	klog.FromContext(ctx).Error(err, "Keeping the last good certificate", "directory", s.options.CertDir)
}

// fromFiles decides which CA to publish: ca.crt, else --ca-file. With neither, somebody else (cert-manager's
// cainjector, for instance) keeps the caBundle, and it is only waited for.
func (s *filesSource) fromFiles(ctx context.Context, pair *serving.Pair) candidate {
	s.answerToLeaf(pair.Leaf())
	bundle := trust.NewBundle(pair.CAs()...)
	if bundle.Empty() && s.options.CAFile != "" {
		read, err := readBundle(s.options.CAFile)
		// What cannot be read and never could is as if it were not there.
		bundle, _ = s.ca.keep(read, err, func(err error) { s.complain(ctx, string(signer.SourceFile), err) })
	}
	if bundle.Empty() {
		return candidate{pair: pair}
	}
	return candidate{pair: pair, policy: func() trust.Policy { return trust.Policy{Bundle: bundle} }}
}
