// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package belongings knows what outside of a directory bears the directory's name.
package belongings

import (
	"errors"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/cgroups"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/links"
)

// Remove ends the processes in the control groups of that name, and removes them and the network devices of that name.
// None is no error.
func Remove(name string) error {
	return errors.Join(cgroups.Remove(name), links.Remove(name))
}
