// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/tokenfile"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// trustOptions is the command line of trust, parsed.
type trustOptions struct {
	clientOptions
	healthAddress, metricAddress string
	source                       keeper.Source
	overlap                      time.Duration
	writesPerSecond              float32
	replicas                     string // a label selector
	version                      string
}

func newTrustCommand(global Options) *cobra.Command {
	o := &trustOptions{
		clientOptions: newClientOptions(), healthAddress: ":8081", metricAddress: ":8080", version: global.buildVersion(),
		overlap: keeper.DefaultOverlap, writesPerSecond: keeper.DefaultWritesPerSecond,
	}
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Keep the caBundle of everybody's webhooks what a ClusterTrustBundle says",
		Long: "trust keeps the caBundles of all webhook configurations, CRDs and APIServices that have the label\n" +
			keeper.Key + "=" + keeper.OptedIn + ". Where their CAs come from is in the annotation of the same name:\n" +
			"clustertrustbundle/SIGNER for all ClusterTrustBundles of a signer, or clustertrustbundle/NAME for one.\n" +
			"It writes all entries that call a Service, and nothing but caBundles. A missing ClusterTrustBundle, or one that\n" +
			"cannot be read, leaves the caBundles as they are. Several replicas may run, and need no leader.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkLogging(o.logging); err != nil {
				return &usageError{err}
			}
			cfg, err := restConfig(o.kubeconfig)
			if err != nil {
				return &usageError{err}
			}
			if err := applyLogging(o.logging); err != nil {
				return err
			}
			return o.run(cmd.Context(), cfg)
		},
	}
	o.addFlags(cmd.Flags())
	return cmd
}

func (o *trustOptions) addFlags(fs *pflag.FlagSet) {
	fs.Var(newValue(&o.source, "source", "", keeper.ParseSource), "default-source",
		"source of objects that have the label and no annotation, as clustertrustbundle/SIGNER (default: they are left alone)")
	fs.Var(newValue(&o.overlap, "duration", o.overlap.String(), parseDelay), "overlap",
		"how long a CA stays in the caBundles after it has left its ClusterTrustBundle")
	fs.Float32Var(&o.writesPerSecond, "writes-per-second", o.writesPerSecond, "how many objects are written in a second at most")
	fs.Var(newValue(&o.replicas, "selector", "", parseSelector), "replicas",
		"label selector of the Pods of this Deployment, so that one of them writes what all see; each needs $"+
			bootstrap.EnvPodName+"\nand $"+bootstrap.EnvNamespace+" (default: this one is alone)")
	fs.Var(newValue(&o.healthAddress, "address", o.healthAddress, parseListenAddress), "health-probe-bind-address",
		"address of /healthz and /readyz, 0 for none")
	fs.Var(newValue(&o.metricAddress, "address", o.metricAddress, parseListenAddress), "metrics-bind-address",
		"address of /metrics, 0 for none")
	o.addClientFlags(fs)
}

// parseSelector reads a label selector.
func parseSelector(text string) (string, error) {
	_, err := labels.Parse(text)
	return text, err
}

// run keeps caBundles until a signal.
func (o *trustOptions) run(ctx context.Context, cfg *rest.Config) error {
	logger := klog.Background()
	signals, cancel := lifecycle.SignalContext(klog.NewContext(ctx, logger), os.Exit)
	defer cancel()
	memory := lifecycle.NewMemoryLimit()
	memory.Set(signals)
	go memory.Follow(signals)
	tokenfile.Reread(cfg)
	cfg.QPS = -1 // The keeper has a limit for its writes; what it reads is a few watches.
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("making a client of the API server: %w", err)
	}
	options := keeper.Options{Client: client, Default: o.source, Overlap: o.overlap, WritesPerSecond: o.writesPerSecond,
		Registerer: ctrlmetrics.Registry}
	group, running := errgroup.WithContext(signals)
	if o.replicas != "" {
		self, err := bootstrap.FromEnvironment(os.Getenv)
		if err != nil || self.PodName == "" || self.Namespace == "" {
			return &usageError{fmt.Errorf("--replicas needs $%s and $%s: set them by the downward API", bootstrap.EnvPodName,
				bootstrap.EnvNamespace)}
		}
		replicas := keeper.NewReplicas(self.PodName)
		options.Rank = replicas.Rank
		group.Go(func() error { replicas.Follow(running, client, self.Namespace, o.replicas); return nil })
	}
	kept, err := keeper.New(options)
	if err != nil {
		return err
	}
	if err := o.serveProbes(running, group, kept); err != nil {
		return err
	}
	logger.Info("Keeping caBundles", "version", o.version, "label", keeper.Key+"="+keeper.OptedIn, "overlap", o.overlap)
	group.Go(func() error { return kept.Run(running) })
	if err := group.Wait(); err != nil {
		return err
	}
	logger.Info("Stopped")
	return nil
}

// serveProbes opens the health and metrics ports.
func (o *trustOptions) serveProbes(ctx context.Context, group *errgroup.Group, kept *keeper.Keeper) error {
	if err := registerProcess(ctrlmetrics.Registry, o.version); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/healthz", lifecycle.HealthzHandler())
	mux.Handle("/readyz", lifecycle.ReadyzHandler(lifecycle.Condition{
		Name: "synced", Check: func(context.Context) error { return kept.Synced() },
	}))
	metrics := http.NewServeMux()
	metrics.Handle("/metrics", promhttp.HandlerFor(ctrlmetrics.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 3}))
	for _, port := range []struct {
		name, flag, address string
		handler             http.Handler
	}{
		{"health", "health-probe-bind-address", o.healthAddress, mux},
		{"metrics", "metrics-bind-address", o.metricAddress, metrics},
	} {
		if port.address == "" {
			continue
		}
		server, err := lifecycle.Listen(ctx, port.name, port.address, port.handler)
		if err != nil {
			return fmt.Errorf("--%s: %w", port.flag, err)
		}
		group.Go(func() error { return server.Serve(ctx) })
	}
	return nil
}
