// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// clientCAs is the file that envtest gives to the API server as --client-ca-file, and writes again at every start.
const clientCAs = "client-cert-auth-ca.crt"

// trustSignedClients lets those log in whose certificate the controller-manager has signed. In kubeadm's clusters,
// which have one CA for everything, they may. The API server reads the file again when it changes.
func (c *Cluster) trustSignedClients() error {
	file := filepath.Join(c.plane.APIServer.CertDir, clientCAs)
	cas, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the CAs of the API server's clients: %w", err)
	}
	if bytes.Contains(cas, c.ca.certPEM) {
		return nil
	}
	next := slices.Concat(cas, c.ca.certPEM)
	if err := os.WriteFile(file+".next", next, 0o600); err != nil { // #nosec G703 -- in the cluster's own directory.
		return fmt.Errorf("writing the CAs of the API server's clients: %w", err)
	}
	if err := os.Rename(file+".next", file); err != nil {
		return fmt.Errorf("replacing the CAs of the API server's clients: %w", err)
	}
	return nil
}
