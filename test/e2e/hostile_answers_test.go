// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/elliptic"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// signature is how a signer answers a request.
type signature func(*x509.CertificateRequest) ([]byte, error)

// hostileAnswer is one that must not be served, although the API server has taken it.
type hostileAnswer struct {
	name string
	sign signature
	// says is why it is refused.
	says string
}

// mayComeRight: its time may come, or its CA may become known.
func (h hostileAnswer) mayComeRight() bool {
	return h.name == "from the future" || h.name == "of another CA"
}

// altered is what ca signs with one thing changed.
func altered(t *testing.T, ca *testCA, alter func(*x509.Certificate)) signature {
	t.Helper()
	return func(asked *x509.CertificateRequest) ([]byte, error) {
		template := leafTemplate(t, asked.DNSNames)
		alter(template)
		return ca.leaf(template, asked)
	}
}

func hostileAnswers(t *testing.T, ca *testCA) []hostileAnswer {
	t.Helper()
	return []hostileAnswer{
		{"for another key", func(asked *x509.CertificateRequest) ([]byte, error) {
			other := *asked
			other.PublicKey = onCurve(elliptic.P256())(t).Public()
			return ca.leaf(leafTemplate(t, asked.DNSNames), &other)
		}, "another public key"},
		{"for other names", altered(t, ca, func(c *x509.Certificate) {
			c.DNSNames = []string{"other.example.svc"}
		}), "lacks the SANs"},
		{"a client's", altered(t, ca, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), "server auth"},
		{"a CA's", altered(t, ca, func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage = true, c.KeyUsage|x509.KeyUsageCertSign
		}), "it is a CA certificate"},
		{"expired", altered(t, ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }), "it expires at"},
		{"from the future", altered(t, ca, func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(10 * time.Minute)
		}), "it is not valid before"},
		{"of another CA", altered(t, newTestCA(t, "foreign"), func(*x509.Certificate) {}), "no CA verifies the certificate"},
		{"behind a foreign CA", func(asked *x509.CertificateRequest) ([]byte, error) {
			good, err := ca.leaf(leafTemplate(t, nil), asked)
			return slices.Concat(newTestCA(t, "first").pem(), good), err
		}, "another public key"},
	}
}

// TestHostileAnswersAreNotServed: a signer answers renewals with certificates that must not be served. The server says
// why, keeps the one that it has, and takes the next good one.
func TestHostileAnswersAreNotServed(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	ca := newTestCA(t, "right")
	var current atomic.Pointer[signature]
	answer := func(sign signature) { current.Store(&sign) }
	honest := altered(t, ca, func(*x509.Certificate) {})
	answer(honest)
	go answerWith(t, s, func(asked *x509.CertificateRequest) ([]byte, error) { return (*current.Load())(asked) })
	server := startProcess(t, s, s.Config(t), "--signer-name="+unattendedSigner, "--approve=external", "--ca-file="+ca.file(t))
	awaitPhase(t, server, "ready", 1)

	for _, hostile := range hostileAnswers(t, ca) {
		t.Run(hostile.name, func(t *testing.T) {
			good := snapshot(t, s)
			logged, served := len(server.Log()), len(server.Phases("served"))
			answer(hostile.sign)
			must(t, server.Signal(syscall.SIGHUP))
			clustertest.Eventually(t, func(context.Context) error { return says(server, logged, hostile.says) })
			good.wantUntouched(t)
			answer(honest)
			if hostile.mayComeRight() { // Then another one is only requested when a renewal is asked for again.
				must(t, server.Signal(syscall.SIGHUP))
			}
			awaitPhase(t, server, "served", served+1)
		})
	}
	wantAdmission(t, s)
}

// says wants one line of the log behind an offset that reports a failure with those words.
func says(server *process.Server, from int, words string) error {
	for line := range strings.Lines(server.Log()[from:]) {
		if strings.Contains(line, `"Will try again"`) && strings.Contains(line, words) {
			return nil
		}
	}
	return fmt.Errorf("nobody says %q:\n%s", words, server.Log()[from:])
}

// TestBackdatedCertificateIsNotRenewedForEver: nine tenths of its life are over when it comes.
func TestBackdatedCertificateIsNotRenewedForEver(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	ca := newTestCA(t, "late")
	go answerWith(t, s, altered(t, ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(-24 * time.Hour) }))
	server := startProcess(t, s, s.Config(t), "--signer-name="+unattendedSigner, "--approve=external", "--ca-file="+ca.file(t))
	awaitPhase(t, server, "ready", 1)
	wantAdmission(t, s)
	must(t, server.Signal(syscall.SIGHUP)) // The renewal that was asked for comes, and none beside it.
	awaitPhase(t, server, "served", 2)
	wantAdmission(t, s)
	if got := len(requestsOf(t, s)); got != 2 {
		t.Errorf("%d CertificateSigningRequests, want 2", got)
	}
}

// TestGarbageIsNoCertificate: what is no certificate at all does not even get past the API server, so that no one who
// reads a request has to expect it.
func TestGarbageIsNoCertificate(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	for name, garbage := range map[string][]byte{
		"text":      []byte("garbage"),
		"not X.509": encode("CERTIFICATE", []byte("garbage")),
		"a key":     encode("PRIVATE KEY", []byte("garbage")),
	} {
		t.Run(name, func(t *testing.T) {
			obj := s.submitApproved(t, s.client(t), s.serverName())
			obj.Status.Certificate = garbage
			requests := s.Admin.CertificatesV1().CertificateSigningRequests()
			_, err := requests.UpdateStatus(t.Context(), obj, metav1.UpdateOptions{})
			if !apierrors.IsInvalid(err) {
				t.Errorf("the API server says %v, want that it is invalid", err)
			}
		})
	}
}
