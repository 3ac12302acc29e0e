// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/clock"
)

// DefaultFieldManager is the name under which all replicas write, so that they share what they own.
const DefaultFieldManager = "hookstrap"

// InjectorOptions say which caBundles to keep.
type InjectorOptions struct {
	// Client needs the verbs list, watch and patch on each target; resourceNames may be used.
	Client dynamic.Interface

	// Targets are the objects to keep. None is fine: then there is nothing to verify against either.
	Targets []Target

	// Service is the one in front of our pods. Only entries whose clientConfig.service is this one are touched, and
	// those that call one of the names of [Injector.SetNames].
	Service types.NamespacedName

	// Clock is for tests. nil means the real one.
	Clock clock.Clock

	// Observer is told of each write.
	Observer Observer
}

// Injector keeps the CA bundle right in all entries which call us, for as long as it runs. Its methods may
// be called by many goroutines at once.
type Injector struct {
	opts    InjectorOptions
	views   []*view // one for each target, in their order
	changes broadcast
	asking  sync.Mutex // held from asking a source until its policy is in force
	goal    goal
	parsed  parsedBundles // of Carries
}

// NewInjector checks the options. It makes no request.
func NewInjector(opts InjectorOptions) (*Injector, error) {
	if opts.Clock == nil {
		opts.Clock = clock.RealClock{}
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	i := &Injector{opts: opts}
	var seen []Target
	for _, t := range opts.Targets {
		if !slices.Contains(seen, t) {
			seen = append(seen, t)
			i.views = append(i.views, &view{target: t, changes: &i.changes, calls: i.scope(t).calls, now: opts.Clock.Now})
		}
	}
	return i, nil
}

func (o InjectorOptions) validate() error {
	if len(o.Targets) == 0 {
		return nil
	}
	if o.Client == nil {
		return errors.New("the caBundle injector has no client: set InjectorOptions.Client")
	}
	if o.Service.Name == "" || o.Service.Namespace == "" {
		return fmt.Errorf("the caBundle injector has no complete Service (got %q): set its name and namespace", o.Service)
	}
	for _, t := range o.Targets {
		if _, err := ParseTarget(t.String()); err != nil {
			return err
		}
	}
	return nil
}

// PolicySource says what the live bundles have to be. It may be asked by many goroutines.
type PolicySource interface {
	TrustPolicy() Policy
}

// TrustPolicy implements [PolicySource]: a policy that does not change.
func (p Policy) TrustPolicy() Policy { return p }

// Publish asks source what the live bundles have to be from now on, and wakes the workers if that is news. Call it
// again when the source has another answer. It does not wait; [Injector.WaitVerified] does. It may be called before
// Run. Answers are taken one at a time, so that an older one is not published after a newer one.
func (i *Injector) Publish(source PolicySource) {
	i.asking.Lock()
	defer i.asking.Unlock()
	if i.goal.setPolicy(source.TrustPolicy()) {
		i.announce()
	}
}

// announce wakes all workers, and who waits for trust: what the targets have to be has changed.
func (i *Injector) announce() {
	for _, v := range i.views {
		v.own.announce()
	}
	i.changes.announce()
}

func (i *Injector) scope(t Target) scope {
	return scope{target: t, service: i.opts.Service, manager: DefaultFieldManager, covers: i.goal.covers}
}
