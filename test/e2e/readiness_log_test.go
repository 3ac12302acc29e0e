// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestLostReadinessIsLogged: a program on the library says once why it is not ready any more, and once that it is again.
func TestLostReadinessIsLogged(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := s.BootstrapOptions(t)
	p := startProgram(t, options, bootstrap.ServerOptions{Address: options.SelfAddress})
	p.awaitReady(t)
	<-p.Ready()
	replaceService(t, s, nil)
	p.awaitNotReady(t, "does not exist")
	replaceService(t, s, &corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"})
	p.awaitReady(t)
	must(t, p.Readyz(request(t)))
	for _, words := range [][]string{{"No longer ready", `condition="service"`, "does not exist"}, {"Ready again"}} {
		if got := p.lines(words...); len(got) != 1 {
			t.Errorf("%d lines with %q, want 1: %q", len(got), words, got)
		}
	}
}

// TestAddressComesFromTheServer: a program that listens on another port than 9443 need not say so twice.
func TestAddressComesFromTheServer(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := s.BootstrapOptions(t)
	options.SelfAddress = ""
	p := startProgram(t, options, bootstrap.ServerOptions{Address: ":" + strconv.Itoa(s.Port)})
	p.awaitReady(t)
	wantAdmission(t, s)
}

// TestAddressOfAListener: nothing is known of the address before there is the listener.
func TestAddressOfAListener(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := s.BootstrapOptions(t)
	options.SelfAddress = ""
	p := startProgram(t, options, bootstrap.ServerOptions{Listen: func(ctx context.Context) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
	}})
	p.awaitReady(t)
}

// TestWrongAddressIsLogged: a server that is elsewhere than readiness looks is not ready, and the log says where it looks.
func TestWrongAddressIsLogged(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	options := s.BootstrapOptions(t)
	options.SelfAddress = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	p := startProgram(t, options, bootstrap.ServerOptions{Address: fmt.Sprintf("127.0.0.1:%d", s.Port)})
	clustertest.Eventually(t, func(context.Context) error {
		if len(p.lines("Serving, but not ready", options.SelfAddress, "SelfAddress")) == 0 {
			return fmt.Errorf("the log does not say where the handshake goes; readiness says %w", errOrNil(p.Readyz(request(t))))
		}
		return nil
	})
}

// TestNewWithoutStartSaysSo: nothing else would.
func TestNewWithoutStartSaysSo(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	boot, err := bootstrap.New(s.BootstrapOptions(t))
	must(t, err)
	if err := boot.Readyz(request(t)); err == nil || !strings.Contains(err.Error(), "was not started") {
		t.Errorf("readiness says %v", err)
	}
}
