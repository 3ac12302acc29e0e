// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

func TestNewReadsTheClientCAs(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	check(t, os.WriteFile(empty, nil, 0o600))
	garbage := filepath.Join(t.TempDir(), "garbage")
	check(t, os.WriteFile(garbage, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o600))
	for _, file := range []string{empty, garbage} {
		_, err := New(Options{
			RESTConfig:   &rest.Config{Host: "https://127.0.0.1:1"},
			Environment:  Environment{Service: "web", Namespace: "shop", ServiceAccount: "web"},
			ClientCAFile: file, ExternalTrust: true,
		})
		if err == nil || !strings.Contains(err.Error(), "ClientCAFile") || !strings.Contains(err.Error(), file) {
			t.Errorf("New = %v, want an error that names ClientCAFile and %s", err, file)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
