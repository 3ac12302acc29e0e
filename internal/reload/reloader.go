// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reload keeps the checks of a handler what a configuration file says, while it serves. New checks are used all
// at once, and not before everything that they read of the cluster can be read. A file that cannot be read or used
// changes nothing.
package reload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

const (
	// again is how often the file is read without a notification, and how often what failed is tried again.
	again = 15 * time.Second
	// syncTimeout is how long to wait for what checks read before it is a failure to tell; waiting then goes on.
	syncTimeout = 10 * time.Second
)

// Cluster is what checks read, such as a [github.com/hookstrap/hookstrap/internal/clustercache.Cache].
type Cluster interface {
	client.Reader
	// Add returns when objects of these types can be read.
	Add(ctx context.Context, types ...client.Object) error
	// Keep says which types are needed from now on.
	Keep(types ...client.Object)
}

// Options are what a Reloader works with.
type Options struct {
	// Path is the configuration file; empty if there is none, and First stays in use.
	Path string
	// Definitions are the checks that the file can ask for.
	Definitions []handler.Definition
	// First is the configuration to begin with: what Path held when it was read for the first time, or the default one.
	First config.Configuration
	// Handler is whose checks are set.
	Handler *handler.Handler
	// Cluster is what checks read.
	Cluster Cluster
	// Clean says in which namespaces checks deny; see [handler.Environment].
	Clean handler.Cleanliness
	// OnUse is told which configuration is in use from now on, the first one by [New]. It must not block for long. Nil
	// reports nothing.
	OnUse func(config.Configuration)
	// Watch calls changed whenever the file at path has changed, until ctx ends.
	Watch func(ctx context.Context, path string, changed func())
	// Registerer is where the metrics go; nil registers none.
	Registerer prometheus.Registerer
	// OnError is told when a configuration cannot be used, once for each reason in a row. It must not block for long.
	OnError func(ctx context.Context, err error)
	// OnRecovered is told when the file is in use again after OnError was told something, with the hash that the metrics
	// have of it; nil reports nothing. It must not block for long.
	OnRecovered func(ctx context.Context, hash string)
}

// Reloader keeps the checks of a handler what the file says. Make one with [New]. Its methods are safe for concurrent
// use; Run may be called once.
type Reloader struct {
	options Options
	metrics *metrics
	hash    string          // of the file in use
	reads   []client.Object // what it needs of the cluster
	told    timing.News     // the failure that was told last
	ready   atomic.Pointer[error]
	refused atomic.Pointer[error]
}

var (
	errNotSynced  = errors.New("what the checks read of the cluster has not been read yet")
	errSuperseded = errors.New("the file has changed once more")
)

// New sets the first checks. Those that read the cluster fail until [Reloader.Run] has made it readable: a server that
// does not know enough refuses. It sends no request.
func New(o Options) (*Reloader, error) {
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	r := &Reloader{options: o, metrics: m}
	entries, err := o.First.Build(r.environment())
	if err != nil {
		return nil, err
	}
	if err := o.Handler.SetChecks(entries...); err != nil {
		return nil, err
	}
	r.use(o.First)
	if len(o.First.Reads()) > 0 {
		r.ready.Store(&errNotSynced)
	}
	return r, nil
}

func (r *Reloader) environment() handler.Environment {
	return handler.Environment{Cluster: r.options.Cluster, Clean: r.options.Clean}
}

func (r *Reloader) use(c config.Configuration) {
	if r.options.OnUse != nil {
		r.options.OnUse(c)
	}
}

// Ready returns nil once the checks can read what they need, and from then on.
func (r *Reloader) Ready(context.Context) error {
	return ptr.Deref(r.ready.Load(), nil)
}

// Refused is why what the file says now is not in use, nil if it is in use: the last good configuration is until then.
func (r *Reloader) Refused() error {
	return ptr.Deref(r.refused.Load(), nil)
}

// Run follows the file until ctx ends, and then returns nil.
func (r *Reloader) Run(ctx context.Context) error {
	changes := timing.NewSignal()
	var watching sync.WaitGroup
	defer watching.Wait()
	if r.options.Path != "" {
		watching.Go(func() { r.options.Watch(ctx, r.options.Path, changes.Set) })
	}
	for ctx.Err() == nil {
		r.tell(ctx, r.reload(ctx, changes))
		_, _ = timing.SleepOr(ctx, again, changes) // The loop looks at ctx.
	}
	return nil
}

// tell reports a failure unless it was the last thing told, and that it is over.
func (r *Reloader) tell(ctx context.Context, err error) {
	switch {
	case err == nil:
		r.refused.Store(nil)
		if r.told.Any() && r.options.OnRecovered != nil {
			r.options.OnRecovered(ctx, r.hash)
		}
		r.told = timing.News{}
	case ctx.Err() != nil, errors.Is(err, errSuperseded):
	default:
		r.refused.Store(&err)
		r.metrics.failed()
		if r.told.Is(err) {
			r.options.OnError(ctx, err)
		}
	}
}

// reload brings what the file says now into use, unless it is already.
func (r *Reloader) reload(ctx context.Context, changes timing.Signal) error {
	c, hash, err := r.read()
	switch {
	case err != nil:
		return err
	case hash == r.hash:
		r.metrics.successful.Set(1)        // after a bad file, the good one is back
		r.options.Cluster.Keep(r.reads...) // and not what another needed that was never used
		return nil
	}
	reads := c.Reads()
	if err := r.sync(ctx, changes, reads); err != nil {
		return err
	}
	entries, err := c.Build(r.environment())
	if err != nil {
		return err
	}
	if err := r.options.Handler.SetChecks(entries...); err != nil {
		return err
	}
	r.options.Cluster.Keep(reads...)
	r.use(c)
	r.ready.Store(nil)
	r.hash, r.reads = hash, reads
	r.metrics.inUse(hash)
	if len(c.Warnings) > 0 {
		klog.FromContext(ctx).Info("The check configuration should be changed",
			"file", r.options.Path, "warnings", c.Warnings)
	}
	klog.FromContext(ctx).Info("Using the check configuration",
		"file", r.options.Path, "hash", hash, "checks", len(entries))
	return nil
}

// read returns the configuration as it is now, and what tells it from others.
func (r *Reloader) read() (config.Configuration, string, error) {
	if r.options.Path == "" {
		return r.options.First, "default", nil
	}
	data, err := os.ReadFile(r.options.Path)
	if err != nil {
		return config.Configuration{}, "", fmt.Errorf("reading the check configuration: %w", err)
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:6])
	if hash == r.hash {
		return config.Configuration{}, hash, nil
	}
	c, err := config.Parse(data, r.options.Definitions)
	if err != nil {
		return config.Configuration{}, "", fmt.Errorf("check configuration %s is not valid: %w", r.options.Path, err)
	}
	return c, hash, nil
}

// sync waits until what checks read can be read, but not when the file has changed during that time: then there is
// something better to do.
func (r *Reloader) sync(ctx context.Context, changes timing.Signal, reads []client.Object) error {
	if len(reads) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	var watching sync.WaitGroup
	defer watching.Wait()
	done := make(chan struct{})
	defer close(done)
	watching.Go(func() {
		select {
		case <-changes:
			changes.Set()
			cancel()
		case <-done:
		}
	})
	err := r.options.Cluster.Add(ctx, reads...)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return errSuperseded
	}
	return err
}
