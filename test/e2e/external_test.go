// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// externalSigner approves and signs every request of a site, for whichever signer but the built-in one, with the CA
// that it has at the time.
type externalSigner struct {
	ca atomic.Pointer[testCA]
}

// newExternalSigner answers until the test ends.
func newExternalSigner(t *testing.T, s *site.Site, ca *testCA) *externalSigner {
	t.Helper()
	e := &externalSigner{}
	e.ca.Store(ca)
	events, err := s.Admin.CertificatesV1().CertificateSigningRequests().Watch(t.Context(),
		metav1.ListOptions{LabelSelector: csr.LabelNamespace + "=" + s.Namespace})
	must(t, err)
	t.Cleanup(events.Stop)
	go func() {
		for event := range events.ResultChan() {
			obj, isRequest := event.Object.(*certificatesv1.CertificateSigningRequest)
			if event.Type != watch.Added || !isRequest || obj.Spec.SignerName == signer.BuiltIn {
				continue
			}
			if err := answerOne(t, s, obj, e.ca.Load().signer(t)); err != nil && t.Context().Err() == nil {
				t.Errorf("signing: %v", err)
			}
		}
	}()
	return e
}

// external are the options of a server that asks somebody else's signer.
func external(t *testing.T, s *site.Site, signerName string) bootstrap.Options {
	t.Helper()
	options := s.BootstrapOptions(t)
	options.SignerName, options.Approval = signerName, csr.ApproveExternal
	return options
}

// caFile is a file of CAs that is written again as people do it: another file, moved over it.
type caFile string

func newCAFile(t *testing.T, cas ...*testCA) caFile {
	t.Helper()
	file := caFile(filepath.Join(t.TempDir(), "ca.crt"))
	file.write(t, bundleOf(cas...).PEM())
	return file
}

func (f caFile) write(t *testing.T, content []byte) {
	t.Helper()
	must(t, os.WriteFile(string(f)+".next", content, 0o600))
	must(t, os.Rename(string(f)+".next", string(f)))
}

func bundleOf(cas ...*testCA) trust.Bundle {
	certificates := make([]*x509.Certificate, 0, len(cas))
	for _, ca := range cas {
		certificates = append(certificates, ca.certificate)
	}
	return trust.NewBundle(certificates...)
}

// awaitLeafOf waits until what is served was issued by ca.
func awaitLeafOf(t *testing.T, server *site.Server, ca *testCA) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		leaf := server.Leaf()
		if leaf == nil {
			return fmt.Errorf("no certificate: %w", server.Readyz(request(t)))
		}
		return leaf.CheckSignatureFrom(ca.certificate)
	})
}

// awaitLiveCAs waits until the caBundle has all of the CAs, and tells whether it has others.
func awaitLiveCAs(t *testing.T, s *site.Site, cas ...*testCA) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		live, err := trust.ParseBundle(liveBundle(t, s))
		if err != nil {
			return err
		}
		if !live.Equal(bundleOf(cas...)) {
			return fmt.Errorf("the caBundle has %s, want %s", live.Describe(), bundleOf(cas...).Describe())
		}
		return nil
	})
}
