// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bufio"
	"io"
	"slices"
	"strings"
)

// maxResolvConf bounds how much is read, in bytes. Kubelet lets a search list have at most 2048 characters, and
// nothing else in the file matters.
const maxResolvConf = 64 << 10

// ClusterDomainFromResolvConf finds the cluster domain in a pod's /etc/resolv.conf. For a pod with dnsPolicy
// ClusterFirst kubelet writes
//
//	search shop.svc.cluster.local svc.cluster.local cluster.local example.org
//
// and the domain is what follows "<namespace>.svc." or, for want of such an entry, "svc.". It reports false when
// there is neither, as on the host network without ClusterFirstWithHostNet, when the file cannot be read, and when
// what was found is no domain.
func ClusterDomainFromResolvConf(r io.Reader, namespace string) (string, bool) {
	search := searchList(io.LimitReader(r, maxResolvConf))
	for _, prefix := range []string{namespace + ".svc.", "svc."} {
		for _, entry := range search {
			domain, found := strings.CutPrefix(entry, prefix)
			if found && hostFault(domain) == "" {
				return domain, true
			}
		}
	}
	return "", false
}

// searchList returns the search list that is in force: of several search or domain lines the last one counts, as
// resolv.conf(5) says.
func searchList(r io.Reader) []string {
	var list []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && (fields[0] == "search" || fields[0] == "domain") {
			list = slices.Clone(fields[1:])
		}
	}
	if lines.Err() != nil {
		return nil // half a search list may lack the very entry that counts
	}
	for i, entry := range list {
		list[i] = normalize(entry)
	}
	return list
}
