// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/x509"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/test/pairs"
)

const requestsPath = "/apis/certificates.k8s.io/v1/certificatesigningrequests"

func (a *answering) wasAskedFor(path string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.asked, path)
}

// TestAChangeMayDemandACertificate, long before it is due: when no known CA verifies what is served any more, or when
// the Service has an address that it lacks. Another change demands none.
func TestAChangeMayDemandACertificate(t *testing.T) {
	for name, tc := range map[string]struct {
		verified   bool
		clusterIPs []any
		want       bool
	}{
		"a known CA verifies it":            {verified: true},
		"no known CA verifies it":           {want: true},
		"the Service has another ClusterIP": {verified: true, clusterIPs: []any{"127.96.0.7"}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				a := &answering{status: http.StatusNotFound}
				s := servingCSR(t, a, tc.verified)
				ended := make(chan error, 1)
				go func() {
					_, err := s.renew(ctx, time.Now().Add(time.Hour))
					ended <- err
				}()
				after(time.Minute)
				if n := a.count(); n > 0 {
					t.Errorf("%d requests although nothing has changed", n)
				}
				if tc.clusterIPs != nil {
					s.Service.seen([]*unstructured.Unstructured{{Object: map[string]any{
						"metadata": map[string]any{"name": "web"}, "spec": map[string]any{"clusterIPs": tc.clusterIPs},
					}}})
				}
				s.Changed.Set()
				after(time.Second)
				if got := a.wasAskedFor(requestsPath); got != tc.want {
					t.Errorf("a certificate was requested: %t, want %t", got, tc.want)
				}
				cancel()
				<-ended
			})
		})
	}
}

// servingCSR serves a certificate that the file of the signer's CA verifies, or that nothing does.
func servingCSR(t *testing.T, a *answering, verified bool) *CSR {
	t.Helper()
	s := newTestedCSR(t, a)
	ca := pairs.SelfSigned(t, "ca")
	s.State.Set(pairs.Sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{selfName}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca))
	if verified {
		s.CAFile = filepath.Join(t.TempDir(), "ca.crt")
		check(t, os.WriteFile(s.CAFile, ca.CertPEM(), 0o600))
	}
	s.cas = newFinder(s.Options, nil)
	id, err := s.identity(nil)
	check(t, err)
	s.who, s.spec = who{Identity: id}, csr.Spec{Identity: id, Profile: s.Profile}
	s.request.requester = s.newRequester(t.Context(), nil)
	return s
}
