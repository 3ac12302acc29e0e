// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Files are the names of the files that make a pair, relative to their directory. An empty name stands for the usual
// one, which is what cert-manager, the kubelet and kubectl write.
type Files struct {
	Cert   string // the chain, leaf first: tls.crt
	Key    string // the private key: tls.key
	CA     string // the CA certificates, may be missing: ca.crt
	Bundle string // key and chain in one file, read when Cert and Key are both missing: credentialbundle.pem
}

func (f Files) withDefaults() Files {
	return Files{
		Cert:   cmp.Or(f.Cert, "tls.crt"),
		Key:    cmp.Or(f.Key, "tls.key"),
		CA:     cmp.Or(f.CA, "ca.crt"),
		Bundle: cmp.Or(f.Bundle, "credentialbundle.pem"),
	}
}

// validate refuses names that lead out of the directory, which is not watched.
func (f Files) validate() error {
	for _, name := range []string{f.Cert, f.Key, f.CA, f.Bundle} {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("file name %q leads out of the certificate directory: give a name relative to it", name)
		}
	}
	return nil
}

const (
	// dataLink is the symbolic link to the current generation in directories that the kubelet or a Directory writes.
	dataLink = "..data"
	// maxFileSize is the most a Secret can hold, in bytes.
	maxFileSize = 1 << 20
	// maxSwaps is how many swaps of the generation in a row a reader puts up with.
	maxSwaps = 100
)

// readPair reads the pair in dir, and all files of it from one generation.
func readPair(dir string, names Files) (*Pair, error) {
	for range maxSwaps {
		before, err := generation(dir)
		if err != nil {
			return nil, fmt.Errorf("finding the current files of certificate directory %s: %w", dir, err)
		}
		pair, err := readFiles(before, names)
		// A generation is removed only after the link was swapped. As long as the link is where it was, nothing was
		// missing because it had just been removed, not even the CA, which may be missing.
		if after, afterErr := generation(dir); afterErr == nil && after == before {
			return pair, err
		}
	}
	return nil, fmt.Errorf("certificate directory %s was swapped %d times while it was being read: "+
		"find out who keeps writing it", dir, maxSwaps)
}

// generation returns the directory in which the current files are: dir itself when it has no generations. It reads
// the link once and does not look at what it points to, which may be gone the next moment.
func generation(dir string) (string, error) {
	target, err := os.Readlink(filepath.Join(dir, dataLink))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dir, nil
	case err != nil:
		return "", err
	case filepath.IsAbs(target):
		return target, nil
	}
	return filepath.Join(dir, target), nil
}

// readFiles reads and parses the files in one generation.
func readFiles(dir string, names Files) (*Pair, error) {
	cert, certErr := readFile(dir, names.Cert)
	key, keyErr := readFile(dir, names.Key)
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		bundle, err := readFile(dir, names.Bundle)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("neither %s and %s nor %s are in certificate directory %s, "+
				"wait until they are written: %w", names.Cert, names.Key, names.Bundle, dir, fs.ErrNotExist)
		}
		cert, key, certErr, keyErr = bundle, bundle, err, err
	}
	if err := cmp.Or(certErr, keyErr); err != nil {
		return nil, err
	}
	// The CA comes last: it may be missing, and must not be for having been written only after we looked, by somebody
	// who then wrote the rest.
	ca, err := readFile(dir, names.CA)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pair, err := ParsePair(cert, key, ca)
	if err != nil {
		return nil, fmt.Errorf("in certificate directory %s: %w", dir, err)
	}
	return pair, nil
}

// readFile reads a regular file of a sensible size.
func readFile(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	// Opening a named pipe would otherwise wait for somebody to write to it, perhaps indefinitely.
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a certificate or key: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("looking at a certificate or key: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileSize {
		return nil, fmt.Errorf("%s is no certificate or key (%s, %d bytes): put a PEM file of at most %d bytes there",
			path, info.Mode(), info.Size(), maxFileSize)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, nil
}
