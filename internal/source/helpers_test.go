// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/x509"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/rollover"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

const selfName = "web.shop.svc"

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls for as long as a slow machine takes.
func await(t *testing.T, cond func() error) {
	t.Helper()
	timeout, tick := time.After(30*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil {
			return
		}
		select {
		case <-timeout:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// trustAll is an injector without targets, which has nothing to object to.
type trustAll struct{}

func (trustAll) SetNames([]string)                                               {}
func (trustAll) Carries(*x509.Certificate) error                                 { return nil }
func (trustAll) WaitCarried(context.Context, *x509.Certificate) error            { return nil }
func (trustAll) Publish(s trust.PolicySource)                                    { s.TrustPolicy() }
func (trustAll) Verify([]*x509.Certificate, string, time.Time) error             { return nil }
func (trustAll) WaitVerified(context.Context, []*x509.Certificate, string) error { return nil }

// newOptions are of the Service web in the namespace shop, with a rollover to memory.
func newOptions(t *testing.T, registry *prometheus.Registry) Options {
	t.Helper()
	o := report.Options{Trusted: func() error { return nil }}
	if registry != nil {
		o.Registerer = registry
	}
	r, err := report.New(o)
	check(t, err)
	state := &serving.State{}
	rolled := rollover.New(rollover.Options{ServerName: selfName, Trust: trustAll{}, State: state, Report: r,
		Sink: rollover.Memory{State: state, Report: r}})
	return Options{
		Inputs:   identity.Inputs{Service: "web", Namespace: "shop"},
		Injector: trustAll{}, Rollover: rolled, Roll: rolled.Roll, State: state, Report: r,
		Service: NewService(types.NamespacedName{Namespace: "shop", Name: "web"}),
		Changed: timing.NewSignal(), RenewNow: timing.NewSignal(),
	}
}
