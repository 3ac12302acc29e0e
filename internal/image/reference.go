// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package image reads references to container images as container runtimes do, and matches them with patterns.
// Everything in it is pure and safe for concurrent use.
package image

import (
	"cmp"
	"fmt"
	"strings"
)

// Reference is what an image reference says, written out: "nginx" is the path library/nginx in the registry docker.io.
type Reference struct {
	// Domain is the registry, with its port if it has one.
	Domain string
	// Path is the repository in the registry.
	Path string
	// Tag is empty if there is none.
	Tag string
	// Digest is the algorithm, a colon and hexadecimal digits; empty if there is none.
	Digest string
}

// The limits on the length of a domain and path, and of a reference, in bytes.
const (
	maxName      = 255
	maxReference = maxName + len(":") + maxTag + len("@sha512:") + 128
)

// Parse takes an image reference apart. A colon begins a tag only after the last slash: in
// "registry:5000/app" it begins the port of the registry, and the image has no tag.
//
// It reads no more than container runtimes do, and less where a text means something else to them: see isID.
func Parse(image string) (Reference, error) {
	if isID(image) {
		return Reference{}, fmt.Errorf("image %q is taken for the ID of an image that the node has; name the image, with "+
			"its registry or a tag", image)
	}
	ref, problem := parse(image)
	if problem != "" {
		return Reference{}, fmt.Errorf("image %q is not a valid reference: %s", image, problem)
	}
	return ref, nil
}

// parse returns what is wrong with a reference in place of an error: to quote one takes as long as it has bytes, which
// may be megabytes, and most callers need no error.
func parse(image string) (ref Reference, problem string) {
	if len(image) > maxReference {
		return Reference{}, fmt.Sprintf("it is longer than %d bytes, and its name must not be longer than %d bytes",
			maxReference, maxName)
	}
	name, digest, hasDigest := strings.Cut(image, "@")
	name, tag, hasTag := cutTag(name)
	domain, path := splitDomain(name)
	ref = Reference{Domain: domain, Path: path, Tag: tag, Digest: digest}
	switch {
	case hasDigest && !isDigest(digest):
		problem = "its digest must be sha256, sha384 or sha512, a colon and the right number of hexadecimal digits"
	case hasTag && !isTag(tag):
		problem = "its tag must be 1 to 128 letters, digits, '_', '.' or '-'"
	case !isDomain(domain):
		problem = "its registry must be a host name or address with an optional port"
	case !isPath(path):
		problem = "its name must be lower case letters and digits, with single separators between them"
	case len(domain)+1+len(path) > maxName:
		problem = fmt.Sprintf("its name is longer than %d bytes", maxName)
	default:
		return ref, ""
	}
	return Reference{}, problem
}

// isID says whether runtimes take a text for the ID of an image that the node has, whatever repository that came from:
// hexadecimal digits, of which they need but the first few, by themselves or behind an algorithm. The latter is also a
// repository docker.io/library/sha256 with a tag, and the former one that is called so.
func isID(image string) bool {
	digits := image
	if algorithm, rest, found := strings.Cut(image, ":"); found && digestLength(algorithm) > 0 {
		digits = rest
	}
	return digits != "" && len(digits) <= 128 && all(digits, isHex)
}

func cutTag(name string) (rest, tag string, found bool) {
	colon := strings.LastIndexByte(name, ':')
	if colon < 0 || strings.Contains(name[colon:], "/") {
		return name, "", false
	}
	return name[:colon], name[colon+1:], true
}

// splitDomain tells a registry from the first part of a path: a registry has a dot, a port or an upper case letter in
// it, or is localhost.
func splitDomain(name string) (domain, path string) {
	first, rest, found := strings.Cut(name, "/")
	if !found || !strings.ContainsAny(first, ".:") && first != "localhost" && strings.ToLower(first) == first {
		domain, path = "", name
	} else {
		domain, path = first, rest
	}
	if domain == "index.docker.io" {
		domain = "docker.io"
	}
	domain = cmp.Or(domain, "docker.io")
	if domain == "docker.io" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	return domain, path
}
