// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/signer"
)

// The upper bounds of RFC 5280, appendix A.1, in characters: organizations and their units, and places.
const (
	maxCommonName   = 64
	maxOrganization = 64
	maxPlace        = 128
)

// parseAnySignerName takes whatever a signer may be called: which are of use depends on --usage, which may come later.
func parseAnySignerName(text string) (string, error) {
	return text, signer.CheckName(text)
}

func parseHost(text string) (string, error) {
	_, err := identity.ForHosts([]string{text})
	return text, err
}

// parseText reads an attribute of a subject.
func parseText(longest int) func(string) (string, error) {
	return func(text string) (string, error) {
		switch {
		case strings.TrimSpace(text) == "":
			return "", fmt.Errorf("%q is empty: leave the flag out, or write something", text)
		case utf8.RuneCountInString(text) > longest:
			return "", fmt.Errorf("%q is longer than the %d characters that X.509 allows", text, longest)
		case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
			return "", fmt.Errorf("%q has a character that cannot be written: use plain UTF-8 text", text)
		default:
			return text, nil
		}
	}
}

// parseCountry reads a country's code of ISO 3166, as X.509 has it.
func parseCountry(text string) (string, error) {
	outside := func(r rune) bool { return r < 'A' || r > 'Z' }
	if len(text) != 2 || strings.ContainsFunc(text, outside) {
		return "", fmt.Errorf("%q is not a country: write the two capital letters of ISO 3166, such as DE", text)
	}
	return text, nil
}
