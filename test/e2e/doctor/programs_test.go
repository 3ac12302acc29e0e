// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// program is other people's server, which reads tls.crt and tls.key in a directory.
type program struct {
	// denial is what it says of an object whose name begins with "bad".
	denial string
	// ask is the request about which it is asked; nil for the creation of a ConfigMap "bad".
	ask func(context.Context, *place) error
	// start starts it, to listen on an address of this machine.
	start func(t testing.TB, dir, address string)
	// after is what happens once it runs; nil for nothing.
	after func(t testing.TB, p *place, dir string)
	// plain is one that does not speak TLS, of which no certificate is waited for.
	plain bool
	// late is one that is not waited for at all: it listens after all else is made.
	late bool
}

// run writes the files of the place's leaf, starts the program, and returns its address once it presents the leaf.
func (g program) run(t testing.TB, p *place) string {
	t.Helper()
	dir := t.TempDir()
	p.write(t, dir, p.leaf)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(clustertest.FreePort(t)))
	g.start(t, dir, address)
	switch {
	case g.late:
	case g.plain:
		awaitListening(t, address)
	default:
		awaitPresented(t, address, p.leaf.cert)
	}
	if g.after != nil {
		g.after(t, p, dir)
		if !g.plain {
			awaitPresented(t, address, p.leaf.cert)
		}
	}
	return address
}

// write replaces the files as a kubelet and cert-manager do: certificates first, each in one step.
func (p *place) write(t testing.TB, dir string, leaf *authority) {
	t.Helper()
	pair := leaf.pair(len(p.tls.Certificates[0].Certificate) > 1)
	var chain []byte
	for _, der := range pair.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	must(t, err)
	replace(t, filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	replace(t, filepath.Join(dir, "tls.crt"), chain)
}

// replace writes a file in one step.
func replace(t testing.TB, path string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(path+".new", data, 0o600))
	must(t, os.Rename(path+".new", path))
}

func awaitListening(t testing.TB, address string) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// awaitPresented waits until a server presents a certificate.
func awaitPresented(t testing.TB, address string, want *x509.Certificate) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		got, err := site.Presented(ctx, address)
		if err != nil {
			return err
		}
		if !got.Equal(want) {
			return fmt.Errorf("%s presents the certificate %s", address, got.SerialNumber)
		}
		return nil
	})
}

// background runs a command until the test is over.
func background(t testing.TB, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); t.Failed() {
			t.Logf("%s has ended with %v, and said:\n%s", name, err, &said)
		}
	})
}
