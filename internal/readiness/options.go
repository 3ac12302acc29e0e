// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package readiness

import (
	"context"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Injector is what readiness needs of a [trust.Injector].
type Injector interface {
	Verify(chain []*x509.Certificate, serverName string, now time.Time) error
	WaitVerified(ctx context.Context, chain []*x509.Certificate, serverName string) error
	Callable() error
	Calls() []trust.Call
	Waived() map[trust.Target]string
}

// Service is what readiness needs to know of the Service.
type Service interface {
	// Uncallable says of each call that the API server cannot make why it cannot.
	Uncallable([]trust.Call) []string
	// Unread says that the Service has not been read; "" if it has.
	Unread() string
	// Watch asks for the Service to be watched at once, because it cannot be called.
	Watch()
}

// Options configures a [Readiness].
type Options struct {
	ServerName string
	State      *serving.State
	Injector   Injector
	Service    Service
	Report     *report.Reporter
	// ExternalTrust says that something else writes the caBundle.
	ExternalTrust bool
	// Address is where the listener is; "" if that is not known.
	Address func() string
	// Sidecar says that the listener is that of another container, which reads CertDir.
	Sidecar bool
	CertDir string
}

// waived says which objects readiness does not wait for.
func (o Options) waived() string {
	if o.ExternalTrust {
		return "not looked at, because no webhook configuration is named: something else has to write the caBundle"
	}
	return strings.Join(slices.Sorted(maps.Values(o.Injector.Waived())), "; ")
}

func (o Options) whose() string {
	if o.Sidecar {
		return "the other container's"
	}
	return "our own"
}

func (o Options) verifyHandshake(presented []*x509.Certificate, pair *serving.Pair) error {
	now := time.Now()
	if !o.ExternalTrust {
		return o.Injector.Verify(presented, o.ServerName, now)
	}
	// Somebody else keeps the caBundle; what came along with the pair is the best there is to verify with.
	roots := trust.NewBundle(pair.CAs()...)
	if roots.Empty() {
		return presented[0].VerifyHostname(o.ServerName)
	}
	return roots.Verify(presented, o.ServerName, now)
}
