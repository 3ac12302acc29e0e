// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

func TestSeveralAtOnce(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clustertest.StartWith(t, cluster.Options{Name: name})
			clustertest.Namespace(t, c)
			namespaces, err := clientFor(t, c).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			// default, kube-system, kube-public, kube-node-lease and the test's: another cluster's would be a sixth.
			if got := len(namespaces.Items); got != 5 {
				t.Errorf("%d namespaces, want 5", got)
			}
			if !strings.Contains(filepath.Base(c.Dir()), name) {
				t.Errorf("nobody can tell that %s is the %s cluster", c.Dir(), name)
			}
		})
	}
}

func TestLifeFromTheFirstComponentToTheLast(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	c := clustertest.StartWith(t, cluster.Options{WithoutControllerManager: true, Output: &logged})
	if got := len(componentPIDs(t, c.Dir())); got != 2 {
		t.Errorf("%d components, want etcd and the API server alone", got)
	}
	if err := c.StartControllerManager(t.Context()); err != nil {
		t.Fatal(err)
	}
	pids := componentPIDs(t, c.Dir())
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
	if _, err := os.Stat(c.Dir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", c.Dir(), err)
	}
	for _, source := range []string{"embed/config.go", "genericapiserver.go", "controllermanager.go"} {
		if !strings.Contains(logged.String(), source) {
			t.Errorf("nothing from %s in the copy of the logs", source)
		}
	}
	for name, start := range map[string]func(context.Context) error{
		"API server": c.StartAPIServer, "controller-manager": c.StartControllerManager,
	} {
		if err := start(t.Context()); err == nil {
			t.Errorf("the %s of a stopped cluster was started", name)
		}
	}
}

func TestMissingComponents(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOOKSTRAP_COMPONENTS_DIR", dir)
	_, err := cluster.Start(t.Context(), cluster.Options{})
	want := "the test control plane is incomplete: etcd, kube-apiserver, kube-controller-manager, kubectl, supervise (" +
		filepath.Join(dir, "supervise") + ") missing in " + dir + ": run `make components`"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestFailedStartQuotesTheLog(t *testing.T) {
	taken := clustertest.Listen(t).Addr().(*net.TCPAddr).Port
	tests := map[string]struct {
		opts      cluster.Options
		component string
		want      string
	}{
		"kube-apiserver": {
			opts: cluster.Options{APIServerArgs: map[string][]string{"authorization-mode": {"Whatever"}}},
			want: `is not a valid mode`,
		},
		"kube-controller-manager": {
			opts: cluster.Options{ControllerManagerArgs: map[string][]string{"no-such-flag": {"1"}}},
			want: `unknown flag: --no-such-flag`,
		},
		"port": {
			component: "kube-apiserver",
			opts:      cluster.Options{APIServerArgs: map[string][]string{"secure-port": {strconv.Itoa(taken)}}},
			want:      `address already in use`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			if tt.component == "" {
				tt.component = name
			}
			_, err := cluster.Start(t.Context(), tt.opts)
			if err == nil {
				t.Fatal("started with a flag it cannot start with")
			}
			log := onlyLogs(t, tt.component)
			for _, want := range []string{tt.component + " did not become ready", tt.want, "its log " + log + " ends with:"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q in it", err, want)
				}
			}
		})
	}
}

// onlyLogs checks that all clusters of this test left no more than one directory with logs, and returns the path of a
// component's.
func onlyLogs(t *testing.T, component string) string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]bool{}
	for _, file := range left {
		dirs[filepath.Dir(file)] = true
		if filepath.Ext(file) != ".log" {
			t.Errorf("a failed start left %s behind", file)
		}
	}
	if len(dirs) != 1 {
		t.Fatalf("failed starts left %d directories, want the one the error is about", len(dirs))
	}
	return filepath.Join(filepath.Dir(left[0]), component+".log")
}

func clientFor(t *testing.T, c *cluster.Cluster) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	return client
}
