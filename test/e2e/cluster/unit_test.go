// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

func TestDirectoryPattern(t *testing.T) {
	for name, want := range map[string]string{
		"":                    "hookstrap-",
		"demo":                "hookstrap-demo-",
		"TestX/a_case *../..": "hookstrap-TestX-a_case--------",
	} {
		if got := (Options{Name: name}).directoryPattern(); got != want {
			t.Errorf("pattern for %q is %q, want %q", name, got, want)
		}
	}
}

func TestQuoteSurvivesTheShell(t *testing.T) {
	want := []string{"plain", "two words", "it's", `$HOME "x" \n`, ""}

	out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s\\n' "+quote(want...)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Join(want, "\n")+"\n", string(out)); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestSigningCA(t *testing.T) {
	ca, err := newSigningCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(ca.certFile, ca.keyFile)
	if err != nil {
		t.Fatalf("key and certificate do not belong together: %v", err)
	}
	if alg := pair.Leaf.PublicKeyAlgorithm; alg != x509.ECDSA || !pair.Leaf.IsCA {
		t.Errorf("got a %s key and IsCA %t, want an ECDSA CA", alg, pair.Leaf.IsCA)
	}
	if left := time.Until(pair.Leaf.NotAfter); left < 5*365*24*time.Hour {
		t.Errorf("valid for %s more: it would cut leaf lifetimes short", left)
	}
	info, err := os.Stat(ca.keyFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want it readable by the owner alone", info, err)
	}
}

func TestManagerArgsCanBeReplaced(t *testing.T) {
	c := &Cluster{ca: &signingCA{certFile: "ca.crt"}}
	c.plane.APIServer = &envtest.APIServer{CertDir: "certs"}
	c.opts.ControllerManagerArgs = map[string][]string{"controllers": {"*", "-x"}, "cluster-signing-duration": {"1h"}}
	got := strings.Join(c.managerArgs(""), " ")
	for _, want := range []string{
		"--controllers=*,-x ", "--cluster-signing-duration=1h ", "--cluster-signing-cert-file=ca.crt ",
		"--leader-elect=false ", "--service-account-private-key-file=certs/sa-signer.key ",
	} {
		if strings.Count(got+" ", want) != 1 {
			t.Errorf("flags %s, want %q once", got, want)
		}
	}
}

// Versions of Kubernetes differ in their controllers.
func TestManagerIsToldOnlyOfControllersThatItHas(t *testing.T) {
	c := &Cluster{ca: &signingCA{}}
	c.plane.APIServer = &envtest.APIServer{}
	help := "All controllers: node-lifecycle-controller, replicaset-controller, ttl-after-finished-controller, ttl-controller\n"
	want := "--controllers=*,-ttl-controller,-node-lifecycle-controller"
	if got := c.managerArgs(help); !slices.Contains(got, want) {
		t.Errorf("flags %v, want %s", got, want)
	}
}

func TestWriteKubeconfigRoundTrip(t *testing.T) {
	c := &Cluster{dir: t.TempDir()}
	want := &rest.Config{Host: "https://127.0.0.1:1", BearerToken: "token"}
	want.CAData = []byte("ca")
	path, err := c.WriteKubeconfig(want, "viewer")
	if err != nil {
		t.Fatal(err)
	}
	if path != filepath.Join(c.dir, "viewer.kubeconfig") {
		t.Errorf("written to %s", path)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, %v; want it readable by the owner alone", info, err)
	}
	got, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != want.Host || got.BearerToken != want.BearerToken || string(got.CAData) != "ca" {
		t.Errorf("read back %v, want %v", got, want)
	}
	for _, name := range []string{"", "../escape", "a/b"} {
		if _, err := c.WriteKubeconfig(want, name); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

func TestRemaining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short, cancelShort := context.WithTimeout(t.Context(), time.Second)
		defer cancelShort()
		long, cancelLong := context.WithTimeout(t.Context(), time.Hour)
		defer cancelLong()
		over, cancelOver := context.WithTimeout(t.Context(), -time.Second)
		defer cancelOver()
		for _, tt := range []struct {
			ctx  context.Context
			want time.Duration
		}{{t.Context(), startTimeout}, {short, time.Second}, {long, startTimeout}, {over, time.Millisecond}} {
			if got := remaining(tt.ctx); got != tt.want {
				t.Errorf("remaining = %s, want %s", got, tt.want)
			}
		}
	})
}
