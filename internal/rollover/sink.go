// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package rollover

import (
	"context"

	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/retry"
	"github.com/hookstrap/hookstrap/internal/serving"
)

// Sink is where the server gets its certificate from.
type Sink interface {
	// Deliver makes pair the one of every new handshake. It fails only when ctx ends.
	Deliver(ctx context.Context, pair *serving.Pair) error
	// Keep stores pair for the next process, after it is served. It may fail: that costs a request at the next start.
	Keep(ctx context.Context, pair *serving.Pair)
}

// Memory is the sink of a server in this process.
type Memory struct {
	State *serving.State
	// Directory keeps pairs across restarts; nil keeps none.
	Directory *serving.Directory
	// SignerName is noted beside the pair.
	SignerName string
	Report     *report.Reporter
}

// Deliver implements [Sink].
func (m Memory) Deliver(_ context.Context, pair *serving.Pair) error {
	m.State.Set(pair)
	return nil
}

// Keep implements [Sink].
func (m Memory) Keep(ctx context.Context, pair *serving.Pair) {
	if m.Directory == nil {
		return
	}
	if err := m.Directory.Save(pair, m.SignerName); err != nil {
		m.Report.Counted(report.TaskStore, err)
		klog.FromContext(ctx).Error(err, "The key pair is served but not stored", "directory", m.Directory.Path())
	}
}

// Files is the sink of a sidecar: a server in another container reads the files in a directory. A write is tried until
// it succeeds, because a certificate that is not there is not served.
type Files struct {
	State      *serving.State
	Directory  *serving.Directory
	SignerName string
	Retry      retry.Policy
}

// Deliver implements [Sink].
func (f Files) Deliver(ctx context.Context, pair *serving.Pair) error {
	_, err := retry.Do(ctx, f.Retry, report.TaskStore, func(context.Context) (struct{}, error) {
		return struct{}{}, f.Directory.Save(pair, f.SignerName)
	})
	if err == nil {
		f.State.Set(pair)
	}
	return err
}

// Keep implements [Sink]: the files are written already.
func (f Files) Keep(context.Context, *serving.Pair) {}
