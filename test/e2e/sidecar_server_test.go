// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// startFileServer is an HTTPS server of somebody who never heard of Kubernetes' certificates: it reads tls.crt and tls.key
// from dir for every connection, and says yes to whatever it is asked.
func startFileServer(t *testing.T, dir string, port int) {
	t.Helper()
	startFileServerAt(t, dir, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

func startFileServerAt(t *testing.T, dir, address string) {
	t.Helper()
	startFileServerWith(t, dir, address, sayYes)
}

// startFileServerWith answers with a function of the test.
func startFileServerWith(t *testing.T, dir, address string, answer http.HandlerFunc) {
	t.Helper()
	server := &http.Server{
		Handler: answer,
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				certificate, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
				pair, err := tls.LoadX509KeyPair(certificate, key)
				if err != nil { // Both were replaced after one was read: anyone who reads two files has to expect that.
					pair, err = tls.LoadX509KeyPair(certificate, key)
				}
				return &pair, err
			},
		},
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	must(t, err)
	var running sync.WaitGroup
	running.Go(func() { _ = server.ServeTLS(listener, "", "") }) // It ends with Close.
	t.Cleanup(func() { _ = server.Close(); running.Wait() })
}

// sayYes answers in the words of JSON alone. The connection ends with the answer, so that each call sees what is in the
// files by then.
func sayYes(w http.ResponseWriter, r *http.Request) {
	var review struct {
		APIVersion, Kind string
		Request          struct{ UID string }
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"apiVersion":%q,"kind":%q,"response":{"uid":%q,"allowed":true}}`,
		review.APIVersion, review.Kind, review.Request.UID)
}

// presented is the certificate that the server in the other container shows.
func presented(ctx context.Context, port int) (*x509.Certificate, error) {
	return site.Presented(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// sidecar is the library's side of `webhook issue`.
type sidecar struct {
	*bootstrap.Bootstrapper
	dir string
}

func startSidecar(t *testing.T, s *site.Site, change ...func(*bootstrap.Options)) *sidecar {
	t.Helper()
	options := s.BootstrapOptions(t)
	options.Sidecar, options.CertDir = true, filepath.Join(t.TempDir(), "serving")
	options.Registerer = prometheus.NewRegistry()
	for _, alter := range change {
		alter(&options)
	}
	boot, err := bootstrap.New(options)
	must(t, err)
	ctx, cancel := context.WithCancel(klog.NewContext(context.WithoutCancel(t.Context()), site.Logger(t)))
	var running sync.WaitGroup
	running.Go(func() {
		if err := boot.Start(ctx); err != nil {
			t.Errorf("the sidecar ended: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return &sidecar{Bootstrapper: boot, dir: options.CertDir}
}

// TestSidecarOfAServerInAnotherLanguage: what a plain HTTPS server reads from the files is trusted by the API server at any
// moment, through renewals and rotations of the CA, though every write of the caBundle takes its time.
func TestSidecarOfAServerInAnotherLanguage(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	boot := startSidecar(t, s, slowToPublish)
	startFileServer(t, boot.dir, s.Port)
	clustertest.Eventually(t, func(context.Context) error { return boot.Readyz(request(t)) })
	load := startStream(t, s)
	for round := range 3 {
		load.atLeast(t, 5)
		renewSidecar(t, s, boot)
		rotateFor(t, s, boot, strconv.Itoa(round))
		load.atLeast(t, 5)
	}
	load.end(t)
	must(t, boot.Readyz(request(t)))
}

// TestSidecarOfAnotherSigner: a signer that changes its CA announces nothing, so that a new certificate is there before
// the caBundle verifies it. It must not be in the files by then.
func TestSidecarOfAnotherSigner(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	first, second := newTestCA(t, "first"), newTestCA(t, "second")
	file, signs := newCAFile(t, first), newExternalSigner(t, s, first)
	boot := startSidecar(t, s, slowToPublish, func(options *bootstrap.Options) {
		options.SignerName, options.Approval, options.CAFile = unattendedSigner, csr.ApproveExternal, string(file)
	})
	startFileServer(t, boot.dir, s.Port)
	clustertest.Eventually(t, func(context.Context) error { return boot.Readyz(request(t)) })
	load := startStream(t, s)
	load.atLeast(t, 5)
	signs.ca.Store(second)
	file.write(t, bundleOf(first, second).PEM())
	renewSidecar(t, s, boot)
	load.atLeast(t, 5)
	load.end(t)
	must(t, boot.Leaf().CheckSignatureFrom(second.certificate))
}

// renewSidecar asks for a new certificate and waits until the server shows another than before.
func renewSidecar(t *testing.T, s *site.Site, boot *sidecar) {
	t.Helper()
	before := boot.Leaf()
	boot.Renew()
	clustertest.Eventually(t, func(ctx context.Context) error {
		now, err := presented(ctx, s.Port)
		if err == nil && now.Equal(before) {
			err = errors.New("the server still shows the certificate of before")
		}
		return err
	})
}

// rotateFor asks for a new CA and waits until the server shows a certificate of it.
func rotateFor(t *testing.T, s *site.Site, boot *sidecar, value string) {
	t.Helper()
	before, err := signingCA(t.Context(), s)
	must(t, err)
	askForRotation(t, s, value)
	clustertest.Eventually(t, func(ctx context.Context) error {
		ca, err := signingCA(ctx, s)
		if err != nil {
			return err
		}
		leaf, err := presented(ctx, s.Port)
		if err != nil {
			return err
		}
		if ca.Equal(before) {
			return errors.New("the old CA still signs")
		}
		if err := leaf.CheckSignatureFrom(ca); err != nil {
			return err
		}
		if !leaf.Equal(boot.Leaf()) {
			return errors.New("the server shows another certificate than the sidecar's")
		}
		return nil
	})
}

// TestReadyMeansThatTheOtherContainerIsCallable: its certificate counts, not what is in the files.
func TestReadyMeansThatTheOtherContainerIsCallable(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	boot := startSidecar(t, s)
	clustertest.Eventually(t, func(context.Context) error {
		if boot.Leaf() == nil {
			return errors.New("no certificate yet")
		}
		return boot.Conditions()[1].Check(t.Context())
	})
	if err := boot.Readyz(request(t)); err == nil {
		t.Error("ready, and nobody listens")
	}
	blind := startSidecar(t, s, func(options *bootstrap.Options) { options.SelfAddress = "" })
	clustertest.Eventually(t, func(context.Context) error { return blind.Readyz(request(t)) })
	if got := len(blind.Conditions()); got != 3 {
		t.Errorf("%d conditions where nothing is known of the server, want 3", got)
	}
	<-blind.Ready()
	other := t.TempDir()
	certificate, key := newTestCA(t, "other").issue(t, "hookstrap."+s.Namespace+".svc")
	swapProjected(t, other, map[string][]byte{"tls.crt": certificate, "tls.key": key})
	startFileServer(t, other, s.Port)
	if err := boot.Readyz(request(t)); err == nil {
		t.Error("ready, and the server serves the certificate of another CA")
	}
}
