// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pemtext makes of PEM text as people and editors leave it what encoding/pem reads.
package pemtext

import "bytes"

// Clean returns data without byte order marks in front of PEM blocks, which encoding/pem would go past without a
// word. An editor puts one at the beginning of a file; files that were concatenated have them in the middle. The
// marks of UTF-16 stay: such text has no block.
func Clean(data []byte) []byte {
	const mark, begin = "\ufeff", "-----BEGIN "
	return bytes.ReplaceAll(data, []byte(mark+begin), []byte("\n"+begin))
}

// UTF16 tells whether data begins with a byte order mark of UTF-16, as PowerShell writes files.
func UTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff})
}
