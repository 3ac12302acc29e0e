// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/trust"
)

const (
	// DefaultOverlap is longer than a kubelet takes to hand a changed ClusterTrustBundle to its Pods, which is 5 minutes.
	DefaultOverlap = 10 * time.Minute
	// DefaultWritesPerSecond lets 1,000 objects be filled in 2 s.
	DefaultWritesPerSecond = 500

	// writers are how many writes are on their way at a time. More do not make the API server faster.
	writers = 8
	// turnDelay is longer than a write takes and another replica's watch is behind, also when there is much to write.
	turnDelay = 2 * time.Second
)

// Options say how caBundles are kept.
type Options struct {
	// Client needs the verbs list and watch on the kinds of [trust.Kinds], and on clustertrustbundles.
	Client dynamic.Interface
	// Metadata needs the verb patch on the kinds. It should have no rate limit of its own: WritesPerSecond is one.
	Metadata metadata.Interface
	// Kubernetes, unless nil, reads webhook configurations in its place. It is to be one for protobuf.
	Kubernetes kubernetes.Interface
	// Overlap is how long a CA stays in the caBundles after it has left its ClusterTrustBundle. 0 is not at all.
	Overlap time.Duration
	// WritesPerSecond bounds the writes of this process. The default is [DefaultWritesPerSecond].
	WritesPerSecond float32
	// Rank is how many replicas write the object of a UID before this one does; nil is none. See [Replicas.Rank].
	Rank func(types.UID) int
	// Registerer takes the metrics; nil is for none.
	Registerer prometheus.Registerer
}

// Keeper keeps the caBundles of all objects that opt in. Its methods may be called by many goroutines at once.
type Keeper struct {
	opts    Options
	limiter flowcontrol.RateLimiter
	queue   workqueue.TypedDelayingInterface[task]
	metrics *metrics
	unread  atomic.Int64 // watches that have not answered yet

	mu      sync.Mutex
	objects map[trust.Target]*object
	sources map[Source]*source
	bundles map[string]trustBundle // the ClusterTrustBundles by name
	read    bool                   // whether the API server has said which ClusterTrustBundles there are
	logger  klog.Logger            // of Run
}

// task is what has to be looked at: an object, or else a source.
type task struct {
	target trust.Target
	source Source
}

// New checks the options. It makes no request.
func New(o Options) (*Keeper, error) {
	if o.Client == nil || o.Metadata == nil {
		return nil, errors.New("the keeper of caBundles has no client: set Options.Client and Options.Metadata")
	}
	if o.Overlap < 0 || o.WritesPerSecond < 0 {
		return nil, errors.New("the keeper of caBundles has a negative overlap or rate: set none, or one above 0")
	}
	if o.WritesPerSecond == 0 {
		o.WritesPerSecond = DefaultWritesPerSecond
	}
	if o.Rank == nil {
		o.Rank = func(types.UID) int { return 0 }
	}
	k := &Keeper{
		opts: o, limiter: flowcontrol.NewTokenBucketRateLimiter(o.WritesPerSecond, writers),
		queue:   workqueue.NewTypedDelayingQueue[task](),
		objects: map[trust.Target]*object{}, sources: map[Source]*source{}, bundles: map[string]trustBundle{},
		logger: klog.Background().WithName("keeper"),
	}
	k.unread.Store(int64(len(trust.Kinds()) + 1))
	k.metrics = newMetrics(k.count)
	if o.Registerer != nil {
		if err := o.Registerer.Register(k.metrics); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Synced returns nil once the API server has said what there is, and an error until then. Objects without a bundle do
// not count: they are not ours to mend.
func (k *Keeper) Synced() error {
	if k.unread.Load() > 0 {
		return errors.New("the objects that opt in, or the ClusterTrustBundles, have not all been read yet: the log says why")
	}
	return nil
}

// Run watches and writes until ctx ends, and then returns nil. What fails is tried again. Call it once.
func (k *Keeper) Run(ctx context.Context) error {
	ctx = logcap.NewContext(klog.NewContext(ctx, klog.FromContext(ctx).WithName("keeper")))
	k.mu.Lock()
	k.logger = klog.FromContext(ctx)
	k.mu.Unlock()
	var running sync.WaitGroup
	for _, kind := range trust.Kinds() {
		running.Go(func() { k.followObjects(ctx, kind) })
	}
	running.Go(func() { k.followBundles(ctx) })
	for range writers {
		running.Go(func() { k.work(ctx) })
	}
	<-ctx.Done()
	k.queue.ShutDown()
	running.Wait()
	return nil
}

// work does tasks until the queue is shut down.
func (k *Keeper) work(ctx context.Context) {
	for {
		next, ended := k.queue.Get()
		if ended {
			return
		}
		if wait := k.do(ctx, next); wait > 0 {
			k.queue.AddAfter(next, wait)
		}
		k.queue.Done(next)
	}
}

// do returns after how long the task has to be done again; 0 if a change will ask for it.
func (k *Keeper) do(ctx context.Context, t task) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	k.mu.Lock()
	if t.target == (trust.Target{}) {
		defer k.mu.Unlock()
		return k.refresh(t.source)
	}
	var kept *trust.Object
	if o := k.objects[t.target]; o != nil {
		kept = o.kept
	}
	k.mu.Unlock()
	if kept == nil {
		return 0
	}
	return kept.Step(ctx)
}
