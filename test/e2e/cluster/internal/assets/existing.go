// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// EnvExisting is the directory of etcd, kube-apiserver and kubectl that envtest of controller-runtime uses as well.
const EnvExisting = "KUBEBUILDER_ASSETS"

// oldest is the lowest Kubernetes that is taken from setup-envtest's store without being asked for.
const oldest = "v1.28"

// Existing are binaries that were not built here. The zero value has none.
type Existing struct {
	// Dir has etcd and kube-apiserver at least.
	Dir string
	// Kubernetes is the version of kube-apiserver, with its leading "v".
	Kubernetes string
	// From says in a few words who has chosen Dir.
	From string
}

// findExisting returns the binaries in the directory of the environment variable, or those with the highest version in
// setup-envtest's store.
func findExisting() (Existing, error) {
	if dir := os.Getenv(EnvExisting); dir != "" {
		for _, c := range []Component{Etcd, APIServer} {
			if !executable(filepath.Join(dir, string(c))) {
				return Existing{}, fmt.Errorf("%s is %s, which has no %s: correct it, or unset it to build one",
					EnvExisting, dir, c)
			}
		}
		version, err := versionOf(filepath.Join(dir, string(APIServer)))
		return Existing{Dir: dir, Kubernetes: version, From: EnvExisting}, err
	}
	return newest(Store()), nil
}

// Store is where setup-envtest keeps binaries: a directory for each version and platform. It is the directory that
// envtest of controller-runtime looks into.
func Store() string {
	home, _ := os.UserHomeDir() // Without one there is no such directory.
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "io.kubebuilder.envtest", "k8s")
	}
	data := cmp.Or(os.Getenv("XDG_DATA_HOME"), filepath.Join(home, ".local", "share"))
	return filepath.Join(data, "kubebuilder-envtest", "k8s")
}

// newest is the highest version in a store that is for this platform, complete and not too old.
func newest(store string) Existing {
	platform := "-" + runtime.GOOS + "-" + runtime.GOARCH
	dirs, _ := filepath.Glob(filepath.Join(store, "*"+platform))
	var found []Existing
	for _, dir := range dirs {
		version := "v" + strings.TrimSuffix(filepath.Base(dir), platform)
		complete := executable(filepath.Join(dir, string(Etcd))) && executable(filepath.Join(dir, string(APIServer)))
		if complete && semver.Compare(version, oldest) >= 0 {
			found = append(found, Existing{Dir: dir, Kubernetes: version, From: "setup-envtest"})
		}
	}
	if len(found) == 0 {
		return Existing{}
	}
	return slices.MaxFunc(found, func(a, b Existing) int { return semver.Compare(a.Kubernetes, b.Kubernetes) })
}

// versionOf asks kube-apiserver for its version, such as v1.34.1.
func versionOf(apiServer string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, apiServer, "--version").Output() // #nosec G204 G702 -- the user's own binary
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", apiServer, err)
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(out)), "Kubernetes ")
	if !semver.IsValid(version) {
		return "", fmt.Errorf("%s --version prints %q, which is not a version of Kubernetes: set %s to another directory",
			apiServer, out, EnvExisting)
	}
	return version, nil
}
