// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"testing"
)

// wantNote waits until readiness says, or no longer says, that files are not in use; it is ready all the same.
func wantNote(t *testing.T, b *Bootstrapper, what string) {
	t.Helper()
	await(t, func() error {
		note := b.Conditions()[0].Note()
		if what == "" && note != "" || !strings.Contains(note, what) {
			return fmt.Errorf("readiness says %q, want %q", note, what)
		}
		return nil
	})
	check(t, b.certificateNow())
}

// TestRefusedFilesAreInReadiness: a file that is not used is said for as long as it is not, also if it becomes again
// what it was.
func TestRefusedFilesAreInReadiness(t *testing.T) {
	b := demanding(t, tls.VersionTLS13)
	b.state.Set(selfSigned(t, selfName))
	good, err := os.ReadFile(b.options.ClientCAFile)
	check(t, err)
	go func() { _ = b.followClientAuth(t.Context()) }() // It ends with the test.
	wantNote(t, b, "")
	check(t, os.WriteFile(b.options.ClientCAFile, []byte("garbage"), 0o600))
	wantNote(t, b, "the last good files (client-ca) stay in use: ")
	check(t, os.WriteFile(b.options.ClientCAFile, good, 0o600))
	wantNote(t, b, "")

	directory := t.TempDir()
	b.options.CertDir = directory
	go func() { _ = b.runFiles(t.Context()) }() // The same.
	write := func(certificate, key []byte) {
		check(t, os.WriteFile(directory+"/tls.crt", certificate, 0o600))
		check(t, os.WriteFile(directory+"/tls.key", key, 0o600))
	}
	pair := selfSigned(t, selfName)
	key, err := pair.KeyPEM()
	check(t, err)
	write([]byte("garbage"), key)
	wantNote(t, b, "(certificate)")
	write(pair.CertPEM(), key)
	wantNote(t, b, "")
}
