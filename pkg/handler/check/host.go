// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateHostPattern says what is wrong with a host name that may begin with "*.".
func validateHostPattern(path *field.Path, pattern string) field.ErrorList {
	if problems := validation.IsDNS1123Subdomain(strings.TrimPrefix(pattern, "*.")); len(problems) > 0 {
		return field.ErrorList{field.Invalid(path, pattern,
			"must be a host name in small letters, or *. and a host name, such as *.example.com")}
	}
	return nil
}

// matchesHost says whether a host name is the pattern, or is below it if that begins with "*.". DNS minds neither the
// case nor a dot at the end.
func matchesHost(pattern, host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return host == pattern
}
