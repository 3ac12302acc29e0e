// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"fmt"
	"strings"
)

// Limits of the API server, in characters: see ValidateSignerName in k8s.io/kubernetes,
// pkg/apis/core/validation/names.go. A path has room for a namespace, a dot and an object's name.
const (
	maxLabel  = 63
	maxDomain = 253
	maxPath   = maxDomain + 1 + maxLabel

	// MaxNameLength is the longest signer name that the API server accepts.
	MaxNameLength = maxDomain + 1 + maxPath
)

// CheckName says why a name is malformed, by the rules of the API server. Whether the signer is of any use is for
// [LookupFor] to say.
func CheckName(name string) error {
	_, _, err := splitName(name)
	return err
}

// splitName checks a signer's name as the API server would, so that a typing mistake is found before anything else is
// done.
func splitName(name string) (domain, path string, err error) {
	if name == "" {
		return "", "", fmt.Errorf("the signer name is empty: use %s for the built-in signer", BuiltIn)
	}
	domain, path, found := strings.Cut(name, "/")
	if !found || strings.Contains(path, "/") {
		return "", "", fmt.Errorf("the signer name %q is not of the form example.com/name: "+
			"give a domain, one slash and a path", name)
	}
	if len(name) > MaxNameLength {
		return "", "", fmt.Errorf("the signer name %.40q... is %d characters long, but the API server accepts %d",
			name, len(name), MaxNameLength)
	}
	if fault := domainFault(domain); fault != "" {
		return "", "", fmt.Errorf("the signer name %q has the domain %q, which %s", name, domain, fault)
	}
	if fault := partsFault(path, maxDomain); fault != "" {
		return "", "", fmt.Errorf("the signer name %q has the path %q, which %s", name, path, fault)
	}
	return domain, path, nil
}

// domainFault wants at least two DNS labels.
func domainFault(domain string) string {
	if !strings.Contains(domain, ".") {
		return "is a single word: give a full domain such as example.com"
	}
	if len(domain) > maxDomain {
		return fmt.Sprintf("is %d characters long, but the API server accepts %d", len(domain), maxDomain)
	}
	return partsFault(domain, maxLabel)
}

// partsFault wants parts that look like labels, though those of a path may be as long as an object's name.
func partsFault(parts string, longest int) string {
	for part := range strings.SplitSeq(parts, ".") {
		if len(part) > longest {
			return fmt.Sprintf("has a part of %d characters, but the API server accepts %d", len(part), longest)
		}
		if !isLabel(part) {
			return "has a part that is not made of lower-case letters, digits and inner dashes"
		}
	}
	return ""
}

// isLabel reports whether s has the alphabet of RFC 1123. Its length is the caller's concern.
func isLabel(s string) bool {
	outside := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}
	return s != "" && !strings.ContainsFunc(s, outside) && s[0] != '-' && s[len(s)-1] != '-'
}
