// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/internal/clustercache"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/tokenfile"
)

// live reads a cluster by its API server.
type live struct {
	config    *rest.Config
	client    rest.Interface
	discovery discovery.DiscoveryInterface
	asked     asked.Asked
	pageSize  int64
}

func newLive(o Options) (*live, error) {
	if o.Config == nil {
		return nil, errors.New("no API server is known: set Options.Config")
	}
	cfg := rest.CopyConfig(o.Config)
	refusal.Watch(cfg, nil)
	tokenfile.Reread(cfg)
	cfg.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	return &live{
		config: o.Config, client: client, discovery: discovery.NewDiscoveryClient(client), asked: o.Asked,
		pageSize: cmp.Or(o.PageSize, DefaultPageSize),
	}, nil
}

// kinds implements [source].
func (l *live) kinds(context.Context) ([]kind, error) {
	groups, lists, err := l.discovery.ServerGroupsAndResources()
	preferred := map[string]string{}
	for _, group := range groups {
		preferred[group.Name] = group.PreferredVersion.Version
	}
	best := map[schema.GroupResource]kind{}
	var order []schema.GroupResource
	for _, list := range lists {
		version, wrong := schema.ParseGroupVersion(list.GroupVersion)
		if wrong != nil {
			continue // No API server can be asked for it.
		}
		for _, resource := range list.APIResources {
			if strings.Contains(resource.Name, "/") || !slices.Contains(resource.Verbs, "list") {
				continue
			}
			next := kind{version.WithKind(resource.Kind), version.WithResource(resource.Name), resource.Namespaced}
			name := next.resource.GroupResource()
			known, isKnown := best[name]
			if !isKnown {
				order = append(order, name)
			}
			if !isKnown || l.rate(next, preferred) > l.rate(known, preferred) {
				best[name] = next
			}
		}
	}
	all := make([]kind, 0, len(order))
	for _, name := range order {
		all = append(all, best[name])
	}
	return all, l.unknown(err)
}

// unknown is the error about groups whose resources could not be found out, as far as the rules name them. Without
// groups, nothing could be.
func (l *live) unknown(err error) error {
	groups, isPart := discovery.GroupDiscoveryFailedErrorGroups(err)
	if !isPart {
		return err
	}
	maps.DeleteFunc(groups, func(version schema.GroupVersion, _ error) bool { return !l.asked.NamesGroup(version.Group) })
	if len(groups) == 0 {
		return nil
	}
	return &discovery.ErrGroupDiscoveryFailed{Groups: groups}
}

// lookups implements [source].
func (l *live) lookups(ctx context.Context) (lookups, error) {
	return clustercache.NewWithOptions(ctx, l.config, clustercache.Options{Once: true})
}

// rate prefers the versions that the rules name: the API server converts objects to them for the webhook.
func (l *live) rate(k kind, preferred map[string]string) int {
	rate := 0
	if l.asked.Names(k.resource) {
		rate += 2
	}
	if preferred[k.resource.Group] == k.resource.Version {
		rate++
	}
	return rate
}

// path is where the objects of a kind are listed, in all namespaces.
func (k kind) path() string {
	if k.resource.Group == "" {
		return "/api/" + k.resource.Version + "/" + k.resource.Resource
	}
	return "/apis/" + k.resource.Group + "/" + k.resource.Version + "/" + k.resource.Resource
}
