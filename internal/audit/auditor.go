// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// DefaultPageSize is how many objects are read at once.
const DefaultPageSize = 500

// Options say what to judge, and by what.
type Options struct {
	// Config is the way to the API server. Its QPS and Burst bound the requests, one for each page: -1 for no limit, 0 for
	// client-go's default, 5 a second.
	Config *rest.Config
	// Configuration are the checks. Those that are off are not asked.
	Configuration config.Configuration
	// Only are the names of the checks to ask; empty stands for all that are on.
	Only []string
	// Cluster is where checks look up other objects, as [handler.Environment] has it. If it is nil, what they look up is
	// listed once when a run begins.
	Cluster client.Reader
	// Asked says which objects the server is asked about; the others are not judged, and kinds of which there are none are
	// not read. See [Entries].
	Asked asked.Asked
	// User is who would create the objects, for the exemptions. Pods are created by their controllers.
	User authenticationv1.UserInfo
	// PageSize is how many objects to read at once; 0 stands for [DefaultPageSize]. A page that is very long is read in
	// parts.
	PageSize int64
}

// Auditor judges what is in a cluster. Make one with [New]. It may be run again and again, but not at the same time.
type Auditor struct {
	options Options
	source  source
}

// New makes an Auditor, and sends no request. The error is that the configuration is not valid, or that a check in Only
// is not defined.
func New(o Options) (*Auditor, error) {
	source, err := newLive(o)
	if err != nil {
		return nil, err
	}
	return newAuditor(o, source)
}

func newAuditor(o Options, s source) (*Auditor, error) {
	var err error
	if o.Configuration, err = choose(o.Configuration, o.Only); err != nil {
		return nil, err
	}
	if err := o.Configuration.Validate(); err != nil {
		return nil, fmt.Errorf("the check configuration is not valid: %w", err)
	}
	return &Auditor{options: o, source: s}, nil
}

// choose leaves the checks on that are named.
func choose(c config.Configuration, only []string) (config.Configuration, error) {
	if len(only) == 0 {
		return c, nil
	}
	for _, name := range only {
		if c.Check(name) == nil {
			return c, fmt.Errorf("no check %q is defined", name)
		}
	}
	c.Checks = slices.Clone(c.Checks)
	for i := range c.Checks {
		if !slices.Contains(only, c.Checks[i].Definition.Name) {
			c.Checks[i].Mode = handler.Off
		}
	}
	return c, nil
}

// Run judges what there is, and yields a Result for each object that was read, with findings or without, workloads
// before their Pods. An error of the type [*PartError] comes without a Result: something could not be judged, and the
// rest still is. Any other error is the last: ctx has ended. Run keeps no object in memory, but names of controllers
// and what is wrong with them.
func (a *Auditor) Run(ctx context.Context) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		ctx, cancel := context.WithCancel(logcap.NewContext(ctx))
		defer cancel()
		r := &run{Auditor: a, ctx: ctx, yield: yield, owners: newOwners()}
		if err := r.all(); err != nil && !errors.Is(err, errStopped) {
			yield(Result{}, err)
		}
	}
}
