// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build authority

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// handedOver is how long a new CA may take until it signs: six minutes after the last caBundle has it.
const handedOver = 15 * time.Minute

// TestMeasureAuthorityRotation rotates the CA of `webhook authority`, which keeps the caBundles of 1,000 webhook
// configurations (TARGETS), and of one more, by which the API server calls a server with a certificate of the authority all
// the time. It prints how many of these admissions failed.
func TestMeasureAuthorityRotation(t *testing.T) {
	own := podAuthorityConfig(t, shared)
	m := newMeter(t, own)
	process := runPodAuthority(t, shared, m.config(own))
	s := site.New(t, shared, site.Options{})
	s.Reconnect = true
	n := podOfSite(t, s)
	createTargets(t, n.admin, atoi(t, "TARGETS", 1000), metav1.ObjectMeta{Labels: map[string]string{keeper.Key: keeper.OptedIn}})
	_, err := n.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), s.Configuration,
		types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, keeper.Key, keeper.OptedIn), metav1.PatchOptions{})
	must(t, err)
	server, dir := n.serveAtClusterIP(t, s)
	load := startStream(t, s)
	load.atLeast(t, 100)
	m.awaitQuiet(t)

	before, old, began := m.read(t, process), n.signingSecret(t), time.Now()
	_, err = n.admin.CoreV1().Secrets(podSignerNamespace).Patch(t.Context(), "hookstrap-authority-ca", types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"now"}}}`, authority.RotateAnnotation), metav1.PatchOptions{})
	must(t, err)
	clustertest.EventuallyWithin(t, handedOver, func(context.Context) error {
		if bytes.Equal(n.signingSecret(t), old) {
			return errors.New("the old CA still signs")
		}
		return nil
	})
	leaf := server.Leaf()
	n.project(t, dir, n.published(t))
	clustertest.Eventually(t, func(context.Context) error {
		if now := server.Leaf(); bytes.Equal(now.AuthorityKeyId, leaf.AuthorityKeyId) {
			return errors.New("the server still has a certificate of the old CA")
		}
		return nil
	})
	load.atLeast(t, 100)
	m.awaitQuiet(t)
	t.Logf("rotate  %s", m.read(t, process).since(before, time.Since(began)))
	load.end(t)
}

// podOfSite is a Pod behind the Service of a site, which has a cluster IP from now on.
func podOfSite(t *testing.T, s *site.Site) *tenant {
	t.Helper()
	n := newTenantIn(t, shared, s.Namespace)
	service := withClusterIP(t, s)
	service.Spec.Selector = n.pod.Labels
	_, err := n.admin.CoreV1().Services(s.Namespace).Update(t.Context(), service, metav1.UpdateOptions{})
	must(t, err)
	return n
}

// serveAtClusterIP starts a server in this process, on what the kubelet would write into the directory.
func (n *tenant) serveAtClusterIP(t *testing.T, s *site.Site) (server *site.Server, dir string) {
	t.Helper()
	dir = t.TempDir()
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := n.admin.CertificatesV1().ClusterTrustBundles().Get(ctx, podSignerBundle, metav1.GetOptions{})
		return err
	})
	n.project(t, dir, n.published(t))
	service, err := n.admin.CoreV1().Services(s.Namespace).Get(t.Context(), site.Service, metav1.GetOptions{})
	must(t, err)
	options := s.BootstrapOptions(t)
	options.RESTConfig, options.WebhookConfigurations = nil, nil
	options.Source, options.CertDir = bootstrap.SourcePodCertificate, dir
	options.Logger = ktesting.NewLogger(t, ktesting.NewConfig(ktesting.Verbosity(0))) // Not a line for each admission.
	options.SelfAddress = net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(s.Port))
	server = s.Start(t, options)
	server.AwaitReady(t)
	return server, dir
}

// published are the CAs in the authority's ClusterTrustBundle.
func (n *tenant) published(t *testing.T) []byte {
	t.Helper()
	bundle, err := n.admin.CertificatesV1().ClusterTrustBundles().Get(t.Context(), podSignerBundle, metav1.GetOptions{})
	must(t, err)
	return []byte(bundle.Spec.TrustBundle)
}

// signingSecret is the CA that signs.
func (n *tenant) signingSecret(t *testing.T) []byte {
	t.Helper()
	secret, err := n.admin.CoreV1().Secrets(podSignerNamespace).Get(t.Context(), "hookstrap-authority-ca", metav1.GetOptions{})
	must(t, err)
	return secret.Data[corev1.ServiceAccountRootCAKey]
}
