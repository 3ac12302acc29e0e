// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package helm runs real Helm, as users do: versions 3 and 4, built from their Go modules by `make helm`.
package helm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// Helm is one version of Helm. It keeps what it writes in a directory of its own.
type Helm struct {
	Version string // such as v4.3.2
	binary  string
	home    string
	// Kubeconfig is the cluster's. Without it, Helm only renders.
	Kubeconfig string
}

// Chart is the directory of our chart.
func Chart() string { return filepath.Join(site.Root(), "charts", "hookstrap") }

// Find finds Helm 3 and Helm 4 where `make helm` puts them. home is a directory that they may write to.
func Find(home string) ([]Helm, error) {
	var found []Helm
	for _, module := range []string{"helm.sh/helm/v3", "helm.sh/helm/v4"} {
		version, err := pinned(module)
		if err != nil {
			return nil, err
		}
		binary := filepath.Join(site.Root(), "bin", runtime.GOOS+"-"+runtime.GOARCH, "helm-"+version)
		if _, err := os.Stat(binary); err != nil {
			return nil, fmt.Errorf("finding Helm: run `make helm`, which builds it: %w", err)
		}
		found = append(found, Helm{Version: version, binary: binary, home: filepath.Join(home, version)})
	}
	return found, nil
}

// pinned is the version of a module in test/gitops/go.mod.
func pinned(module string) (string, error) {
	file := filepath.Join(site.Root(), "test", "gitops", "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	_, rest, found := strings.Cut(string(text), "\t"+module+" ")
	if !found {
		return "", fmt.Errorf("%s does not require %s", file, module)
	}
	return strings.Fields(rest)[0], nil
}

// Run runs Helm, and returns what it printed. The error has what it complained of.
func (h Helm) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.binary, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+h.Kubeconfig, "HELM_CACHE_HOME="+h.home, "HELM_CONFIG_HOME="+h.home,
		"HELM_DATA_HOME="+h.home)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s (%s): %w: %s", strings.Join(args, " "), h.Version, err,
			bytes.TrimSpace(complaints.Bytes()))
	}
	return out.String(), nil
}
