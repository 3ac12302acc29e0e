// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// writeChecksums writes those of all other files, for `sha256sum --check checksums.txt`.
func (r release) writeChecksums(dist string, _ []binary) error {
	entries, err := filesBelow(dist)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(e.data), e.name)
	}
	return writeFile(dist, "checksums.txt", []byte(lines.String()))
}
