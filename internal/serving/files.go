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

// The files that make a pair, by the names which cert-manager, the kubelet and kubectl write.
const (
	certFile   = "tls.crt"              // the chain, leaf first
	keyFile    = "tls.key"              // the private key
	caFile     = "ca.crt"               // the CA certificates; may be missing
	bundleFile = "credentialbundle.pem" // key and chain in one file, read when both of the first are missing
)

const (
	// dataLink is the symbolic link to the current generation in directories that the kubelet or a Directory writes.
	dataLink = "..data"
	// maxFileSize is the most a Secret can hold, in bytes.
	maxFileSize = 1 << 20
	// maxSwaps is how many swaps of the generation in a row a reader puts up with.
	maxSwaps = 100
)

// readPair reads the pair in dir, and all files of it from one generation.
func readPair(dir string) (*Pair, error) {
	for range maxSwaps {
		before, err := generation(dir)
		if err != nil {
			return nil, fmt.Errorf("finding the current files of certificate directory %s: %w", dir, err)
		}
		pair, err := readFiles(before)
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
func readFiles(dir string) (*Pair, error) {
	cert, certErr := readFile(dir, certFile)
	key, keyErr := readFile(dir, keyFile)
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		bundle, err := readFile(dir, bundleFile)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("neither %s and %s nor %s are in certificate directory %s, "+
				"wait until they are written: %w", certFile, keyFile, bundleFile, dir, fs.ErrNotExist)
		}
		cert, key, certErr, keyErr = bundle, bundle, err, err
	}
	if err := cmp.Or(certErr, keyErr); err != nil {
		return nil, err
	}
	// The CA comes last: it may be missing, and must not be for having been written only after we looked, by somebody
	// who then wrote the rest.
	ca, err := readFile(dir, caFile)
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
