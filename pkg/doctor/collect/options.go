// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/pkg/doctor"
)

// Connect is how handshakes reach the Pods behind a Service.
type Connect string

// The ways to a Pod.
const (
	// PortForward goes through the API server, and takes the right to create pods/portforward.
	PortForward Connect = "port-forward"
	// Direct dials the Pod's address, which works in a Pod and on a node.
	Direct Connect = "direct"
	// None makes no handshakes with Pods or URLs.
	None Connect = "none"
)

// Options say what is gathered. Only Config is needed.
type Options struct {
	// Config is how to reach the API server.
	Config *rest.Config
	// Namespace leaves only entries that call a Service in it; empty leaves all.
	Namespace string
	// Objects leaves only the entries of these objects; none leaves all.
	Objects []doctor.Object
	// Connect is PortForward if it is empty.
	Connect Connect
	// PodsPerService bounds how many Pods of a Service are called; 0 is 5.
	PodsPerService int
	// Probe sends a dry run, or a request that reads, for each entry, and reads the API server's metrics and settings.
	Probe bool
	// Timeout is that of one handshake; 0 is 5 s.
	Timeout time.Duration
	// PageSize is how many objects are asked for at once; 0 is 500.
	PageSize int64
	// Progress is told what is being done; nil if it does not matter. It is called by one goroutine at a time.
	Progress func(what string)
	// Now is the clock; nil is the time of the system.
	Now func() time.Time
	// dial is for connections that do not go through the API server.
	dial dialFunc
}

func (o *Options) defaults() {
	if o.Connect == "" {
		o.Connect = PortForward
	}
	if o.PodsPerService == 0 {
		o.PodsPerService = 5
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.PageSize == 0 {
		o.PageSize = 500
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.dial == nil {
		o.dial = dialDirectly
	}
}

// wants says whether an entry is one of those that are asked for.
func (o *Options) wants(e *doctor.Entry) bool {
	if o.Namespace != "" && (e.ClientConfig.Service == nil || e.ClientConfig.Service.Namespace != o.Namespace) {
		return false
	}
	return len(o.Objects) == 0 || slices.Contains(o.Objects, e.Object)
}

// Cluster gathers the facts of a cluster. The error is that nothing could be gathered at all: the API server cannot be
// reached, or a Config is missing.
func Cluster(ctx context.Context, o Options) (*doctor.Facts, error) {
	o.defaults()
	g, err := newGathering(o)
	if err != nil {
		return nil, err
	}
	if err := g.entries(ctx); err != nil {
		return nil, err
	}
	readVersion(ctx, g)
	g.objects(ctx)
	g.secrets(ctx)
	mounting{g}.mounted(ctx)
	if o.Connect != None {
		dialing{g}.handshakes(ctx)
	}
	if o.Probe {
		probing{g, map[string]error{}}.probe(ctx)
	}
	return g.facts, ctx.Err()
}
