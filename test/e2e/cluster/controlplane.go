// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/poll"
)

// errStopped is the answer to starting a component of a cluster that was stopped as a whole.
var errStopped = errors.New("the cluster was stopped: start another one with cluster.Start")

// startEtcd starts etcd at address, or on a free port if that is nil, with what is in its directory.
func (c *Cluster) startEtcd(address *url.URL) error {
	if address == nil && c.opts.Place.Address != "" {
		address = &url.URL{Scheme: "http", Host: net.JoinHostPort(c.opts.Place.Address, "2379")}
	}
	script, err := c.wrapper(assets.Etcd)
	if err != nil {
		return err
	}
	out, err := c.logs.Writer(assets.Etcd)
	if err != nil {
		return err
	}
	data := filepath.Join(c.dir, etcdData)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("making the cluster's directory: %w", err)
	}
	c.plane.Etcd = &envtest.Etcd{URL: address, Path: script, DataDir: data, Out: out, Err: out, StartTimeout: startTimeout}
	c.plane.Etcd.Configure().Set("unsafe-no-fsync", "true").Set("logger", "zap").Set("log-level", "warn")
	if err := c.plane.Etcd.Start(); err != nil {
		return c.logs.Failure(assets.Etcd, err)
	}
	return nil
}

// prepareAPIServer describes the API server. The description is made once: it carries the port, the CA of the serving
// certificate and the CA of the client certificates through every restart.
func (c *Cluster) prepareAPIServer() error {
	script, err := c.wrapper(assets.APIServer)
	if err != nil {
		return err
	}
	out, err := c.logs.Writer(assets.APIServer)
	if err != nil {
		return err
	}
	certs, err := c.mkdir("certificates")
	if err != nil {
		return err
	}
	s := &envtest.APIServer{Path: script, CertDir: certs, EtcdURL: c.plane.Etcd.URL, Out: out, Err: out}
	args := s.Configure().
		Disable("disable-admission-plugins"). // envtest disables ServiceAccount, for want of a controller-manager
		Set("authorization-mode", "Node,RBAC").
		Set("enable-admission-plugins", "NodeRestriction"). // as kubeadm has both
		Set("service-cluster-ip-range", c.opts.Place.serviceRange()).
		Set("service-account-issuer", "https://kubernetes.default.svc.cluster.local")
	if c.opts.Place.Address != "" {
		if err := c.place(s); err != nil {
			return err
		}
	} else {
		// Nothing reaches the API server through the Service "kubernetes", and a loopback address is no valid
		// endpoint. Without an address the start would depend on this machine's default route.
		args.Set("advertise-address", "127.0.0.1").Set("endpoint-reconciler-type", "none")
	}
	for name, values := range c.opts.APIServerArgs {
		args.Set(name, values...)
	}
	c.plane.APIServer = s
	return nil
}

// StartAPIServer starts the API server again after StopAPIServer, at the same address, with the same data and CAs:
// every rest.Config and kubeconfig of this cluster stays valid. It returns once /readyz is ok.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return errStopped
	}
	if c.plane.APIServer == nil {
		if err := c.prepareAPIServer(); err != nil {
			return err
		}
	}
	c.plane.APIServer.StartTimeout = remaining(ctx)
	if err := c.plane.APIServer.Start(); err != nil {
		return c.logs.Failure(assets.APIServer, err)
	}
	if err := c.trustSignedClients(); err != nil {
		return err
	}
	if c.admin == nil {
		if err := c.addAdmin(); err != nil {
			return err
		}
	}
	if err := c.awaitReadyz(ctx); err != nil {
		return c.logs.Failure(assets.APIServer, err)
	}
	return nil
}

// StopAPIServer ends the API server and leaves etcd and the controller-manager running: an outage.
func (c *Cluster) StopAPIServer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.plane.APIServer.Stop(); err != nil {
		return fmt.Errorf("stopping kube-apiserver: %w", err)
	}
	return nil
}

func (c *Cluster) awaitReadyz(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return poll.Until(ctx, func(ctx context.Context) error {
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// remaining returns how long ctx still allows, for envtest, which knows no contexts.
func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return startTimeout
	}
	return max(time.Millisecond, min(startTimeout, time.Until(deadline)))
}

func (c *Cluster) mkdir(name string) (string, error) {
	dir := filepath.Join(c.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the cluster's directory: %w", err)
	}
	return dir, nil
}
