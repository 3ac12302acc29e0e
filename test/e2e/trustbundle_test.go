// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const trustBundleOverlay = "manifests/overlays/trust-bundle"

// publishing is a site whose servers publish their CA.
func publishing(t *testing.T, signerName ...string) *site.Site {
	t.Helper()
	clustertest.Since(t, shared, 37, "ClusterTrustBundle v1")
	s := site.New(t, shared, site.Options{Manifests: trustBundleOverlay, SignerName: strings.Join(signerName, "")})
	t.Cleanup(func() {
		_ = s.Admin.CertificatesV1().ClusterTrustBundles().Delete(context.WithoutCancel(t.Context()), s.TrustBundle(),
			metav1.DeleteOptions{})
	})
	return s
}

func startPublishing(t *testing.T, s *site.Site) *site.Server {
	t.Helper()
	options := s.BootstrapOptions(t)
	options.PublishTrustBundle = true
	options.SelfAddress = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server := s.Start(t, options)
	server.AwaitReady(t)
	return server
}

// awaitPublished waits until the ClusterTrustBundle satisfies want, and returns it.
func awaitPublished(
	t *testing.T, s *site.Site, want func(*certificatesv1.ClusterTrustBundle) error,
) (live *certificatesv1.ClusterTrustBundle) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) (err error) {
		live, err = s.Admin.CertificatesV1().ClusterTrustBundles().Get(ctx, s.TrustBundle(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		return want(live)
	})
	return live
}

// verifies wants what a client that trusts the ClusterTrustBundle wants: that it verifies the server.
func verifies(s *site.Site, server *site.Server) func(*certificatesv1.ClusterTrustBundle) error {
	return func(live *certificatesv1.ClusterTrustBundle) error {
		roots, err := trust.ParseBundle([]byte(live.Spec.TrustBundle))
		if err != nil {
			return err
		}
		return roots.Verify([]*x509.Certificate{server.Leaf()}, "hookstrap."+s.Namespace+".svc", time.Now())
	}
}

// TestTrustBundleIsPublished under exactly the rights that the overlay gives: a client of the Service can do with it,
// it is put right when it is altered or deleted, and not written when it is right.
func TestTrustBundleIsPublished(t *testing.T) {
	t.Parallel()
	s := publishing(t)
	server := startPublishing(t, s)
	first := awaitPublished(t, s, verifies(s, server))
	if got, want := first.Spec.SignerName, signer.BuiltIn; got != want {
		t.Errorf("the signer is %s, want %s", got, want)
	}
	if len(first.ManagedFields) != 1 || first.ManagedFields[0].Manager != "hookstrap" ||
		first.ManagedFields[0].Operation != metav1.ManagedFieldsOperationApply {
		t.Errorf("written by %v, want by hookstrap's server-side apply alone", first.ManagedFields)
	}

	bundles := s.Admin.CertificatesV1().ClusterTrustBundles()
	foreign := first.DeepCopy()
	foreign.Spec.TrustBundle = string(newTestCA(t, "foreign").pem())
	_, err := bundles.Update(t.Context(), foreign, metav1.UpdateOptions{})
	must(t, err)
	same := func(live *certificatesv1.ClusterTrustBundle) error {
		if live.Spec.TrustBundle != first.Spec.TrustBundle {
			return fmt.Errorf("it holds\n%s", live.Spec.TrustBundle)
		}
		return nil
	}
	awaitPublished(t, s, same)

	must(t, bundles.Delete(t.Context(), s.TrustBundle(), metav1.DeleteOptions{}))
	healed := awaitPublished(t, s, same)

	second := startPublishing(t, s)
	if err := verifies(s, second)(healed); err != nil {
		t.Error(err)
	}
	// The second server has seen the object once it puts it right again, and before that had no reason to write it.
	server.Stop()
	unchanged := awaitPublished(t, s, same)
	if unchanged.ResourceVersion != healed.ResourceVersion {
		t.Error("a right ClusterTrustBundle was written")
	}
	must(t, bundles.Delete(t.Context(), s.TrustBundle(), metav1.DeleteOptions{}))
	awaitPublished(t, s, same)
	for _, each := range []*site.Server{server, second} {
		if got := each.Failures(t); got > 0 {
			t.Errorf("%g failures, want none", got)
		}
	}
}

// TestTrustBundleFollowsTheAuthority: another installation's CA is put in the Secret, with the old one still trusted;
// what is published verifies the old certificate and the new one, all the time.
func TestTrustBundleFollowsTheAuthority(t *testing.T) {
	t.Parallel()
	s := publishing(t)
	server := startPublishing(t, s)
	before := server.Leaf()
	first := awaitPublished(t, s, verifies(s, server))

	other := newAuthorities(t)
	next := other.ensured(t).Bundle()
	old, err := trust.ParseBundle([]byte(first.Spec.TrustBundle))
	must(t, err)
	secret, data := (&authorities{Site: s}).secret(t), other.secret(t).Data
	data["bundle.crt"] = old.Union(next).PEM()
	secret.Data = data
	_, err = s.Admin.CoreV1().Secrets(s.Namespace).Update(t.Context(), secret, metav1.UpdateOptions{})
	must(t, err)
	awaitPublished(t, s, func(live *certificatesv1.ClusterTrustBundle) error {
		if live.Spec.TrustBundle != string(old.Union(next).PEM()) {
			return errors.New("it has not both CAs")
		}
		return nil
	})
	renew(t, server)
	live := awaitPublished(t, s, verifies(s, server))
	roots, err := trust.ParseBundle([]byte(live.Spec.TrustBundle))
	must(t, err)
	must(t, roots.Verify([]*x509.Certificate{before}, "hookstrap."+s.Namespace+".svc", time.Now()))
}

// TestTwentyPublishersWriteOnce: replicas agree without a leader, and without an error.
func TestTwentyPublishersWriteOnce(t *testing.T) {
	t.Parallel()
	const replicas = 20
	s := publishing(t)
	bundle := bundleOf(newTestCA(t, "ca"))
	for range replicas {
		publisher := startPublisher(t, s.Config(t), s)
		publisher.Publish(trust.Policy{Bundle: bundle, Exact: true})
	}
	made := awaitPublished(t, s, func(*certificatesv1.ClusterTrustBundle) error { return nil })
	changed := made.DeepCopy()
	changed.Spec.TrustBundle = string(newTestCA(t, "foreign").pem())
	_, err := s.Admin.CertificatesV1().ClusterTrustBundles().Update(t.Context(), changed, metav1.UpdateOptions{})
	must(t, err)
	healed := awaitPublished(t, s, func(live *certificatesv1.ClusterTrustBundle) error {
		if live.Spec.TrustBundle != string(bundle.PEM()) {
			return errors.New("not repaired yet")
		}
		return nil
	})
	// Created, spoiled, repaired. A further write would be the work of who has not seen the repair yet, and is refused.
	if healed.Generation > 0 && healed.Generation != 3 {
		t.Errorf("generation %d, want 3", healed.Generation)
	}
	if healed.UID != made.UID {
		t.Error("it was made twice")
	}
}

func startPublisher(t *testing.T, cfg *rest.Config, s *site.Site) *trust.Publisher {
	t.Helper()
	client, err := dynamic.NewForConfig(cfg)
	must(t, err)
	publisher, err := trust.NewPublisher(trust.PublisherOptions{
		Client: client, SignerName: signer.BuiltIn,
		Service: types.NamespacedName{Namespace: s.Namespace, Name: site.Service},
		Observer: trust.Observer{Failed: func(_ trust.Target, err error) {
			if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
				t.Errorf("a lost race is no failure: %v", err)
			}
		}},
	})
	must(t, err)
	background(t, publisher.Run)
	return publisher
}

// TestPublisherNeedsEachRule of the component, and says which one is missing.
func TestPublisherNeedsEachRule(t *testing.T) {
	for name, tc := range map[string]struct{ resource, verb, want string }{
		"patch":  {"clustertrustbundles", "patch", `"create" and "patch" on clustertrustbundles.certificates.k8s.io`},
		"create": {"clustertrustbundles", "create", `"create" and "patch" on clustertrustbundles.certificates.k8s.io`},
		"attest": {"signers", "attest", `"attest" on signers.certificates.k8s.io with resourceNames [hookstrap.dev/serving]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := publishing(t)
			role := s.ClusterRole()
			removed := 0
			for i, rule := range role.Rules {
				kept := slices.DeleteFunc(slices.Clone(rule.Verbs), func(verb string) bool { return verb == tc.verb })
				if rule.Resources[0] == tc.resource && len(kept) < len(rule.Verbs) {
					role.Rules[i].Verbs = append(kept, "deletecollection") // A rule has to have a verb.
					removed++
				}
			}
			if removed != 1 {
				t.Fatalf("%d rules allow to %s %s, want 1", removed, tc.verb, tc.resource)
			}
			_, err := s.Admin.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{})
			must(t, err)
			awaitForbidden(t, s, tc.verb)
			publisher := startPublisher(t, s.Config(t), s)
			publisher.Publish(trust.Policy{Bundle: bundleOf(newTestCA(t, "ca"))})
			clustertest.Eventually(t, func(context.Context) error {
				if got := publisher.Reason(); !strings.Contains(got, tc.want) {
					return fmt.Errorf("the reason is %q, want %q", got, tc.want)
				}
				return nil
			})
		})
	}
}

// TestClusterWithoutTrustBundles: on a cluster that does not serve them, all works as before, and the reason is clear.
func TestClusterWithoutTrustBundles(t *testing.T) {
	t.Parallel()
	var without cluster.Options
	if clustertest.Minor(t, shared) >= 37 { // Older ones serve none unless they are told to.
		without.APIServerArgs = map[string][]string{
			"feature-gates": {"ClusterTrustBundle=false,ClusterTrustBundleProjection=false,PodCertificateRequest=false"}}
	}
	c := clustertest.StartWith(t, without)
	s := site.New(t, c, site.Options{Manifests: trustBundleOverlay})
	options := s.BootstrapOptions(t)
	options.PublishTrustBundle = true
	server := s.Start(t, options)
	server.AwaitReady(t)
	wantAdmission(t, s)
	publisher := startPublisher(t, s.Config(t), s)
	publisher.Publish(trust.Policy{Bundle: bundleOf(newTestCA(t, "ca"))})
	clustertest.Eventually(t, func(context.Context) error {
		if got := publisher.Reason(); !strings.Contains(got, "does not serve certificates.k8s.io/v1 ClusterTrustBundle") {
			return fmt.Errorf("the reason is %q", got)
		}
		return nil
	})
	if got := server.Failures(t); got > 0 {
		t.Errorf("%g failures, want none: there is nothing to be done about it", got)
	}

	// The authority signs CertificateSigningRequests there.
	t.Run("authority", func(t *testing.T) {
		startPodAuthority(t, c, 1)
		n := newTenant(t, c)
		n.createService(t, site.Service, "web")
		n.servesRequested(t)
	})

	// An external signer's CA is found where it can be found.
	t.Run("kubelet-serving", func(t *testing.T) {
		s := site.New(t, c, site.Options{Manifests: "manifests/overlays/kubelet-serving"})
		options := s.BootstrapOptions(t)
		options.SignerName = signer.KubeletServing
		server := s.Start(t, options)
		server.AwaitReady(t)
		wantAdmission(t, s)
		if got := server.Failures(t); got > 0 {
			t.Errorf("%g failures, want none", got)
		}
	})
}

// awaitForbidden waits until the API server has heard that the site's ServiceAccount lost a right: its authorizer
// follows the roles with a watch of its own.
func awaitForbidden(t *testing.T, s *site.Site, verb string) {
	t.Helper()
	resource, name := "clustertrustbundles", s.TrustBundle()
	if verb == "attest" {
		resource, name = "signers", signer.BuiltIn
	}
	client := mustClient(t, s.Config(t))
	clustertest.Eventually(t, func(ctx context.Context) error {
		question := &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: certificatesv1.GroupName, Resource: resource, Name: name, Verb: verb}},
		}
		review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, question, metav1.CreateOptions{})
		if err == nil && review.Status.Allowed {
			return errors.New("still allowed")
		}
		return err
	})
}
