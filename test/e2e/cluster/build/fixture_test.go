// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// printsVersion is a component in small: all it does is say which version was stamped into it.
const printsVersion = `package main

import "k8s.io/component-base/version"

func main() { println(version.String()) }
`

// repository is a whole repository whose components are a few lines each, built by the real go command.
var repository = map[string]string{
	"go.mod":                             "module " + assets.ModulePath + "\n",
	"test/e2e/go.mod":                    "module " + assets.ModulePath + "/test/e2e\n",
	"test/e2e/cluster/supervise/main.go": "package main\n\nfunc main() {}\n",
	"test/e2e/cluster/components/go.mod": `module example.test/components

require (
	go.etcd.io/etcd/server/v3 v3.7.3
	k8s.io/component-base v0.37.2
	k8s.io/kubernetes v1.37.2
)

replace (
	go.etcd.io/etcd/server/v3 => ../../../../etcd
	k8s.io/component-base => ../../../../component-base
	k8s.io/kubernetes => ../../../../kubernetes
)
`,
	"etcd/go.mod":                                    "module go.etcd.io/etcd/server/v3\n",
	"etcd/main.go":                                   "package main\n\nfunc main() {}\n",
	"component-base/go.mod":                          "module k8s.io/component-base\n",
	"component-base/version/all.go":                  versionPackage,
	"kubernetes/go.mod":                              "module k8s.io/kubernetes\n\nrequire k8s.io/component-base v0.37.2\n",
	"kubernetes/cmd/kube-apiserver/main.go":          printsVersion,
	"kubernetes/cmd/kube-controller-manager/main.go": printsVersion,
	"kubernetes/cmd/kubectl/main.go":                 printsVersion,
	"kubernetes/cmd/kubelet/main.go":                 printsVersion,
	"kubernetes/cmd/kube-proxy/main.go":              printsVersion,
	"kubernetes/cmd/kube-scheduler/main.go":          printsVersion,
}

const versionPackage = `package version

var gitVersion, gitMajor, gitMinor, gitTreeState string

func String() string { return gitVersion + " " + gitMajor + "." + gitMinor + " " + gitTreeState }
`

// fixture writes the repository and returns a builder for it, with what it prints.
func fixture(t *testing.T) (*builder, *transcript) {
	t.Helper()
	root := t.TempDir()
	for name, content := range repository {
		write(t, filepath.Join(root, name), content)
	}
	t.Chdir(root)
	// Otherwise what is built here would replace the components of this machine, or those would be found.
	t.Setenv(assets.EnvDir, "")
	t.Setenv(assets.EnvKubernetes, "")
	t.Setenv(assets.EnvExisting, "")
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	layout, err := assets.Locate()
	if err != nil {
		t.Fatal(err)
	}
	out := &transcript{}
	return &builder{layout: layout, wanted: assets.Components(), out: out, now: time.Now, heartbeat: time.Hour}, out
}

// transcript is what builders print. Builders of one test may share it: that they take turns is known to the kernel's
// file lock, and not to the race detector.
type transcript struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

// Write implements [io.Writer].
func (o *transcript) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines.Write(line)
}

func (o *transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines.String()
}

func (o *transcript) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines.Reset()
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// output runs a binary and returns what it says.
func output(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), path).CombinedOutput()
	if err != nil {
		t.Fatalf("running %s: %v", path, err)
	}
	return strings.TrimSpace(string(out))
}
