// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/inforce"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/readiness"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/retry"
	"github.com/hookstrap/hookstrap/internal/rollover"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/source"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// flow is the parts of a [Bootstrapper].
type flow struct {
	options   Options
	clients   clients
	requests  atomic.Int64 // that were made of the API server
	rights    *refusal.Rights
	memory    *lifecycle.MemoryLimit
	report    *report.Reporter
	state     serving.State
	service   *source.Service
	clientCAs source.ClientCAs
	directory *serving.Directory // nil for memory only
	injector  *trust.Injector
	publisher *trust.Publisher // nil unless it was asked for
	rollover  *rollover.Rollover
	readiness *readiness.Readiness

	// listens is where a [Server] of ours listens, nil before that is known.
	listens atomic.Pointer[string]

	// changed says that something which a certificate depends on is no longer what it was, renewNow asks for another one.
	changed, renewNow timing.Signal
}

// newFlow puts the parts together. It contacts nothing.
func newFlow(options Options) (*flow, error) {
	f := &flow{
		options: options, service: source.NewService(options.serviceName()),
		renewNow: timing.NewSignal(), changed: timing.NewSignal(), memory: lifecycle.NewMemoryLimit(),
	}
	f.memory.Set(options.logging(context.Background())) // Now, for what is made next divides it up.
	var err error
	f.rights = refusal.NewRights(options.Namespace, options.neededRights())
	if f.clients, err = newClients(options.RESTConfig, &f.requests, f.rights); err != nil {
		return nil, err
	}
	if err := f.newReport(); err != nil {
		return nil, err
	}
	f.clientCAs = source.ClientCAs{
		File: options.ClientCAFile, AllowedNames: options.ClientAllowedNames, State: &f.state, Report: f.report,
	}
	if err := f.clientCAs.Load(); err != nil {
		return nil, fmt.Errorf("bootstrap options: ClientCAFile: %w", err)
	}
	if options.Source == SourceCSR && options.CertDir != "" {
		if f.directory, err = serving.OpenDirectory(options.CertDir); err != nil {
			return nil, err
		}
	}
	if err := f.newTrust(); err != nil {
		return nil, err
	}
	f.rollover = rollover.New(rollover.Options{
		ServerName: options.identityInputs().ServerName(), Trust: f.injector, Publisher: f.publisher,
		State: &f.state, Sink: f.sink(), Report: f.report,
	})
	f.readiness = readiness.New(readiness.Options{
		ServerName: options.identityInputs().ServerName(), State: &f.state, Injector: f.injector, Service: f.service,
		Report: f.report, ExternalTrust: options.ExternalTrust, Address: f.selfAddress, Sidecar: options.Sidecar,
		CertDir: options.CertDir,
	})
	return f, nil
}

func (f *flow) newReport() (err error) {
	o := f.options
	f.report, err = report.New(report.Options{
		Registerer: o.Registerer,
		Trusted:    func() error { return f.readiness.Trusted() },
		Pod: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: o.Namespace, Name: o.PodName, UID: o.PodUID,
		},
		Events:               f.clients.events(o.Namespace),
		SharedConfigurations: o.SharedConfigurations, CASecret: o.CASecretName,
	})
	if err != nil {
		return err
	}
	f.report.Targets(o.WebhookConfigurations)
	return nil
}

// newTrust prepares what keeps the caBundles, and the ClusterTrustBundle for clients other than the API server.
func (f *flow) newTrust() (err error) {
	o := f.options
	f.injector, err = trust.NewInjector(trust.InjectorOptions{
		Client: f.clients.dynamic, Targets: o.WebhookConfigurations, Service: o.serviceName(),
		Observer: f.report.Observer(),
	})
	if err != nil || !o.PublishTrustBundle {
		return err
	}
	f.publisher, err = trust.NewPublisher(trust.PublisherOptions{
		Client: f.clients.dynamic, SignerName: o.SignerName, Service: o.serviceName(), Observer: f.report.Observer(),
	})
	return err
}

func (f *flow) sink() rollover.Sink {
	if f.options.Sidecar && f.directory != nil {
		return rollover.Files{
			State: &f.state, Directory: f.directory, SignerName: f.options.SignerName,
			Retry: retry.Policy{Report: f.report}, // Without f.changed: that is for the next renewal, and would be lost here.
		}
	}
	return rollover.Memory{
		State: &f.state, Directory: f.directory, SignerName: f.options.SignerName, Report: f.report,
	}
}

// begin notes that this is the start. Bodies of API requests are logged at no verbosity.
func (f *flow) begin(ctx context.Context) (time.Time, context.Context) {
	started := time.Now()
	f.rollover.Started = started
	ctx = f.options.logging(ctx)
	ctx = logcap.NewContext(klog.NewContext(ctx, klog.FromContext(ctx).WithName("bootstrap")))
	f.readiness.Begin(ctx)
	return started, ctx
}

// runSource feeds certificates to the rollover until ctx ends.
func (f *flow) runSource(ctx context.Context) error {
	if f.options.Source.reads() {
		return source.NewFiles(f.sourceOptions()).Run(ctx)
	}
	certificates, err := source.OpenCSR(ctx, f.sourceOptions())
	if err != nil {
		return err
	}
	return certificates.Run(ctx)
}

func (f *flow) sourceOptions() source.Options {
	o := f.options
	profile, _ := o.profile() // As was validated.
	return source.Options{
		Inputs: o.identityInputs(), ServiceAccount: o.ServiceAccount, Profile: profile, Approval: o.Approval,
		KeyAlgorithm: o.KeyAlgorithm, Duration: o.Duration, CASecretName: o.CASecretName, CAFile: o.CAFile,
		CertDir: o.CertDir, NeedCA: o.Source == SourcePodCertificate,
		Directory: f.directory, ExternalTrust: o.ExternalTrust,
		Kubernetes: f.clients.kubernetes, Dynamic: f.clients.dynamic, Service: f.service,
		Injector: f.injector, Rollover: f.rollover, Roll: f.rollover.Roll, State: &f.state, Report: f.report,
		Changed: f.changed, RenewNow: f.renewNow, Ready: f.readiness.Ready(),
	}
}

// runPublisher keeps the ClusterTrustBundle from when we are ready: our own start comes first.
func (f *flow) runPublisher(ctx context.Context) error {
	if f.publisher == nil {
		return nil
	}
	select {
	case <-f.readiness.Ready():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := timing.Sleep(ctx, source.Calm); err != nil {
		return err
	}
	return f.publisher.Run(ctx)
}

// runInForce has the entries come into force from when we are ready.
func (f *flow) runInForce(ctx context.Context) error {
	if f.options.InForceBinding == "" {
		return nil
	}
	f.report.InForce.Begin()
	select {
	case <-f.readiness.Ready():
	case <-ctx.Done():
		return ctx.Err()
	}
	return inforce.Run(ctx, inforce.Options{
		Client: f.clients.dynamic, Binding: f.options.InForceBinding, Callable: f.callable, Report: &f.report.InForce,
	})
}

// callable returns nil while all conditions of readiness hold.
func (f *flow) callable(ctx context.Context) error {
	for _, condition := range f.readiness.Conditions() {
		if err := condition.Check(ctx); err != nil {
			return fmt.Errorf("%s: %w", condition.Name, err)
		}
	}
	return nil
}

// obtainOnce is the flow without renewals.
func (f *flow) obtainOnce(ctx context.Context) error {
	options := f.sourceOptions()
	options.Roll = f.rollover.RollTrusted
	certificates, err := source.OpenCSR(ctx, options)
	if err != nil {
		return err
	}
	if err := certificates.Once(ctx); err != nil {
		return err
	}
	return f.rollover.AwaitTrusted(ctx, f.state.Pair())
}

// listensAt notes where our own server listens, for readiness to shake hands with it.
func (f *flow) listensAt(address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // Which such a listener takes as well, whatever the families of the pod are.
	}
	address = net.JoinHostPort(host, port)
	f.listens.Store(&address)
}

// selfAddress is where our own listener is, or the other container's; "" if that is not known.
func (f *flow) selfAddress() string {
	if f.options.SelfAddress != "" || f.options.Sidecar {
		return f.options.SelfAddress
	}
	if address := f.listens.Load(); address != nil {
		return *address
	}
	return DefaultSelfAddress
}
