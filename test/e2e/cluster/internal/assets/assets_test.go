// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const pinned = `module example.test/components

go 1.26.0

require (
	go.etcd.io/etcd/server/v3 v3.7.3 // indirect
	k8s.io/kubernetes v1.37.2 // indirect
)
`

func TestParseVersions(t *testing.T) {
	tests := map[string]struct {
		mod     string
		want    Versions
		wantErr string
	}{
		"both pinned":   {mod: pinned, want: Versions{Kubernetes: "v1.37.2", Etcd: "v3.7.3"}},
		"no etcd":       {mod: "module m\nrequire k8s.io/kubernetes v1.37.2\n", wantErr: "does not require " + etcdModule},
		"no kubernetes": {mod: "module m\nrequire " + etcdModule + " v3.7.3\n", wantErr: "does not require k8s.io/kubernetes"},
		"not a go.mod":  {mod: "modul m\n", wantErr: "parsing the pinned versions"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseVersions("/repo/components/go.mod", []byte(tt.mod))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
			wantError(t, err, tt.wantErr)
		})
	}
}

func TestReadVersionsOfThisRepository(t *testing.T) {
	root, err := FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	v, err := ReadVersions(root)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(v.Kubernetes, "v1.") || !strings.HasPrefix(v.Etcd, "v3.") {
		t.Errorf("got %+v, want Kubernetes v1 and etcd v3", v)
	}
}

func TestFindRootPassesNestedModules(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module "+ModulePath+"\n", 0o600)
	write(t, filepath.Join(root, "test", "components", "go.mod"), "module "+ModulePath+"/test/components\n", 0o600)
	for _, from := range []string{".", "test", "test/components"} {
		got, err := FindRoot(filepath.Join(root, from))
		if err != nil || got != root {
			t.Errorf("FindRoot from %s = %q, %v; want %q", from, got, err, root)
		}
	}
}

func TestFindRootOutsideSaysWhatToDo(t *testing.T) {
	_, err := FindRoot(t.TempDir())
	wantError(t, err, "run this from inside the repository")
}

func TestLayout(t *testing.T) {
	v := Versions{Kubernetes: "v1.37.2", Etcd: "v3.7.3"}
	platform := filepath.Join("/repo/bin", runtime.GOOS+"-"+runtime.GOARCH)
	tests := map[string]struct{ override, wantAPIServer, wantSupervise string }{
		"default": {
			wantAPIServer: filepath.Join(platform, "kubernetes-v1.37.2-etcd-v3.7.3", "kube-apiserver"),
			wantSupervise: filepath.Join(platform, "supervise"),
		},
		"override": {
			override:      "/opt/k8s",
			wantAPIServer: "/opt/k8s/kube-apiserver",
			wantSupervise: "/opt/k8s/supervise",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLayout("/repo", v, tt.override)
			if got := l.Path(APIServer); got != tt.wantAPIServer {
				t.Errorf("kube-apiserver at %s, want %s", got, tt.wantAPIServer)
			}
			if l.Supervise != tt.wantSupervise {
				t.Errorf("supervise at %s, want %s", l.Supervise, tt.wantSupervise)
			}
		})
	}
}

func TestLocateHonorsTheEnvironment(t *testing.T) {
	withoutExisting(t)
	t.Setenv(EnvDir, "/opt/k8s")
	l, err := Locate()
	if err != nil {
		t.Fatal(err)
	}
	if l.Dir != "/opt/k8s" {
		t.Errorf("components in %s, want /opt/k8s", l.Dir)
	}
}

// Outside of the repository a directory that was chosen is enough, and without one the error says what to choose.
func TestLocateOutsideOfTheRepository(t *testing.T) {
	t.Chdir(t.TempDir())
	withoutExisting(t)
	if l, err := LocateIn("/opt/k8s"); err != nil || l.Path(APIServer) != "/opt/k8s/kube-apiserver" {
		t.Errorf("got %+v, %v", l, err)
	}
	_, err := Locate()
	wantError(t, err, "set HOOKSTRAP_COMPONENTS_DIR")
}

// Another Kubernetes is in a directory of its own, and built in a module of its own; what is the same for all is not.
func TestLocateAnotherKubernetes(t *testing.T) {
	withoutExisting(t)
	pinned, err := Locate()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvKubernetes, "v1.2.3")
	other, err := Locate()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Component{Etcd, Kubectl} {
		if other.Path(c) != pinned.Path(c) || other.Module(c) != pinned.Module(c) {
			t.Errorf("another %s: %s built in %s", c, other.Path(c), other.Module(c))
		}
	}
	for _, c := range []Component{APIServer, ControllerManager} {
		if got := other.Path(c); !strings.Contains(got, "kubernetes-v1.2.3-") || other.Module(c) == pinned.Module(c) {
			t.Errorf("%s at %s, built in %s: want those of v1.2.3", c, got, other.Module(c))
		}
	}
	if other.Supervise != pinned.Supervise || other.Versions.Kubernetes != "v1.2.3" {
		t.Errorf("%+v, want the same supervise and v1.2.3", other)
	}
	t.Setenv(EnvDir, "/opt/k8s")
	if mine, err := Locate(); err != nil || mine.Path(APIServer) != "/opt/k8s/kube-apiserver" {
		t.Errorf("kube-apiserver at %s, %v: want what is in %s", mine.Path(APIServer), err, EnvDir)
	}
}

func TestMissingNamesWhatWhereAndHow(t *testing.T) {
	l := newLayout(t.TempDir(), Versions{Kubernetes: "v1.37.2", Etcd: "v3.7.3"}, "")
	write(t, l.Supervise, "", 0o700)
	for _, c := range []Component{Etcd, APIServer} {
		write(t, l.Path(c), "", 0o700)
	}
	write(t, l.Path(Kubectl), "not executable", 0o600)
	wantError(t, l.Missing(Components()), "the test control plane is incomplete: kube-controller-manager, kubectl missing in "+
		l.Dir+": run `make components`")

	write(t, l.Path(ControllerManager), "", 0o700)
	if err := os.Chmod(l.Path(Kubectl), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Missing(Components()); err != nil {
		t.Errorf("with everything in place: %v", err)
	}
	if err := os.Remove(l.Supervise); err != nil {
		t.Fatal(err)
	}
	wantError(t, l.Missing(Components()), "supervise ("+l.Supervise+") missing")
}

func TestPackages(t *testing.T) {
	got := map[Component]string{}
	for _, c := range Components() {
		got[c] = c.Package()
	}
	want := map[Component]string{
		"etcd":                    "go.etcd.io/etcd/server/v3",
		"kube-apiserver":          "k8s.io/kubernetes/cmd/kube-apiserver",
		"kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
		"kubectl":                 "k8s.io/kubernetes/cmd/kubectl",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("main packages (-want +got):\n%s", diff)
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// wantError fails unless err contains want; an empty want means no error.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("unexpected error: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error %v, want one which contains %q", err, want)
	}
}
