// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/poll"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/run"
)

const (
	rootCAs = "kube-root-ca.crt"
	// witness is a namespace which every cluster has and no test uses.
	witness = "kube-node-lease"
)

var errManagerEnded = errors.New("kube-controller-manager ended")

// SigningCA returns the CA, in PEM, with which the controller-manager signs. Only the harness knows it: in a cluster
// no client can ask for it.
func (c *Cluster) SigningCA() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ca.certPEM)
}

// StartControllerManager starts it, unless it runs, and returns once it is at work. The API server must be running.
func (c *Cluster) StartControllerManager(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return errStopped
	}
	if c.manager != nil {
		return nil
	}
	client, err := kubernetes.NewForConfig(c.admin)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if err := emptyWitness(ctx, client); err != nil {
		return err
	}
	out, err := c.logs.Writer(assets.ControllerManager)
	if err != nil {
		return err
	}
	help, err := c.help(ctx, assets.ControllerManager)
	if err != nil {
		return err
	}
	p, err := run.Start(append(c.supervised(assets.ControllerManager), c.managerArgs(help)...), out)
	if err != nil {
		return err
	}
	c.manager = p
	if err := c.awaitManager(ctx, client, p); err != nil {
		_ = c.stopControllerManager() // The reason why it did not start matters more.
		return c.logs.Failure(assets.ControllerManager, err)
	}
	return nil
}

// StopControllerManager ends it: approved requests are never issued, new namespaces get no service account.
func (c *Cluster) StopControllerManager() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopControllerManager()
}

// stopControllerManager needs c.mu.
func (c *Cluster) stopControllerManager() error {
	if c.manager == nil {
		return nil
	}
	err := c.manager.Stop()
	c.manager = nil
	if err != nil {
		return fmt.Errorf("stopping kube-controller-manager: %w", err)
	}
	return nil
}

// managerArgs returns the controller-manager's flags in a stable order, given what it says about them.
func (c *Cluster) managerArgs(help string) []string {
	// What needs volumes or devices only fills the log here.
	unused := []string{"node-ipam-controller", "device-taint-eviction-controller",
		"persistentvolume-attach-detach-controller", "persistentvolume-binder-controller",
		"persistentvolume-expander-controller", "ttl-controller"}
	if c.opts.Place == (Place{}) {
		unused = append(unused, "node-lifecycle-controller", "taint-eviction-controller")
	}
	controllers := []string{"*"}
	for _, name := range unused {
		if strings.Contains(help, " "+name) { // It would not start with one that it does not know.
			controllers = append(controllers, "-"+name)
		}
	}
	args := map[string][]string{
		"kubeconfig":                       {c.managerConfig},
		"controllers":                      controllers,
		"leader-elect":                     {"false"},
		"secure-port":                      {"0"},
		"bind-address":                     {"127.0.0.1"},
		"use-service-account-credentials":  {"true"},
		"service-account-private-key-file": {filepath.Join(c.plane.APIServer.CertDir, "sa-signer.key")},
		"root-ca-file":                     {c.managerRootCAs},
		"cluster-signing-cert-file":        {c.ca.certFile},
		"cluster-signing-key-file":         {c.ca.keyFile},
		// Two dozen controllers start through one client; the default of 20 requests a second makes them queue.
		"kube-api-qps":   {"500"},
		"kube-api-burst": {"1000"},
	}
	maps.Copy(args, c.opts.ControllerManagerArgs)
	flags := make([]string, 0, len(args))
	for _, name := range slices.Sorted(maps.Keys(args)) {
		flags = append(flags, "--"+name+"="+strings.Join(args[name], ","))
	}
	return flags
}

// awaitManager returns once the controller-manager has filled the default namespace and the witness.
func (c *Cluster) awaitManager(ctx context.Context, client kubernetes.Interface, p *run.Process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		select {
		case <-p.Done():
			end(errManagerEnded)
		case <-ctx.Done():
		}
	}()
	return poll.Until(ctx, func(ctx context.Context) error {
		return errors.Join(
			NamespaceReady(ctx, client, metav1.NamespaceDefault),
			NamespaceReady(ctx, client, witness))
	})
}

// emptyWitness removes what the controller-manager will make again in the witness namespace, so that its presence
// later is the work of the process which is about to start and not of the one before.
func emptyWitness(ctx context.Context, client kubernetes.Interface) error {
	err := client.CoreV1().ConfigMaps(witness).Delete(ctx, rootCAs, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("preparing to see kube-controller-manager at work: %w", err)
	}
	return nil
}

// NamespaceReady returns nil once the controller-manager has filled a namespace: pods can be created in it, and its
// kube-root-ca.crt can be read.
func NamespaceReady(ctx context.Context, client kubernetes.Interface, namespace string) error {
	if _, err := client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return fmt.Errorf("waiting for the service account of namespace %s: %w", namespace, err)
	}
	_, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, rootCAs, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("waiting for the root CAs of namespace %s: %w", namespace, err)
	}
	return nil
}
