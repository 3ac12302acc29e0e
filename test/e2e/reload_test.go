// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestBadCAFileIsCounted: --ca-file is read again for every certificate; one that has become unreadable has a counter and
// an event of its own, and costs nothing that was good.
func TestBadCAFileIsCounted(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	ca := newTestCA(t, "right")
	go ca.answer(t, s)
	options := withEvents(t, s)
	options.SignerName, options.Approval, options.CAFile = unattendedSigner, csr.ApproveExternal, ca.file(t)
	server := s.Start(t, options)
	server.AwaitReady(t)
	must(t, os.WriteFile(options.CAFile, []byte("garbage"), 0o600))
	server.Renew()
	clustertest.Eventually(t, func(context.Context) error {
		if server.Value(t, "hookstrap_reload_errors_total", "ca") == 0 {
			return errors.New("the bad CA file is not counted yet")
		}
		return nil
	})
	awaitEvent(t, s, "FilesNotReloaded", corev1.EventTypeWarning)
	wantAdmission(t, s)
}
