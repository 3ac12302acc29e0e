// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// startRigidServer is an HTTPS server that reads its files once, when it starts. The function ends it.
func startRigidServer(t *testing.T, dir string, port int) (stop func()) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	must(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	must(t, err)
	server := &http.Server{
		Handler:   http.HandlerFunc(sayYes),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}},
	}
	var running sync.WaitGroup
	running.Go(func() { _ = server.ServeTLS(listener, "", "") }) // It ends with Close.
	stop = sync.OnceFunc(func() { _ = server.Close(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// notLoaded are what tells of a server that has not loaded its certificate: its words, and its metric.
const (
	notLoaded      = "the other container has not loaded the new certificate: have it read the files"
	outdatedMetric = "\nhookstrap_sidecar_outdated "
)

// TestSidecarThatNeverReloads: a server that does not load its new certificate is called for as long as the old one is
// good. It is said within a minute, in the log, by an event, a metric and the long answer of readiness.
func TestSidecarThatNeverReloads(t *testing.T) {
	t.Parallel()
	s, dir := site.New(t, shared, site.Options{}), t.TempDir()
	executable, err := binary()
	must(t, err)
	health, metrics := freeAddress(t), freeAddress(t)
	issuer, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable, Command: "issue",
		Args: issueArgs(t, s, "--cert-dir="+dir, "--self-address="+address(s), "--health-probe-bind-address="+health,
			"--metrics-bind-address="+metrics),
		Env: []string{"POD_NAME=hookstrap-0", "POD_UID=" + podUID},
	})
	must(t, err)
	t.Cleanup(issuer.Kill)
	awaitPhase(t, issuer, "trusted", 1)
	stop := startRigidServer(t, dir, s.Port)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })

	must(t, issuer.Signal(syscall.SIGHUP))
	awaitPhase(t, issuer, "served", 2)
	clustertest.EventuallyWithin(t, time.Minute, func(ctx context.Context) error {
		return hasText(ctx, "http://"+metrics+"/metrics", outdatedMetric+"1\n")
	})
	must(t, hasText(t.Context(), "http://"+health+"/readyz?verbose", "[+]handshake ok: "+notLoaded))
	must(t, readyz(t.Context(), health)) // The old one is good still.
	event := awaitEvent(t, s, "CertificateNotLoaded", corev1.EventTypeWarning)
	if !strings.Contains(event.Message, notLoaded) {
		t.Errorf("the event says %q", event.Message)
	}
	if said := strings.Count(issuer.Log(), notLoaded); said != 1 {
		t.Errorf("the log says it %d times, want once:\n%s", said, issuer.Log())
	}

	stop()
	startRigidServer(t, dir, s.Port)
	clustertest.Eventually(t, func(ctx context.Context) error {
		return hasText(ctx, "http://"+metrics+"/metrics", outdatedMetric+"0\n")
	})
	must(t, hasText(t.Context(), "http://"+health+"/readyz?verbose", "[+]handshake ok\n"))
	awaitEvent(t, s, "CertificateLoaded", corev1.EventTypeNormal)
}

// freeAddress is a port of loopback, for a server to be told.
func freeAddress(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(clustertest.FreePort(t)))
}

// hasText returns nil if the page has the text.
func hasText(ctx context.Context, url, text string) error {
	_, body, err := fetch(ctx, url)
	if err == nil && !strings.Contains(body, text) {
		err = fmt.Errorf("%s does not say %q:\n%s", url, text, body)
	}
	return err
}
