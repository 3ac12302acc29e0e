// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/x509"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/clock"
)

// Kinds are those of [ParseTarget].
func Kinds() []Kind { return []Kind{Validating, Mutating, CRD, APIService} }

// GroupVersionKind is what the API calls an object of the kind.
func (k Kind) GroupVersionKind() schema.GroupVersionKind { return k.gvk() }

// Resource is where the API has the objects of the kind.
func (k Kind) Resource() schema.GroupVersionResource { return k.gvr() }

// Goal is what the caBundles of any number of objects have to be. The zero value says nothing yet, so that nothing is
// written. It may be used by many goroutines at once.
type Goal struct {
	goal   goal
	parsed parsedBundles
}

// Set sets it, and reports whether that is news. It remembers what it was: see [Policy.Exact].
func (g *Goal) Set(p Policy) (news bool) {
	p.parsed = &g.parsed
	return g.goal.setPolicy(p)
}

// ObjectOptions say which object to keep, and how. Hold and Admit may be nil.
type ObjectOptions struct {
	Target Target
	Goal   *Goal
	// Client needs the verb patch on the target.
	Client metadata.Interface
	// Observer is told of each write; its functions Foreign and Waived are not called.
	Observer Observer
	// Hold is how long another replica may be first to write the object of a UID.
	Hold func(types.UID) time.Duration
	// Admit waits until a write may begin; it fails when its context ends. The 15 s that a write may take begin then.
	Admit func(context.Context) error
	// Clock is for tests. nil means the real one.
	Clock clock.Clock
}

// Object keeps the caBundles of one object as an [Injector] does, in all entries that call a Service, whichever. It
// has no watch and no goroutine of its own: who has seen the object calls [Object.See], and then [Object.Step].
type Object struct{ worker *worker }

// NewObject makes no request.
func NewObject(o ObjectOptions) *Object {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Object{&worker{
		view:  &view{target: o.Target, changes: &broadcast{}, now: o.Clock.Now},
		patch: patchMetadata(o.Client, o.Target),
		scope: scope{target: o.Target, manager: DefaultFieldManager, any: true}, clock: o.Clock, observer: o.Observer,
		policy: o.Goal.goal.current, named: func() bool { return false }, called: map[string]string{},
		hold: o.Hold, admit: o.Admit,
	}}
}

// See takes what is live, which nothing may modify from then on; [Trim] makes it small before. It may be called at any
// time.
func (o *Object) See(live *unstructured.Unstructured) { o.worker.view.set(live) }

// Step compares what is live with the goal, and writes once if that is due. It returns after how long to call it again
// although nothing has been seen; 0 if there is no need. Calls must not overlap.
func (o *Object) Step(ctx context.Context) time.Duration { return o.worker.step(ctx) }

// Carries reports whether all entries that call a Service have a CA, as far as has been seen. Without such an entry
// they have.
func (o *Object) Carries(ca *x509.Certificate) bool {
	policy, _ := o.worker.policy()
	for _, entry := range o.worker.scope.slots(o.worker.view.get().live) {
		if have, _ := policy.parsed.parse(entry.bundle); !have.Contains(ca) {
			return false
		}
	}
	return true
}

// Err is why the last write failed, nil if it has not.
func (o *Object) Err() error { return o.worker.view.get().writeErr }
