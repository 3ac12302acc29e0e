// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/assets"
)

// require returns nil if a process of that effective user id can start a node here, else an error that says what to do.
func require(layout assets.Layout, euid int) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("starting a node: it needs Linux, and this is %s", runtime.GOOS)
	}
	if euid != 0 {
		return errors.New("starting a node: it needs root, for namespaces, mounts and control groups: run it with sudo")
	}
	if err := layout.MissingNode(); err != nil {
		return fmt.Errorf("starting a node: %w", err)
	}
	var missing []string
	for _, program := range []string{"containerd", "ctr", "runc", "iptables", "conntrack", "ip", cniPlugins + "/bridge"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("starting a node: %s not found: run hack/install-node-packages", strings.Join(missing, ", "))
	}
	return nil
}
