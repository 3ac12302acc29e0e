// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package image

import "strings"

// The grammar of https://github.com/distribution/reference, which is the one container runtimes read references with.
// It is written out, because regular expressions take more time than all else that is done with an image. The tests
// hold it to the expressions.

// isDomain is for a host name, or an address in brackets, with an optional port.
func isDomain(text string) bool {
	if host, port, hasPort := cutPort(text); hasPort {
		return port != "" && all(port, isDigit) && isHost(host)
	}
	return isHost(text)
}

// cutPort cuts at the colon that is not within brackets.
func cutPort(text string) (host, port string, found bool) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 || strings.HasSuffix(text, "]") {
		return text, "", false
	}
	return text[:colon], text[colon+1:], true
}

// isHost is for labels with dots between them, or an address in brackets.
func isHost(text string) bool {
	if address, ok := strings.CutPrefix(text, "["); ok {
		address, ok = strings.CutSuffix(address, "]")
		return ok && address != "" && all(address, isAddress)
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || !all(label, isLabel) {
			return false
		}
	}
	return true
}

// isPath is for small letters and digits with separators between them.
func isPath(text string) bool {
	for {
		end := 0
		for end < len(text) && isSmall(text[end]) {
			end++
		}
		if end == 0 || end == len(text) {
			return end > 0
		}
		between := separator(text[end:])
		if between == 0 {
			return false
		}
		text = text[end+between:]
	}
}

// separator is the length of what a text begins with of a slash, a dot, one or two underscores, or any number of
// hyphens.
func separator(text string) int {
	switch text[0] {
	case '/', '.':
		return 1
	case '_':
		return len(text) - len(strings.TrimPrefix(text[1:], "_"))
	case '-':
		return len(text) - len(strings.TrimLeft(text, "-"))
	}
	return 0
}

// maxTag is the limit on the length of a tag, in bytes.
const maxTag = 128

func isTag(text string) bool {
	return text != "" && len(text) <= maxTag && text[0] != '.' && text[0] != '-' && all(text, isTagByte)
}

func isDigest(text string) bool {
	algorithm, hex, _ := strings.Cut(text, ":")
	return len(hex) == digestLength(algorithm) && all(hex, isHex)
}

// digestLength is the number of hexadecimal digits; -1 for unknown algorithms.
func digestLength(algorithm string) int {
	switch algorithm {
	case "sha256":
		return 64
	case "sha384":
		return 96
	case "sha512":
		return 128
	}
	return -1
}

func all(text string, is func(byte) bool) bool {
	for i := range len(text) {
		if !is(text[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isSmall(c byte) bool { return c >= 'a' && c <= 'z' || isDigit(c) }

func isLabel(c byte) bool { return isSmall(c) || c >= 'A' && c <= 'Z' || c == '-' }

func isTagByte(c byte) bool { return isLabel(c) || c == '_' || c == '.' }

func isHex(c byte) bool { return c >= 'a' && c <= 'f' || isDigit(c) }

func isAddress(c byte) bool { return isHex(c) || c >= 'A' && c <= 'F' || c == ':' }
