// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// trustBundle is a ClusterTrustBundle (KEP-3257), or what it was when it could last be read.
type trustBundle struct {
	signer string
	bundle trust.Bundle
}

// source is what is known of a [Source] that an object has named.
type source struct {
	goal    trust.Goal
	wanted  trust.Bundle // what the goal says; empty while nothing is known
	last    trust.Bundle // what its ClusterTrustBundles have had last
	leaving []leaving
	fault   timing.News
}

var errNoBundle = errors.New("there is no ClusterTrustBundle of the source that can be read: create one")

// leaving is a CA that its ClusterTrustBundles no longer have, and that stays for a while.
type leaving struct {
	ca    *x509.Certificate
	until time.Time
}

// followBundles keeps up with all ClusterTrustBundles. To make one takes a right of administrators, so that they are
// few; which of them matter is known later than they are.
func (k *Keeper) followBundles(ctx context.Context) {
	version := certificatesv1.SchemeGroupVersion
	read := sync.OnceFunc(func() { k.unread.Add(-1) })
	report := unwatched(ctx, "the ClusterTrustBundles (Kubernetes serves "+version.String()+" from 1.37 on)",
		"clustertrustbundles.certificates.k8s.io")
	follow.Run(ctx, follow.Options{
		Name: "clustertrustbundles", Resource: k.opts.Client.Resource(version.WithResource("clustertrustbundles")),
		Kind:  version.WithKind("ClusterTrustBundle"),
		Store: &bundles{k, read},
		Report: func(err error) {
			if apierrors.IsNotFound(err) {
				read() // There is none where they are not served.
			}
			report(err)
		},
	})
}

// bundles is what the watch of ClusterTrustBundles tells of them.
type bundles struct {
	keeper *Keeper
	read   func()
}

var _ cache.ReflectorStore = &bundles{}

// Add is called by the watch when one was created.
func (s *bundles) Add(obj any) error { return s.Update(obj) }

// Update is called by the watch when one was changed.
func (s *bundles) Update(obj any) error {
	k := s.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if live, ok := obj.(*unstructured.Unstructured); ok {
		before := k.bundles[live.GetName()]
		s.take(live)
		s.changed(live.GetName(), before)
	}
	return nil
}

// Delete is called by the watch when one was deleted.
func (s *bundles) Delete(obj any) error {
	k := s.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if gone, ok := obj.(*unstructured.Unstructured); ok {
		before := k.bundles[gone.GetName()]
		delete(k.bundles, gone.GetName())
		s.changed(gone.GetName(), before)
	}
	return nil
}

// Replace is called by the watch with all there is.
func (s *bundles) Replace(objs []any, _ string) error {
	k := s.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.bundles
	k.bundles, k.read = map[string]trustBundle{}, true
	for _, obj := range objs {
		if live, ok := obj.(*unstructured.Unstructured); ok {
			if old, found := before[live.GetName()]; found {
				k.bundles[live.GetName()] = old // In case it cannot be read.
			}
			s.take(live)
		}
	}
	for from := range k.sources {
		k.queue.Add(task{source: from})
	}
	s.read()
	return nil
}

// Resync is not needed: sources go by the state, not by events.
func (s *bundles) Resync() error { return nil }

// take takes what is live. What cannot be read, or is empty, is taken to be what it was.
func (s *bundles) take(live *unstructured.Unstructured) {
	signer, _, _ := unstructured.NestedString(live.Object, "spec", "signerName")
	text, _, _ := unstructured.NestedString(live.Object, "spec", "trustBundle")
	bundle, err := trust.ParseText([]byte(text))
	if err == nil && bundle.Empty() {
		err = errors.New("it has no certificate")
	}
	if err != nil {
		s.keeper.logger.Error(err, "Cannot read a ClusterTrustBundle, going by what it was", "name", live.GetName())
		return
	}
	s.keeper.bundles[live.GetName()] = trustBundle{signer, bundle}
}

// changed has the sources looked at that a ClusterTrustBundle is one of, or was.
func (s *bundles) changed(name string, before trustBundle) {
	k := s.keeper
	for from := range k.sources {
		if from.has(name, before) || from.has(name, k.bundles[name]) {
			k.queue.Add(task{source: from})
		}
	}
}

// sourceNamed is what is known of a source, from its first use on.
func (k *Keeper) sourceNamed(from Source) *source {
	s := k.sources[from]
	if s == nil {
		s = &source{}
		k.sources[from] = s
		k.refresh(from)
	}
	return s
}

// refresh takes what the ClusterTrustBundles of a source have for its goal, and has its objects compared if that is
// news. It returns after how long the next CA leaves, 0 if none does. A source without any bundle stays what it was.
func (k *Keeper) refresh(from Source) time.Duration {
	s := k.sources[from]
	if s == nil || !k.read || from == (Source{}) {
		return 0
	}
	var found trust.Bundle
	for name, b := range k.bundles {
		if from.has(name, b) {
			found = found.Union(b.bundle)
		}
	}
	if found.Empty() {
		if s.fault.Is(errNoBundle) {
			k.logger.Info("No CAs for the objects that name a source: their caBundles stay as they are, until there is a "+
				"ClusterTrustBundle", "source", from.String())
		}
		return 0
	}
	s.fault = timing.News{}
	k.want(from, trust.Policy{Bundle: found.Union(s.stay(found, k.opts.Overlap, time.Now())), Exact: true})
	return s.next(time.Now())
}

// want sets the goal of a source, with mu held, and has its objects compared if that is news.
func (k *Keeper) want(from Source, policy trust.Policy) {
	s := k.sources[from]
	s.wanted = policy.Bundle
	if !s.goal.Set(policy) {
		return
	}
	k.logger.Info("The CAs of a source are", "source", from.String(), "cas", s.wanted.Describe())
	for target, o := range k.objects {
		if o.source == from {
			k.queue.Add(task{target: target})
		}
	}
}

// stay returns what stays beside found: what left less than overlap ago. One that has expired verifies nothing.
func (s *source) stay(found trust.Bundle, overlap time.Duration, now time.Time) trust.Bundle {
	for _, ca := range s.last.Without(found).Certificates() {
		s.leaving = append(s.leaving, leaving{ca, now.Add(overlap)})
	}
	s.last = found
	var rest []leaving
	var staying []*x509.Certificate
	for _, l := range s.leaving {
		if now.Before(l.until) && !now.After(l.ca.NotAfter) && !found.Contains(l.ca) {
			rest, staying = append(rest, l), append(staying, l.ca)
		}
	}
	s.leaving = rest
	return trust.NewBundle(staying...)
}

// next is in how long the first of the CAs leaves, 0 if none does.
func (s *source) next(now time.Time) time.Duration {
	var first time.Duration
	for _, l := range s.leaving {
		if wait := max(l.until.Sub(now), 1); first == 0 || wait < first {
			first = wait
		}
	}
	return first
}
