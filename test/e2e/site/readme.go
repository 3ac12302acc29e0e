// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ReadmeBlock is the rest of the block of the README that begins with these lines.
func ReadmeBlock(begin string) (string, error) {
	text, err := os.ReadFile(filepath.Join(Root(), "README.md"))
	if err != nil {
		return "", err
	}
	_, block, found := strings.Cut(string(text), begin)
	block, _, ended := strings.Cut(block, "```\n")
	if !found || !ended {
		return "", fmt.Errorf("the README has no block that begins with %q", begin)
	}
	return block, nil
}
