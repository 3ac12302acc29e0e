// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/serving"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/trust"
)

// runFiles serves what somebody else writes into CertDir, until ctx ends.
func (b *Bootstrapper) runFiles(ctx context.Context) error {
	watcher, err := serving.NewWatcher(serving.WatcherOptions{
		Dir: b.options.CertDir,
		OnError: func(err error) {
			b.reloadFailed(reloadCertificate, err)
			klog.FromContext(ctx).Error(err, "Keeping the last good certificate", "directory", b.options.CertDir)
		},
	})
	if err != nil {
		return err
	}
	return watcher.Run(ctx, func(ctx context.Context, pair *serving.Pair) {
		if err := b.adopt(ctx, b.fromFiles(pair)); err != nil && ctx.Err() == nil {
			b.reloadFailed(reloadCertificate, err)
			klog.FromContext(ctx).Error(err, "Keeping the last good certificate", "directory", b.options.CertDir)
		}
	})
}

// readCAFile reads --ca-file again, and reports that it cannot be used.
func (b *Bootstrapper) readCAFile() (trust.Bundle, error) {
	bundle, err := readBundle(b.options.CAFile)
	if err != nil {
		err = fmt.Errorf("reading the CA file: %w", err)
		b.reloadFailed(reloadCA, err)
	}
	return bundle, err
}

// fromFiles decides which CA to publish: ca.crt, else --ca-file. With neither, somebody else (cert-manager's
// cainjector, for instance) keeps the caBundle, and it is only waited for.
func (b *Bootstrapper) fromFiles(pair *serving.Pair) candidate {
	bundle := trust.NewBundle(pair.CAs()...)
	if bundle.Empty() && b.options.CAFile != "" {
		if fromFile, err := b.readCAFile(); err == nil {
			bundle = fromFile
		} // else it is reported, and whoever keeps the caBundle is waited for
	}
	if bundle.Empty() {
		return candidate{pair: pair}
	}
	return candidate{pair: pair, policy: func() trust.Policy { return trust.Policy{Bundle: bundle} }}
}
