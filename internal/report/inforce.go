// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// errWaits is why the entries are not in force when nothing has failed.
var errWaits = errors.New("they are as soon as the API server has been able to call a replica for some seconds")

// InForce tells whether the entries of the webhook configurations are in force. It is told by one goroutine, as often
// as that looks, and says what is news.
type InForce struct {
	reporter *Reporter
	told     bool // whether anything was told
	news     timing.News
}

// Begin says that nothing is known yet.
func (f *InForce) Begin() { f.reporter.metrics.inForce.Set(0) }

// Waits says that the entries are not in force yet, as it should be.
func (f *InForce) Waits(ctx context.Context) {
	f.reporter.metrics.inForce.Set(0)
	if !f.told {
		klog.FromContext(ctx).Info("Our webhook configuration is not in force: the API server asks about nothing yet",
			"reason", errWaits.Error())
	}
	f.told = true
}

// Failed says why the entries are not in force, or why that is not known.
func (f *InForce) Failed(ctx context.Context, err error) {
	f.reporter.metrics.inForce.Set(0)
	if f.told = true; f.news.Is(err) {
		klog.FromContext(ctx).Error(err, "Our webhook configuration is not in force: the API server asks about nothing")
		f.reporter.events.warning(eventNotInForce, "", "The API server asks about nothing: %v", err)
	}
}

// Entered says that the entries are in force. It is no news for a server that has found them so.
func (f *InForce) Entered(ctx context.Context) {
	f.reporter.metrics.inForce.Set(1)
	if f.told {
		klog.FromContext(ctx).Info("Our webhook configuration is in force: the API server asks from now on")
		f.reporter.events.over(eventNotInForce, "")
		f.reporter.events.normal(eventInForce, "The API server asks from now on: the entries are in force")
	}
	f.told = false
	f.news.Is(nil)
}
