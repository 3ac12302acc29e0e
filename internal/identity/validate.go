// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"fmt"
	"strings"
)

// Limits of RFC 1035, section 2.3.4, in octets. A name of 255 octets on the wire has at most 253 characters as text.
const (
	maxLabel = 63
	maxName  = 253
)

// checkLabel says what is wrong with the name of a Service or a namespace.
//
// Services were RFC 1035 labels, which begin with a letter, until Kubernetes relaxed them to RFC 1123; the wider rule
// is used, since the API server has accepted the object by now. Upper case is refused, not lowered: the name is
// looked up in the API, where no such object can exist.
func checkLabel(field, value string) error {
	if value == "" {
		return fmt.Errorf("the %s is empty: it is needed to name the certificate", field)
	}
	if fault := labelFault(value); fault != "" {
		return fmt.Errorf("the %s %q %s", field, value, fault)
	}
	return nil
}

// checkPodName says what is wrong with a pod's name, which may be absent.
func checkPodName(value string) error {
	if value == "" {
		return nil
	}
	if fault := nameFault(value); fault != "" {
		return fmt.Errorf("the pod name %q %s", value, fault)
	}
	return nil
}

// parseClusterDomain fills in the default, and lowers and checks the rest.
func parseClusterDomain(value string) (string, error) {
	domain := normalize(cmp.Or(value, DefaultClusterDomain))
	if fault := hostFault(domain); fault != "" {
		return "", fmt.Errorf("the cluster domain %q %s", value, fault)
	}
	return domain, nil
}

// checkLengths finds derived names that are too long as a whole. Their parts have been found valid, so the cluster
// domain is what a person can change.
func checkLengths(clusterDomain string, names []string) []error {
	var faults []error
	for _, name := range names {
		if len(name) > maxName {
			faults = append(faults, fmt.Errorf("the cluster domain %q makes the name %q %d characters long, but DNS allows %d",
				clusterDomain, name, len(name), maxName))
		}
	}
	return faults
}

// normalize lowers ASCII letters and drops one trailing dot: a certificate carries names without the root's dot (RFC
// 5280, section 4.2.1.6), while people copy them from DNS tools with it. Other letters stay as they are, for Unicode
// would lower the Kelvin sign to a harmless-looking "k".
func normalize(name string) string {
	lower := func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	return strings.TrimSuffix(strings.Map(lower, name), ".")
}

// hostFault says what is wrong with a host's name, or nothing.
func hostFault(name string) string {
	if fault := nameFault(name); fault != "" {
		return fault
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		// RFC 1123, section 2.1, tells a name from an address by its last part.
		return "ends in a number, so clients would read it as an IP address: give a DNS name or a complete address"
	}
	return ""
}

// nameFault says what is wrong with labels joined by dots, or nothing.
func nameFault(name string) string {
	if len(name) > maxName {
		return fmt.Sprintf("is %d characters long, but DNS allows %d", len(name), maxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if fault := labelFault(label); fault != "" {
			return fault
		}
	}
	return ""
}

// labelFault says what is wrong with one RFC 1123 label, or nothing.
func labelFault(label string) string {
	switch {
	case label == "":
		return "has an empty part: remove the surplus dot"
	case len(label) > maxLabel:
		return fmt.Sprintf("has a part of %d characters, but DNS allows %d", len(label), maxLabel)
	case strings.ContainsFunc(label, notInLabel):
		return "is not a DNS name: use lower-case letters, digits and dashes"
	case label[0] == '-' || label[len(label)-1] == '-':
		return "has a part that begins or ends with a dash: begin and end with a letter or digit"
	}
	return ""
}

// notInLabel is true for runes which no label may contain.
func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}
