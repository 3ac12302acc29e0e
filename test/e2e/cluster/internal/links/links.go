// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package links looks after the network devices by which nodes are connected with this machine. The kernel removes one
// once nothing uses the network at its other end any more, and a connection that was cut may do so for minutes: that is
// too late for the code that cleans up.
package links

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// alias is the file in which the kernel keeps a note on a device.
func alias(device string) string { return filepath.Join("/sys/class/net", device, "ifalias") }

// Claim notes on a device whose it is.
func Claim(device, owner string) error {
	if err := os.WriteFile(alias(device), []byte(owner), 0o600); err != nil {
		return fmt.Errorf("noting on the network device %s that it belongs to %s: %w", device, owner, err)
	}
	return nil
}

// Remove removes the devices that an owner has claimed. None is no error. Only a harness's name will do, as most
// devices of a machine have no note at all.
func Remove(owner string) error {
	if !strings.HasPrefix(owner, "hookstrap-") {
		return nil
	}
	paths, err := filepath.Glob(alias("*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range paths {
		if content, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(content)) != owner {
			continue // It is another's, or has just gone.
		}
		device := filepath.Base(filepath.Dir(path))
		said, err := exec.CommandContext(context.Background(), "ip", "link", "delete", device).CombinedOutput()
		if _, gone := os.Stat(path); err != nil && gone == nil {
			errs = append(errs, fmt.Errorf("removing the network device %s of %s: %w: %s", device, owner, err, said))
		}
	}
	return errors.Join(errs...)
}
