// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
)

const podSignerSecret = "hookstrap-authority-ca" // #nosec G101 -- a name.

// starting is an authority that starts with nothing: no Secret, no ClusterTrustBundle, and an object that opts in and
// has no caBundle.
type starting struct {
	*tenant

	keeping *keeping
	target  trust.Target
	proxy   *proxy
	cfg     *rest.Config
}

// startSurvivesCrashes kills the authority at each write of such a start, before the API server sees it, and before the
// authority sees what the API server says. The next one completes what there is.
func (n *tenant) startSurvivesCrashes(t *testing.T) {
	t.Helper()
	client, err := dynamic.NewForConfig(n.Config())
	must(t, err)
	cfg, err := n.ServiceAccountConfig(t.Context(), podSignerNamespace, "hookstrap-authority")
	must(t, err)
	k := &keeping{namespace: clustertest.Namespace(t, shared), admin: n.admin, objects: client}
	validating := kindCase{name: "NAME", text: strings.Replace(mutatingYAML, "kind: Mutating", "kind: Validating", 1)}
	s := &starting{tenant: n, keeping: k, proxy: newProxy(t, cfg)}
	s.cfg = s.proxy.config(cfg)
	s.target = k.add(t, trust.Validating, validating, k.namespace, map[string]string{keeper.Key: keeper.OptedIn}, nil)

	s.forget(t)
	first := runPodAuthority(t, n.Cluster, s.cfg)
	s.wantSound(t, "undisturbed", nil)
	first.Kill()
	writes := s.proxy.recorded()
	for _, resource := range []string{"secrets", "clustertrustbundles", "validatingwebhookconfigurations"} {
		if !slices.ContainsFunc(writes, func(w string) bool { return strings.HasSuffix(w, " "+resource) }) {
			t.Fatalf("a start writes %q, want %s as well", writes, resource)
		}
	}
	for _, at := range cuts(slices.Compact(slices.Sorted(slices.Values(writes)))) {
		s.forget(t)
		left := s.killed(t, at)
		next := runPodAuthority(t, n.Cluster, s.cfg)
		s.wantSound(t, "killed "+at.String(), left)
		next.Kill()
	}
}

// killed starts an authority, has it killed at a write, and returns the CA that it has left, nil if none.
func (s *starting) killed(t *testing.T, at cut) (left []byte) {
	t.Helper()
	var victim atomic.Pointer[process.Server]
	started := make(chan struct{})
	s.proxy.killAt(&victim, started, at)
	server, _ := beginPodAuthority(t, s.Cluster, s.cfg)
	victim.Store(server)
	close(started)
	select {
	case <-server.Exited():
	case <-time.After(crashPatience):
		t.Fatalf("there was no write %q to be killed at, only %v", at, s.proxy.recorded())
	}
	s.proxy.intervene(nil)
	left, err := s.caOf(t.Context())
	must(t, err)
	return left
}

// forget takes away all that an authority has made. None may run.
func (s *starting) forget(t *testing.T) {
	t.Helper()
	err := s.admin.CoreV1().Secrets(podSignerNamespace).Delete(t.Context(), podSignerSecret, metav1.DeleteOptions{})
	if !apierrors.IsNotFound(err) {
		must(t, err)
	}
	err = s.admin.CertificatesV1().ClusterTrustBundles().Delete(t.Context(), podSignerBundle, metav1.DeleteOptions{})
	if !apierrors.IsNotFound(err) {
		must(t, err)
	}
	if len(s.keeping.bundles(t, s.target)[0]) > 0 {
		s.keeping.spoil(t, s.target)
	}
	s.proxy.intervene(nil)
}

// caOf is the bundle in the Secret, nil if there is none.
func (s *starting) caOf(ctx context.Context) ([]byte, error) {
	secret, err := s.admin.CoreV1().Secrets(podSignerNamespace).Get(ctx, podSignerSecret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return secret.Data["bundle.crt"], nil
}

// wantSound waits until one CA, that which was left if one was, is in the Secret, the ClusterTrustBundle and the
// caBundle.
func (s *starting) wantSound(t *testing.T, what string, left []byte) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		ca, err := s.caOf(ctx)
		if err != nil {
			return err
		}
		if left != nil && !bytes.Equal(ca, left) {
			return fmt.Errorf("%s: the CA that was left was replaced by another", what)
		}
		if own, err := trust.ParseBundle(ca); err != nil || own.Len() != 1 {
			return fmt.Errorf("%s: the Secret has %d CAs, want one: %w", what, own.Len(), err)
		}
		published, err := s.admin.CertificatesV1().ClusterTrustBundles().Get(ctx, podSignerBundle, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if published.Spec.TrustBundle != string(ca) {
			return errors.New(what + ": the ClusterTrustBundle has not what the Secret has")
		}
		if got := s.keeping.bundles(t, s.target)[0]; !bytes.Equal(got, ca) {
			return errors.New(what + ": the caBundle has not what the Secret has")
		}
		return nil
	})
}
