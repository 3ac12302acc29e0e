// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/x509"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/retry"
	"github.com/hookstrap/hookstrap/internal/rollover"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// Options say which certificates to get, and where they go. [Files] needs CAFile, CertDir, and the fields from Injector
// on; [CSR] needs everything but CertDir.
type Options struct {
	// Inputs are who we are, without the Service's ClusterIPs.
	Inputs identity.Inputs
	// ServiceAccount is the name of the one that we run as.
	ServiceAccount string
	Profile        signer.Profile
	Approval       csr.Approval
	KeyAlgorithm   csr.KeyAlgorithm
	// Duration is the lifetime asked for; 0 leaves it to the signer.
	Duration time.Duration
	// CASecretName is the Secret of the built-in signer's CA.
	CASecretName string
	// CAFile is a PEM file with the CA of an external signer; "" is none.
	CAFile string
	// CertDir is the directory that [Files] reads.
	CertDir string
	// NeedCA has [Files] refuse a pair without a CA beside it, or in CAFile: nothing could verify it then.
	NeedCA bool
	// Directory keeps pairs across restarts; nil keeps none.
	Directory *serving.Directory
	// ExternalTrust says that something else writes the caBundle.
	ExternalTrust bool

	Kubernetes kubernetes.Interface
	Dynamic    dynamic.Interface
	// Service is what is known of the Service.
	Service *Service

	Injector Injector
	Rollover *rollover.Rollover
	// Roll takes a certificate to where it is served: [rollover.Rollover.Roll], or RollTrusted.
	Roll   func(context.Context, rollover.Issued) error
	State  *serving.State
	Report *report.Reporter
	// Changed is set when something that a certificate depends on is no longer what it was, RenewNow to ask for another
	// certificate.
	Changed, RenewNow timing.Signal
	// Ready is closed when the server can be called for the first time.
	Ready <-chan struct{}
}

// Injector is what a source needs of a [trust.Injector].
type Injector interface {
	SetNames([]string)
	Carries(*x509.Certificate) error
	WaitCarried(context.Context, *x509.Certificate) error
}

func (o Options) retry() retry.Policy { return retry.Policy{Report: o.Report, Changed: o.Changed} }
