// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// acceptedByAPIServer is ValidateSignerName of the API server, which lives in a
// module that cannot be imported, put together from the parts that can.
func acceptedByAPIServer(name string) bool {
	segments := strings.Split(name, "/")
	if len(segments) != 2 || len(segments[0]) > validation.DNS1123SubdomainMaxLength {
		return false
	}
	labels := strings.Split(segments[0], ".")
	for _, label := range labels {
		if len(validation.IsDNS1123Label(label)) > 0 {
			return false
		}
	}
	for part := range strings.SplitSeq(segments[1], ".") {
		if len(validation.IsDNS1123Subdomain(part)) > 0 {
			return false
		}
	}
	longest := 2*validation.DNS1123SubdomainMaxLength + validation.DNS1123LabelMaxLength + 2
	return len(labels) >= 2 && len(name) <= longest
}

func TestSplitNameAtTheLimits(t *testing.T) {
	domain253 := strings.Repeat("a.", 126) + "a"
	path317 := strings.Repeat("b", 63) + "." + strings.Repeat("c", 253)
	for _, name := range []string{
		"a.b/c",
		"1.2/3",
		strings.Repeat("a", 63) + ".b/c",
		strings.Repeat("a", 64) + ".b/c",
		domain253 + "/c",
		domain253 + "a/c",
		domain253 + "/" + path317,
		domain253 + "/" + path317 + "c",
		domain253 + "/" + strings.Repeat("b", 62) + "." + strings.Repeat("c", 254),
		"a.b/" + strings.Repeat("c", 253),
		"a.b/" + strings.Repeat("c", 254),
		"a.b/" + path317 + "." + path317[:249],
		"a.b/" + path317 + "." + path317[:250],
	} {
		t.Run(name, func(t *testing.T) { compareWithAPIServer(t, name) })
	}
}

// FuzzSplitName: a name is accepted here if and only if the API server does.
func FuzzSplitName(f *testing.F) {
	f.Add("example.com/name")
	f.Add("issuers.cert-manager.io/ns.name")
	f.Add("a/b/c")
	f.Add("-a.b/c-.d")
	f.Fuzz(compareWithAPIServer)
}

func compareWithAPIServer(t *testing.T, name string) {
	t.Helper()
	domain, path, err := splitName(name)
	if want := acceptedByAPIServer(name); (err == nil) != want {
		t.Fatalf("splitName(%q) gave %v, the API server would accept it: %v", name, err, want)
	}
	if err == nil && domain+"/"+path != name {
		t.Errorf("splitName(%q) = %q, %q", name, domain, path)
	}
}
