// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/podcert"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/tokenfile"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// The authority's own client, but for PodCertificateRequests and caBundles.
const (
	authorityQPS   = 500
	authorityBurst = 1000
)

func newAuthorityCommand(global Options) *cobra.Command {
	o := newAuthorityOptions()
	o.version = global.buildVersion()
	cmd := &cobra.Command{
		Use:   "authority",
		Short: "Sign certificates for the Pods of other webhooks, and keep their caBundles",
		Long: "authority signs PodCertificateRequests (Kubernetes 1.37 or later): a Pod with a projected volume of the\n" +
			"type podCertificate and the signer's name gets a certificate for the DNS names of the Services that select it,\n" +
			"without a token, a right or a sidecar. Its CA is in a Secret, and in a ClusterTrustBundle for clients.\n\n" +
			"The annotation " + podcert.ServicesAnnotation + " of the projection (userAnnotations) chooses among these\n" +
			"Services. A request that cannot be signed yet waits, with an event on the Pod; only what can never be signed\n" +
			"is denied, since a kubelet never asks again after that.\n\n" +
			"It also keeps the caBundles of all webhook configurations, CRDs and APIServices with the label\n" +
			keeper.Key + "=" + keeper.OptedIn + ", in all entries that call a Service. The CAs are its own, or those that\n" +
			"the annotation of the same name says: clustertrustbundle/SIGNER is all ClusterTrustBundles of a signer, and\n" +
			"clustertrustbundle/NAME is one. What cannot be read, or is missing, changes no caBundle.\n\n" +
			"It approves and signs CertificateSigningRequests too, for clusters before 1.37: those that were made with the\n" +
			"token of a Pod, for the names of Services that select it and have the label " + podcert.OptInLabel + "=true.\n\n" +
			"It signs no addresses of Pods. Any number of replicas may run.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(checkLogging(o.logging), o.complete()); err != nil {
				return &usageError{err}
			}
			cfg, err := restConfig(o.kubeconfig)
			if err != nil {
				return &usageError{err}
			}
			if err := applyLogging(o.logging); err != nil {
				return err
			}
			return runAuthority(cmd.Context(), o, cfg)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

// runAuthority runs until a signal.
func runAuthority(ctx context.Context, o *authorityOptions, cfg *rest.Config) error {
	logger := klog.Background()
	signals, cancel := lifecycle.SignalContext(klog.NewContext(ctx, logger), os.Exit)
	defer cancel()
	memory := lifecycle.NewMemoryLimit()
	memory.Set(signals)
	go memory.Follow(signals)
	ctx = logcap.NewContext(signals)
	logger.Info("Starting", "version", o.version, "signer", o.policy.SignerName,
		"caSecret", klog.KRef(o.namespace, o.caSecret))
	parts, err := newAuthorityParts(ctx, o, cfg)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if err := o.serveAuthorityProbes(ctx, group, parts.ready); err != nil {
		return err
	}
	group.Go(func() error { return parts.ca.Run(ctx) })
	group.Go(func() error { return parts.publisher.Run(ctx) })
	group.Go(func() error { return parts.signer.Run(ctx) })
	parts.runKeeper(ctx, group, o)
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	logger.Info("Stopped")
	return nil
}

// authorityParts are what runs.
type authorityParts struct {
	ca        *authority.Authority
	publisher *trust.Publisher
	signer    *podcert.Signer
	keeping
}

func newAuthorityParts(ctx context.Context, o *authorityOptions, cfg *rest.Config) (*authorityParts, error) {
	parts := &authorityParts{}
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = authorityQPS, authorityBurst
	tokenfile.Reread(cfg)
	untyped, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return parts, fmt.Errorf("making the dynamic client for the API server %s: %w", cfg.Host, err)
	}
	typed := rest.CopyConfig(cfg)
	typed.ContentType = runtime.ContentTypeProtobuf // Other people's Pods are most of what is read.
	client, err := kubernetes.NewForConfig(typed)
	if err != nil {
		return parts, fmt.Errorf("making the client for the API server %s: %w", cfg.Host, err)
	}
	parts.publisher, err = trust.NewPublisher(trust.PublisherOptions{
		Client: untyped, SignerName: o.policy.SignerName,
		Service: types.NamespacedName{Namespace: o.namespace, Name: o.name},
	})
	if err != nil {
		return parts, err
	}
	parts.ca, err = authority.New(authority.Options{
		Client: client, Namespace: o.namespace, SecretName: o.caSecret, Service: o.name,
		// It signs leaves alone, for which package podcert has a policy: the requester does not matter.
		Policy: authority.Policy{
			SignerName: o.policy.SignerName, Requester: authority.ServiceAccountUser(o.namespace, o.name),
			MaxDuration: o.policy.MaxLifetime,
		},
		OnChange:   parts.publish,
		AwaitTrust: parts.awaitTrust,
	})
	if err != nil {
		return parts, err
	}
	if parts.keeping, err = newKeeping(o, cfg); err != nil {
		return parts, err
	}
	answering, err := newAnsweringClient(cfg)
	if err != nil {
		return parts, err
	}
	options := podcert.Options{
		Kubernetes: client, Dynamic: untyped, Metadata: answering, CA: parts.ca, Policy: o.policy,
		Published: parts.publisher.Carries, Registerer: ctrlmetrics.Registry,
	}
	if o.events {
		host, _ := os.Hostname() // Of a Pod, its name; without one the events say less.
		options.Waits = report.NewObjectEvents(ctx, client.CoreV1().Events(""), host).Waits
	}
	parts.signer, err = podcert.New(options)
	return parts, err
}

// newAnsweringClient is for PodCertificateRequests. A burst of Pods waits for no limit of its own: the signer has few
// requests in flight, and priority and fairness of the API server bounds what they do to others.
// The API server does not send back what it was sent.
func newAnsweringClient(cfg *rest.Config) (metadata.Interface, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.QPS = -1
	client, err := metadata.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making the client for PodCertificateRequests of the API server %s: %w", cfg.Host, err)
	}
	return client, nil
}

// serveAuthorityProbes opens the ports of health and metrics.
func (o *authorityOptions) serveAuthorityProbes(
	ctx context.Context, group *errgroup.Group, ready func() error,
) error {
	if err := registerProcess(ctrlmetrics.Registry, o.version); err != nil {
		return err
	}
	health, metrics := http.NewServeMux(), http.NewServeMux()
	health.Handle("/healthz", lifecycle.HealthzHandler())
	health.Handle("/readyz", lifecycle.ReadyzHandler(lifecycle.Condition{
		Name: "authority", Check: func(context.Context) error { return ready() },
	}))
	metrics.Handle("/metrics", promhttp.HandlerFor(ctrlmetrics.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	for _, port := range []struct {
		name, address string
		handler       http.Handler
	}{{"health", o.healthAddress, health}, {"metrics", o.metricAddress, metrics}} {
		if port.address == "" {
			continue
		}
		server, err := lifecycle.Listen(ctx, port.name, port.address, port.handler)
		if err != nil {
			return fmt.Errorf("--health-probe-bind-address or --metrics-bind-address: %w", err)
		}
		group.Go(func() error { return server.Serve(ctx) })
	}
	return nil
}
