// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestCAFileWithAByteOrderMark: all its CAs are published, the first one too.
func TestCAFileWithAByteOrderMark(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	root, other := newTestCA(t, "root"), newTestCA(t, "other")
	dir, file := t.TempDir(), newCAFile(t)
	file.write(t, slices.Concat([]byte("\ufeff"), root.pem(), other.pem()))
	certificate, key := other.issue(t, site.Service+"."+s.Namespace+".svc")
	writeFiles(t, dir, map[string][]byte{"tls.crt": certificate, "tls.key": key})
	options := s.BootstrapOptions(t)
	options.Source, options.CertDir, options.CAFile = bootstrap.SourceFiles, dir, string(file)
	s.Start(t, options).AwaitReady(t)
	awaitLiveCAs(t, s, root, other)
}
