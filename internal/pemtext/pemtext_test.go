// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package pemtext_test

import (
	"encoding/pem"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/pemtext"
)

// TestClean: every block is there for encoding/pem, wherever the byte order marks are, and nothing else changes.
func TestClean(t *testing.T) {
	const mark, block = "\ufeff", "-----BEGIN X-----\nYQ==\n-----END X-----\n"
	for name, tt := range map[string]struct {
		text   string
		blocks int
		same   bool
	}{
		"none":                       {block + block, 2, true},
		"at the beginning":           {mark + block + block, 2, false},
		"between":                    {block + mark + block, 2, false},
		"no newline in front":        {strings.TrimSpace(block) + mark + block, 2, false},
		"before a comment":           {mark + "root\n" + block, 1, true},
		"within a comment":           {"a" + mark + "b\n" + block, 1, true},
		"a mark and nothing":         {mark, 0, true},
		"empty":                      {"", 0, true},
		"text in front of the block": {"root: " + block, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			cleaned := pemtext.Clean([]byte(tt.text))
			blocks := 0
			for b, rest := pem.Decode(cleaned); b != nil; b, rest = pem.Decode(rest) {
				blocks++
			}
			if blocks != tt.blocks || (string(cleaned) == tt.text) != tt.same {
				t.Errorf("%d blocks in %q, want %d; unchanged is to be %t", blocks, cleaned, tt.blocks, tt.same)
			}
		})
	}
}
