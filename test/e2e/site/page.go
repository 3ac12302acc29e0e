// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Block is the rest of the first block of a page that begins with these lines. The page is a path in the repository.
func Block(page, begin string) (string, error) {
	text, err := os.ReadFile(filepath.Join(Root(), page))
	if err != nil {
		return "", err
	}
	_, block, found := strings.Cut(string(text), begin)
	block, _, ended := strings.Cut(block, "```\n")
	if !found || !ended {
		return "", fmt.Errorf("%s has no block that begins with %q", page, begin)
	}
	return block, nil
}
