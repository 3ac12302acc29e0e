// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestMemoryLimitOfTheBinary: in a container with a memory limit, as the kubelet makes one, each command that serves takes
// nine tenths of it, and says so once. GOMEMLIMIT comes first. Without root there is no such container, and no limit.
func TestMemoryLimitOfTheBinary(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	directory, err := os.MkdirTemp("", "listen") //nolint:usetesting // Its path has to be short enough for a socket.
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	s := site.New(t, shared, site.Options{})
	kubeconfig, err := s.Cluster.WriteKubeconfig(s.Config(t), s.Namespace)
	must(t, err)
	flags := []string{"--kubeconfig=" + kubeconfig, "--service-name=" + site.Service, "--namespace=" + s.Namespace,
		"--service-account=" + site.ServiceAccount, "--webhook-configuration=" + s.Configuration,
		"--metrics-bind-address=0", "--health-probe-bind-address=0"}
	for command, args := range map[string][]string{
		"serve": append(flags, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", s.Port)),
		"issue": append(flags, "--cert-dir="+t.TempDir()),
		"listen": {"--listener-socket=" + filepath.Join(directory, "s"), "--bind-address=127.0.0.1",
			fmt.Sprintf("--secure-port=%d", clustertest.FreePort(t))},
	} {
		for _, environment := range []string{"", "200MiB"} {
			t.Run(command+" "+environment, func(t *testing.T) {
				server, err := process.Start(t.Context(), process.Options{
					Binary: executable, Command: command, Args: args, Env: []string{"GOMEMLIMIT=" + environment},
					MemoryLimit: mostMemory,
				})
				must(t, err)
				defer server.Kill()
				clustertest.Eventually(t, func(context.Context) error {
					if err := started(server.Log()); err != nil || environment != "" || os.Geteuid() != 0 {
						return err // Once it has started, it ends well.
					}
					return saidLimit(server.Log())
				})
				must(t, server.Stop())
				if environment != "" && saidLimit(server.Log()) == nil {
					t.Errorf("the limit was set although GOMEMLIMIT is:\n%s", server.Log())
				}
			})
		}
	}
}

// started is an error unless the log has a first line of the command's own, which comes after the limit.
func started(log string) error {
	for _, line := range []string{`"msg":"Starting"`, `"msg":"Issuing for a server`, `"msg":"Waiting for a server"`} {
		if strings.Contains(log, line) {
			return nil
		}
	}
	return errors.New("it has not started:\n" + log)
}

// saidLimit is an error unless the log has one line about the limit, with the right number.
func saidLimit(log string) error {
	if strings.Count(log, "Set the memory limit of the Go runtime") != 1 {
		return errors.New("not one line about the memory limit:\n" + log)
	}
	if want := fmt.Sprintf(`"bytes":%d,"container":%d`, mostMemory*9/10, mostMemory); !strings.Contains(log, want) {
		return errors.New("the line lacks " + want + ":\n" + log)
	}
	return nil
}
