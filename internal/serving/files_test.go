// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestReadPairOfTheFilesThatAreThere(t *testing.T) {
	root := newRoot(t, "root")
	pair, other := newPair(t, root), newPair(t, root)
	bundle := slices.Concat(keyPEM(t, pair), pair.CertPEM())
	for name, tc := range map[string]struct {
		files map[string][]byte
		want  string // of the error; empty: the pair
	}{
		"the usual names": {map[string][]byte{
			"tls.crt": pair.CertPEM(), "tls.key": keyPEM(t, pair), "ca.crt": pair.CAPEM(),
		}, ""},
		"a bundle": {map[string][]byte{"credentialbundle.pem": bundle, "ca.crt": pair.CAPEM()}, ""},
		"the files before the bundle": {map[string][]byte{
			"tls.crt": pair.CertPEM(), "tls.key": keyPEM(t, pair), "ca.crt": pair.CAPEM(),
			"credentialbundle.pem": slices.Concat(keyPEM(t, other), other.CertPEM()),
		}, ""},
		"nothing":                {nil, "neither tls.crt and tls.key nor credentialbundle.pem"},
		"a certificate alone":    {map[string][]byte{"tls.crt": pair.CertPEM(), "credentialbundle.pem": bundle}, "tls.key"},
		"a key alone":            {map[string][]byte{"tls.key": keyPEM(t, pair)}, "tls.crt"},
		"the key of another":     {map[string][]byte{"tls.crt": pair.CertPEM(), "tls.key": keyPEM(t, other)}, "do not make a pair"},
		"a bundle without a key": {map[string][]byte{"credentialbundle.pem": pair.CertPEM()}, "do not make a pair"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, data := range tc.files {
				write(t, data, dir, file)
			}
			got, err := readPair(dir)
			switch {
			case tc.want == "" && (err != nil || !got.Equal(pair)):
				t.Errorf("readPair = %v, %v, want %v", got, err, pair)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("readPair = %v, %v, want an error with %q", got, err, tc.want)
			}
		})
	}
}

// TestReadPairFromOneGeneration reads a directory whose visible names lead to another pair than its current generation.
func TestReadPairFromOneGeneration(t *testing.T) {
	root, d := newRoot(t, "root"), open(t)
	current, stale := newPair(t, root), newPair(t, root)
	save(t, d, current)
	for name, data := range map[string][]byte{"tls.crt": stale.CertPEM(), "tls.key": keyPEM(t, stale)} {
		if err := os.Remove(filepath.Join(d.Path(), name)); err != nil {
			t.Fatal(err)
		}
		write(t, data, d.Path(), name)
	}
	if got, err := d.Load(); err != nil || !got.Equal(current) {
		t.Errorf("Load = %v, %v, want the pair behind ..data, %v", got, err, current)
	}
}

func TestReadPairThroughAnAbsoluteDataLink(t *testing.T) {
	pair, dir, elsewhere := newPair(t, newRoot(t, "root")), t.TempDir(), t.TempDir()
	write(t, pair.CertPEM(), elsewhere, "tls.crt")
	write(t, keyPEM(t, pair), elsewhere, "tls.key")
	write(t, pair.CAPEM(), elsewhere, "ca.crt")
	if err := os.Symlink(elsewhere, filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if got, err := readPair(dir); err != nil || !got.Equal(pair) {
		t.Errorf("readPair = %v, %v, want %v", got, err, pair)
	}
}

// TestReadFileOfANamedPipe would hang if opening waited for a writer.
func TestReadFileOfANamedPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "tls.crt"), 0o600); err != nil {
		t.Fatalf("making a named pipe: %v", err)
	}
	if _, err := readFile(dir, "tls.crt"); err == nil || !strings.Contains(err.Error(), "put a PEM file") {
		t.Errorf("readFile of a named pipe = %v, want an error that says what to put there", err)
	}
}

func TestReadPairOfAMissingDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	if _, err := readPair(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("readPair = %v, want fs.ErrNotExist", err)
	}
}

func TestReadPairWhereDataIsNoLink(t *testing.T) {
	dir := t.TempDir()
	write(t, nil, dir, "..data")
	if _, err := readPair(dir); err == nil || !strings.Contains(err.Error(), "..data") {
		t.Errorf("readPair = %v, want an error that names ..data", err)
	}
}
