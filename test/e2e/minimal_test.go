// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// Where examples/minimal listens: it has no flags.
const (
	minimalHealth  = "127.0.0.1:8081"
	minimalMetrics = "127.0.0.1:8080"
	minimalPort    = 9443
)

// TestMinimalExample runs the program that authors are told to copy, as it is: the API server calls it, it gets a
// certificate of another CA while it serves, and it is ended under load.
func TestMinimalExample(t *testing.T) {
	t.Parallel()
	m := startMinimal(t)
	m.awaitCalls(t)
	m.wantPorts(t)

	before, err := m.presented(t.Context())
	must(t, err)
	askForRotation(t, m.Site, "once")
	clustertest.Eventually(t, func(ctx context.Context) error {
		if now, err := m.presented(ctx); err != nil || now == before {
			return errors.Join(fmt.Errorf("the certificate %s is still served", before), err)
		}
		return nil
	})
	must(t, m.admit(t.Context(), "app"))

	m.endUnderLoad(t)
}

// minimal is the example as a process.
type minimal struct {
	*site.Site
	*process.Server
}

func startMinimal(t *testing.T) *minimal {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "minimal")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./examples/minimal")
	build.Dir = site.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building examples/minimal: %v\n%s", err, out)
	}
	s := site.New(t, shared, site.Options{Configuration: "minimal", Port: minimalPort})
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "app"}}
	_, err := s.Admin.CoreV1().ServiceAccounts(s.Target).Create(t.Context(), account, metav1.CreateOptions{})
	must(t, err)
	kubeconfig, err := s.Cluster.WriteKubeconfig(s.Config(t), s.Namespace)
	must(t, err)
	server, err := process.Start(context.WithoutCancel(t.Context()), process.Options{Binary: binary, Env: []string{
		"KUBECONFIG=" + kubeconfig, "HOOKSTRAP_SERVICE_NAME=" + site.Service, "POD_NAMESPACE=" + s.Namespace,
		"POD_SERVICE_ACCOUNT=" + site.ServiceAccount,
	}})
	must(t, err)
	t.Cleanup(func() {
		server.Kill()
		if t.Failed() {
			t.Logf("examples/minimal has logged:\n%s", server.Log())
		}
	})
	return &minimal{Site: s, Server: server}
}

// admit asks the API server to admit a Pod that runs as a ServiceAccount.
func (m *minimal) admit(ctx context.Context, account string) error {
	pod := site.Pod(site.GoodImage)
	pod.Spec.ServiceAccountName = account
	_, err := m.Admin.CoreV1().Pods(m.Target).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// awaitCalls waits until the example judges Pods.
func (m *minimal) awaitCalls(t *testing.T) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		err := m.admit(ctx, "default")
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "name a ServiceAccount other than default") {
			return fmt.Errorf("a Pod of the ServiceAccount default was not denied: %w", errOrNil(err))
		}
		return m.admit(ctx, "app")
	})
}

// wantPorts asks each of the documented ports.
func (m *minimal) wantPorts(t *testing.T) {
	t.Helper()
	must(t, readyz(t.Context(), minimalHealth))
	for url, want := range map[string]string{
		"http://" + minimalHealth + "/healthz":  "ok",
		"http://" + minimalMetrics + "/metrics": `hookstrap_connections{server="admission"}`,
	} {
		status, body, err := fetch(t.Context(), url)
		if err != nil || status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: status %d, error %v, want %s in %.300s", url, status, err, want, body)
		}
	}
}

// presented is the serial number of the certificate that a new connection gets.
func (m *minimal) presented(ctx context.Context) (string, error) {
	leaf, err := site.Presented(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(minimalPort)))
	if err != nil {
		return "", err
	}
	return leaf.SerialNumber.String(), nil
}

// endUnderLoad sends SIGTERM while Pods are admitted without a pause. From then until readiness fails, which is half of
// the delay later, none may fail and new connections are accepted.
func (m *minimal) endUnderLoad(t *testing.T) {
	t.Helper()
	const clients = 8
	var running sync.WaitGroup
	var ended atomic.Bool
	var admitted atomic.Int64
	for range clients {
		running.Go(func() {
			for !ended.Load() {
				if err := m.admit(t.Context(), "app"); err != nil {
					t.Errorf("after %d admissions: %v", admitted.Load(), err)
					return
				}
				admitted.Add(1)
			}
		})
	}
	m.await(t, "all clients to have been answered", func(context.Context) bool { return admitted.Load() > 2*clients })
	must(t, m.Signal(syscall.SIGTERM))
	m.await(t, "the drain to begin", func(context.Context) bool { return strings.Contains(m.Log(), "Draining: ") })
	begun := admitted.Load()
	m.await(t, "readiness to fail", func(ctx context.Context) bool {
		if _, err := m.presented(ctx); err != nil {
			t.Errorf("a new connection while draining: %v", err)
			return true
		}
		status, _, err := fetch(ctx, "http://"+minimalHealth+"/readyz")
		return err == nil && status == http.StatusServiceUnavailable
	})
	ended.Store(true)
	running.Wait()
	if admitted.Load() <= begun+clients {
		t.Errorf("%d admissions before SIGTERM and %d after it", begun, admitted.Load()-begun)
	}
	must(t, m.Wait())
	if _, err := m.presented(t.Context()); err == nil {
		t.Error("the process has ended, and its port is still open")
	}
}

// await waits for what holds, for longer than the delay.
func (m *minimal) await(t *testing.T, what string, holds func(context.Context) bool) {
	t.Helper()
	clustertest.EventuallyWithin(t, time.Minute, func(ctx context.Context) error {
		if !holds(ctx) {
			return errors.New("waiting for " + what)
		}
		return nil
	})
}
