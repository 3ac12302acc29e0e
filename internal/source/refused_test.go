// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/test/pairs"
)

// wantNote waits until readiness says, or no longer says, that files are not in use; it is ready all the same.
func wantNote(t *testing.T, r *report.Reporter, what string) {
	t.Helper()
	await(t, func() error {
		note := r.Files.Note()
		if what == "" && note != "" || !strings.Contains(note, what) {
			return fmt.Errorf("readiness says %q, want %q", note, what)
		}
		return nil
	})
}

// TestRefusedFilesAreInReadiness: a file that is not used is said for as long as it is not, also if it becomes again
// what it was.
func TestRefusedFilesAreInReadiness(t *testing.T) {
	cas := clientCAs(t, nil)
	good, err := os.ReadFile(cas.File)
	check(t, err)
	go func() { _ = cas.Follow(t.Context()) }() // It ends with the test.
	wantNote(t, cas.Report, "")
	check(t, os.WriteFile(cas.File, []byte("garbage"), 0o600))
	wantNote(t, cas.Report, "the last good files (client-ca) stay in use: ")
	check(t, os.WriteFile(cas.File, good, 0o600))
	wantNote(t, cas.Report, "")

	directory := t.TempDir()
	o := newOptions(t, nil)
	o.CertDir = directory
	go func() { _ = NewFiles(o).Run(t.Context()) }() // The same.
	write := func(certificate, key []byte) {
		check(t, os.WriteFile(directory+"/tls.crt", certificate, 0o600))
		check(t, os.WriteFile(directory+"/tls.key", key, 0o600))
	}
	pair := pairs.SelfSigned(t, selfName)
	key, err := pair.KeyPEM()
	check(t, err)
	write([]byte("garbage"), key)
	wantNote(t, o.Report, "(certificate)")
	write(pair.CertPEM(), key)
	wantNote(t, o.Report, "")
}
