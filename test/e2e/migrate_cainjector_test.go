// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build cainjector

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestMigrateFromCainjector is TestMigrateFromCertManager with cert-manager's own cainjector, the program in the environment
// variable CAINJECTOR: `make test-cainjector` builds it and runs this.
func TestMigrateFromCainjector(t *testing.T) {
	migrateFromCertManager(t, func(m *migration) {
		inBackground(t, nil, os.Getenv("CAINJECTOR"), shared.Kubeconfig())
		m.setBundle(t, newTestCA(t, "another").pem()) // So that it has something to add.
		clustertest.Eventually(t, func(ctx context.Context) error {
			live, err := m.LiveConfiguration(ctx)
			if err == nil && !bytes.Contains(live.Webhooks[0].ClientConfig.CABundle, m.theirs.pem()) {
				err = errors.New("cainjector has not added its CA to the caBundle yet")
			}
			return err
		})
	})
}
