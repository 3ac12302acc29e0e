// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// followedFile is a server whose certificates somebody else's signer issues, by the first of two CAs to begin with, and
// whose --ca-file has that CA. Admissions go through it from then on.
type followedFile struct {
	site          *site.Site
	first, second *testCA
	signs         *externalSigner
	file          caFile
	server        *site.Server
	load          *stream
}

func newFollowedFile(t *testing.T) followedFile {
	t.Helper()
	s := site.New(t, shared, site.Options{})
	first, second := newTestCA(t, "first"), newTestCA(t, "second")
	signs, file := newExternalSigner(t, s, first), newCAFile(t, first)
	server := s.Start(t, withCAFile(t, s, file))
	server.AwaitReady(t)
	return followedFile{
		site: s, first: first, second: second, signs: signs, file: file, server: server, load: startStream(t, s),
	}
}

// TestCAFileAnnouncesTheNextCA: a CA that is added to the file is live before anything it signed is served, and without
// a renewal.
func TestCAFileAnnouncesTheNextCA(t *testing.T) {
	t.Parallel()
	f := newFollowedFile(t)
	f.load.atLeast(t, 5)

	f.file.write(t, bundleOf(f.first, f.second).PEM())
	awaitLiveCAs(t, f.site, f.first, f.second)
	if err := f.server.Leaf().CheckSignatureFrom(f.first.certificate); err != nil {
		t.Errorf("renewed, though the CA in the file verifies what is served: %v", err)
	}
	f.signs.ca.Store(f.second)
	f.server.Renew()
	awaitLeafOf(t, f.server, f.second)
	f.load.atLeast(t, 5)
	f.load.end(t)
	if got := len(requestsOf(t, f.site)); got != 2 {
		t.Errorf("%d CertificateSigningRequests, want 2", got)
	}
}

func withCAFile(t *testing.T, s *site.Site, file caFile) bootstrap.Options {
	t.Helper()
	options := external(t, s, unattendedSigner)
	options.CAFile = string(file)
	return options
}

// TestCAFileIsReplaced: nothing in the file verifies what is served any more, so the server renews by itself; the new
// CA is added, live, and then served, and the old one stays.
func TestCAFileIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFollowedFile(t)
	f.load.atLeast(t, 5)

	f.signs.ca.Store(f.second)
	f.file.write(t, f.second.pem())
	awaitLeafOf(t, f.server, f.second)
	awaitLiveCAs(t, f.site, f.first, f.second)
	f.load.atLeast(t, 5)
	f.load.end(t)
}

// TestSignerMovesOnBeforeTheCAFile: what the new CA signs waits for the file, and its coming ends the wait.
func TestSignerMovesOnBeforeTheCAFile(t *testing.T) {
	t.Parallel()
	f := newFollowedFile(t)

	f.signs.ca.Store(f.second)
	f.server.Renew()
	clustertest.Eventually(t, func(context.Context) error {
		// The wait for the third attempt is two seconds and more.
		if got := f.server.Failures(t); got < 2 {
			return fmt.Errorf("%g failures, want that the new certificate is not verified", got)
		}
		return nil
	})
	awaitLiveCAs(t, f.site, f.first)
	f.file.write(t, f.second.pem())
	awaitLeafOf(t, f.server, f.second)
	f.load.atLeast(t, 5)
	f.load.end(t)
}

// TestBadCAFileKeepsTheLastGood: garbage is said once, and the CAs that were there before go on verifying.
func TestBadCAFileKeepsTheLastGood(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	ca := newTestCA(t, "good")
	newExternalSigner(t, s, ca)
	file := newCAFile(t, ca)
	server := s.Start(t, withCAFile(t, s, file))
	server.AwaitReady(t)
	load := startStream(t, s)

	file.write(t, []byte("garbage"))
	clustertest.Eventually(t, func(context.Context) error {
		if server.Failures(t) == 0 {
			return errors.New("nobody complains")
		}
		return nil
	})
	renew(t, server)
	awaitLiveCAs(t, s, ca)
	if got := server.Failures(t); got != 1 {
		t.Errorf("%g failures, want 1: the same complaint is one", got)
	}
	load.end(t)
}

// TestTrustBundlesOfTheSignerAreFollowed: a server whose signer's CA no one knows becomes ready when a
// ClusterTrustBundle has it, and moves on with the signer when that has another one.
func TestTrustBundlesOfTheSignerAreFollowed(t *testing.T) {
	t.Parallel()
	clustertest.Since(t, shared, 37, "ClusterTrustBundle v1")
	s := site.New(t, shared, site.Options{})
	name := s.Namespace + ".example.com/serving"
	first, second := newTestCA(t, "first"), newTestCA(t, "second")
	signs := newExternalSigner(t, s, first)
	server := s.Start(t, external(t, s, name))
	clustertest.Eventually(t, func(context.Context) error {
		if err := server.Readyz(request(t)); err == nil || !strings.Contains(err.Error(), "no CA verifies") {
			return fmt.Errorf("readiness says %w, want that no CA verifies", errOrNil(err))
		}
		return nil
	})
	bundles := s.Admin.CertificatesV1().ClusterTrustBundles()
	bundle, err := bundles.Create(t.Context(), &certificatesv1.ClusterTrustBundle{
		ObjectMeta: metav1.ObjectMeta{Name: strings.ReplaceAll(name, "/", ":") + ":test"},
		Spec:       certificatesv1.ClusterTrustBundleSpec{SignerName: name, TrustBundle: string(first.pem())},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() { _ = bundles.Delete(context.WithoutCancel(t.Context()), bundle.Name, metav1.DeleteOptions{}) })
	server.AwaitReady(t)
	load := startStream(t, s)
	load.atLeast(t, 5)

	signs.ca.Store(second)
	bundle.Spec.TrustBundle = string(second.pem())
	_, err = bundles.Update(t.Context(), bundle, metav1.UpdateOptions{})
	must(t, err)
	awaitLeafOf(t, server, second)
	awaitLiveCAs(t, s, first, second)
	load.atLeast(t, 5)
	load.end(t)
}

// TestKubeletServingCAIsRotated: the cluster's own signer gets another CA, and kube-root-ca.crt has that one in place
// of the old.
func TestKubeletServingCAIsRotated(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t)
	s := site.New(t, c, site.Options{Manifests: "manifests/overlays/kubelet-serving"})
	options := s.BootstrapOptions(t)
	options.SignerName = signer.KubeletServing
	server := s.Start(t, options)
	server.AwaitReady(t)
	before := server.Leaf()
	load := startStream(t, s)
	load.atLeast(t, 5)

	must(t, c.RotateSigningCA(t.Context()))
	clustertest.Eventually(t, func(context.Context) error {
		if server.Leaf().Equal(before) {
			return errors.New("still the certificate by the old CA")
		}
		return nil
	})
	next, err := cert.ParseCertsPEM(c.SigningCA())
	must(t, err)
	must(t, server.Leaf().CheckSignatureFrom(next[0]))
	load.atLeast(t, 5)
	load.end(t)
}

// filesMode is a server whose certificate and CA are files, and what can be written there: a pair by one of two CAs.
type filesMode struct {
	site          *site.Site
	first, second *testCA
	file          caFile
	pair          func(by *testCA)
	server        *site.Server
}

// awaitComplaints waits until the server has seen what is wrong, and so often.
func (f filesMode) awaitComplaints(t *testing.T, want float64) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		if got := f.server.Failures(t); got < want {
			return fmt.Errorf("%g complaints, want %g", got, want)
		}
		return nil
	})
}

// TestCAFileInFilesMode: without a ca.crt beside the pair, the file says what to trust, and both change by themselves.
func TestCAFileInFilesMode(t *testing.T) {
	for name, steps := range map[string]func(t *testing.T, f filesMode){
		"the CA first": func(t *testing.T, f filesMode) {
			f.file.write(t, bundleOf(f.first, f.second).PEM())
			awaitLiveCAs(t, f.site, f.first, f.second)
			f.pair(f.second)
		},
		"the pair first": func(t *testing.T, f filesMode) {
			f.pair(f.second)
			f.awaitComplaints(t, 1)
			f.file.write(t, f.second.pem())
		},
		"garbage, then the pair, then the CA": func(t *testing.T, f filesMode) {
			f.file.write(t, []byte("garbage"))
			f.awaitComplaints(t, 1)
			f.pair(f.second)
			f.awaitComplaints(t, 2)
			f.file.write(t, f.second.pem())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			dir, first, second := t.TempDir(), newTestCA(t, "first"), newTestCA(t, "second")
			pair := func(ca *testCA) {
				certificate, key := ca.issue(t, "hookstrap."+s.Namespace+".svc")
				swapProjected(t, dir, map[string][]byte{"tls.crt": certificate, "tls.key": key})
			}
			file := newCAFile(t, first)
			pair(first)
			options := s.BootstrapOptions(t)
			options.Source, options.CertDir, options.CAFile = bootstrap.SourceFiles, dir, string(file)
			server := s.Start(t, options)
			server.AwaitReady(t)
			load := startStream(t, s)
			load.atLeast(t, 5)
			steps(t, filesMode{site: s, first: first, second: second, file: file, pair: pair, server: server})
			awaitLeafOf(t, server, second)
			awaitLiveCAs(t, s, first, second)
			load.atLeast(t, 5)
			load.end(t)
		})
	}
}
