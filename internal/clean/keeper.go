// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clean

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/tokenfile"
)

// DefaultInterval is how long after an audit the next one begins.
const DefaultInterval = 10 * time.Minute

const (
	// jitter is by which part of an interval an audit may be later, by chance: replicas that wait for the same time would
	// all audit at once, and only one result is used.
	jitter = 0.2
	// soon is how long an audit waits that is due: a replica that starts has other things to do first, and another one may
	// be faster.
	soon = 3 * time.Second
)

// Options are what a Keeper works with.
type Options struct {
	// Config is the way to the API server. It takes the rights get, list, watch and update for the ConfigMap, and create.
	Config *rest.Config
	// ConfigMap is where the state is kept.
	ConfigMap types.NamespacedName
	// Interval is how long after an audit the next one begins; 0 stands for [DefaultInterval].
	Interval time.Duration
	// OnBegan is told where a check denies since an audit of this replica. It must not block for long. Nil reports
	// nothing.
	OnBegan func(began Began)
	// Registerer is where the metrics go; nil registers none.
	Registerer prometheus.Registerer
}

// use is what [Keeper.Use] was given.
type use struct {
	policies []Policy
	audit    func(ctx context.Context) (Found, error)
}

// Keeper knows where checks deny. Make one with [New]. Its methods are safe for concurrent use; Run may be called once.
type Keeper struct {
	options Options
	client  dynamic.Interface
	store   store

	use        atomic.Pointer[use]
	ready      atomic.Bool
	changed    timing.Signal // what is known, or what it is for
	needed     chan struct{} // closed when there is a policy
	synced     chan struct{} // closed when the ConfigMap, or that there is none, is known
	needOnce   sync.Once
	syncedOnce sync.Once

	last     time.Time // when the last audit of this replica began
	failures timing.Backoff
	news     timing.News
	damaged  timing.News
}

// New makes a Keeper that knows nothing and sends no request. It fails if the Config is none, or the metrics cannot be
// registered.
func New(o Options) (*Keeper, error) {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	client, err := newClient(o.Config)
	if err != nil {
		return nil, err
	}
	k := &Keeper{
		options: o, client: client, changed: timing.NewSignal(), needed: make(chan struct{}), synced: make(chan struct{}),
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(&collector{k}); err != nil {
			return nil, fmt.Errorf("registering the metrics of the mode denyWhenClean (one Keeper a registry): %w", err)
		}
	}
	return k, nil
}

func newClient(cfg *rest.Config) (dynamic.Interface, error) {
	cfg = rest.CopyConfig(cfg)
	refusal.Watch(cfg, nil) // It looks at the token that was sent, so that it is below what sends it.
	tokenfile.Reread(cfg)
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making the client for the API server %s: %w", cfg.Host, err)
	}
	return client, nil
}

// Clean says whether a use of a check denies in a namespace, "" for objects that are in none. A [Keeper] is a
// handler.Cleanliness.
func (k *Keeper) Clean(check, digest, namespace string) bool {
	return k.store.clean(Policy{check, digest}, namespace)
}

// Use says which uses of checks there are from now on, and what audits with them; it is called by one goroutine.
// Without any, no request is sent.
func (k *Keeper) Use(policies []Policy, audit func(ctx context.Context) (Found, error)) {
	k.use.Store(&use{slices.Clone(policies), audit})
	if len(policies) > 0 {
		k.needOnce.Do(func() { close(k.needed) })
	}
	k.changed.Set()
}

func (k *Keeper) used() []Policy {
	if u := k.use.Load(); u != nil {
		return u.policies
	}
	return nil
}

var errNotRead = errors.New("in which namespaces checks deny has not been read yet")

// Ready returns nil once what is known has been read, or if no check needs it, and from then on. A server that was
// called before would warn where it has to deny.
func (k *Keeper) Ready(context.Context) error {
	select {
	case <-k.synced:
		k.ready.Store(true)
	default:
		if len(k.used()) == 0 {
			k.ready.Store(true)
		}
	}
	if k.ready.Load() {
		return nil
	}
	return fmt.Errorf("%w: it is in the ConfigMap %s", errNotRead, k.options.ConfigMap)
}

// Run follows the ConfigMap and audits until ctx ends, and then returns nil. It begins when there is something to know.
func (k *Keeper) Run(ctx context.Context) error {
	select {
	case <-k.needed:
	case <-ctx.Done():
		return nil
	}
	ctx = logcap.NewContext(klog.NewContext(ctx, klog.FromContext(ctx).WithName("clean")))
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() { k.follow(ctx) })
	select {
	case <-k.synced:
	case <-ctx.Done():
		return nil
	}
	for ctx.Err() == nil {
		var delay time.Duration
		if k.isDue(time.Now()) {
			delay = k.attempt(ctx)
		}
		k.await(ctx, delay)
	}
	return nil
}

// await returns when it is time to look again: after a delay that has to be waited for, when an audit is due, or when
// something has changed.
func (k *Keeper) await(ctx context.Context, delay time.Duration) {
	if timing.Sleep(ctx, delay) != nil {
		return
	}
	next := k.options.Interval
	if due := k.due(); !due.IsZero() {
		next = min(max(time.Until(due), 0), next)
	}
	if _, err := timing.SleepOr(ctx, wait.Jitter(next, jitter), k.changed); err != nil {
		return
	}
}

// due is when the next audit begins; zero if none does. A ConfigMap that is damaged again and again does not bring one
// audit after the other.
func (k *Keeper) due() time.Time {
	stored, _ := k.store.inConfigMap()
	var first time.Time
	for _, policy := range k.used() {
		at := stored[policy].Audited.Add(k.options.Interval)
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if again := k.last.Add(k.options.Interval / 10); !first.IsZero() && first.Before(again) {
		return again
	}
	return first
}

// isDue says whether an audit is, also after a clock that was ahead wrote when the last one was.
func (k *Keeper) isDue(now time.Time) bool {
	due := k.due()
	return !due.IsZero() && (!now.Before(due) || due.Sub(now) > 2*k.options.Interval)
}

// attempt waits a moment for another replica to do it, then audits, and returns how long to do nothing after a failure.
func (k *Keeper) attempt(ctx context.Context) time.Duration {
	if timing.Sleep(ctx, wait.Jitter(min(soon, k.options.Interval/10), 1)) != nil || !k.isDue(time.Now()) {
		return 0
	}
	began := time.Now()
	err := k.audit(ctx)
	switch {
	case err == nil:
		if k.news.Any() {
			klog.FromContext(ctx).Info("Audited again", "configMap", k.options.ConfigMap)
		}
		_ = k.news.Is(nil)
		k.failures.Reset()
		return 0
	case ctx.Err() != nil:
		return 0
	case k.news.Is(err):
		klog.FromContext(ctx).Error(err, "Cannot audit for the mode denyWhenClean; checks deny where they did before",
			"configMap", k.options.ConfigMap)
	}
	// It lists whole clusters, and may have failed because that was too much: half of the time at least it does nothing.
	return max(k.failures.After(err), time.Since(began))
}

// follow reads the ConfigMap whenever it changes.
func (k *Keeper) follow(ctx context.Context) {
	once := timing.Once(func(err error) {
		klog.FromContext(ctx).Error(err, "Cannot read where checks in mode denyWhenClean deny; what was read last counts",
			"configMap", k.options.ConfigMap, "advice", k.options.advice(err, "list, watch"))
	})
	follow.Run(ctx, follow.Options{
		Name: k.options.ConfigMap.String(), Resource: k.options.configMaps(k.client),
		Selector: follow.ByName(k.options.ConfigMap.Name),
		Kind:     configMapKind(), Report: once,
		Store: &follow.Objects{Changed: func(objects []*unstructured.Unstructured) { k.see(ctx, objects) }},
	})
}

// see takes over what the ConfigMap says. One that is missing or damaged is written again by the next audit.
func (k *Keeper) see(ctx context.Context, objects []*unstructured.Unstructured) {
	logger := klog.FromContext(ctx).WithValues("configMap", k.options.ConfigMap)
	var stored State
	var err error
	for _, object := range objects {
		stored, err = parse(object)
	}
	if k.damaged.Is(err) {
		logger.Error(err, "The ConfigMap is damaged; what was read last counts, and the next audit replaces it")
	}
	if _, existed := k.store.inConfigMap(); existed && len(objects) == 0 {
		logger.Info("The ConfigMap was deleted; what was read last counts, and the next audit writes it again")
	}
	k.store.read(stored, len(objects) > 0)
	k.syncedOnce.Do(func() { close(k.synced) })
	k.changed.Set()
}
