// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestListenOutlivesServe: what is asked while the server is dead is answered by the next one, and the port is closed
// when both have been told to end.
func TestListenOutlivesServe(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	dir, err := os.MkdirTemp("", "l") //nolint:usetesting // The path of a Unix socket must be short.
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := "--listener-socket=" + filepath.Join(dir, "socket")
	holder := startListen(t, s, socket)
	flags := []string{socket, "--cert-dir=" + filepath.Join(t.TempDir(), "serving")}
	server := startProcess(t, s, s.Config(t), flags...)
	awaitPhase(t, server, "ready", 1)
	awaitHeld(t, holder)
	const callers = 5
	awaitAdmission(t, s)

	for range 2 {
		server.Kill()
		conn, err := net.Dial("tcp", admissionAddress(s))
		must(t, err)
		must(t, conn.Close())
		answers := make(chan error, callers)
		for range callers {
			go func() { answers <- admitAcrossKill(t.Context(), s) }()
		}
		server = startProcess(t, s, s.Config(t), flags...)
		for range callers {
			must(t, <-answers)
		}
	}
	must(t, server.Stop())
	must(t, holder.Stop())
	if conn, err := net.Dial("tcp", admissionAddress(s)); err == nil {
		_ = conn.Close()
		t.Error("the port is still open")
	}
}

// admitAcrossKill admits an object. The API server may not have seen yet that its connection died with the server, and
// it does not repeat a call; the connection of the second attempt is a new one, which must wait for the next server.
func admitAcrossKill(ctx context.Context, s *site.Site) error {
	err := s.Admit(ctx, site.GoodImage)
	if err == nil || strings.Contains(err.Error(), "connection refused") {
		return err
	}
	if again := s.Admit(ctx, site.GoodImage); again != nil {
		return fmt.Errorf("%w (and before that %w)", again, err)
	}
	return nil
}

// awaitHeld waits until the holder has the port: it has passed it to a server or, if that came first, adopted it.
func awaitHeld(t *testing.T, holder *process.Server) {
	t.Helper()
	clustertest.Eventually(t, func(context.Context) error {
		for _, said := range []string{"Passing the listener to a server", "Adopted the listener of a server"} {
			if strings.Contains(holder.Log(), said) {
				return nil
			}
		}
		return errors.New("the holder has no listener yet")
	})
}

func admissionAddress(s *site.Site) string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// startListen runs `webhook listen` for a site until the test ends.
func startListen(t *testing.T, s *site.Site, socket string) *process.Server {
	t.Helper()
	executable, err := binary()
	must(t, err)
	holder, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable, Command: "listen",
		Args: []string{socket, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.Port)},
	})
	must(t, err)
	t.Cleanup(func() {
		holder.Kill()
		if t.Failed() {
			t.Logf("the log of webhook listen:\n%s", holder.Log())
		}
	})
	return holder
}
