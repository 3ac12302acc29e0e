// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// byAddress is the minor version of Kubernetes from which on the host of a webhook's URL is the Service's address, and
// not its name: the feature WebhookRoundTripLoadBalancing. That of an APIService always was.
const byAddress = 37

// proxy looks for the host of the Service's URL in the NO_PROXY of API servers.
func (x calls) proxy(e *Entry) {
	name, _, ok := e.service()
	service := x.index.services[name]
	if !ok || service == nil || len(service.Spec.ClusterIPs) == 0 {
		return
	}
	for _, server := range x.facts.APIServers {
		missing, add := x.notExempt(e, service, server)
		if server.Proxy == "" || len(missing) == 0 {
			continue
		}
		fix := fmt.Sprintf("add %s to NO_PROXY in the manifest of Pod %s", strings.Join(add, " and "), server.Pod)
		x.find(e, IDProxy, fix, "Pod %s has HTTPS_PROXY, and NO_PROXY does not have %s of Service %s",
			server.Pod, strings.Join(missing, " and "), name)
	}
}

// notExempt is what NO_PROXY lacks, in words, and what to add to it. Where the version is not known, both the name and
// the addresses have to be there.
func (x calls) notExempt(e *Entry, service *corev1.Service, server APIServer) (missing, add []string) {
	address, known := x.facts.atLeast(byAddress)
	if e.Object.Kind == KindAPIService {
		address, known = true, true
	}
	_, port, _ := e.service()
	if host := e.ServerName(); !address && !directName(server.NoProxy, host, port) {
		missing, add = append(missing, "the name "+host), append(add, ".svc")
	}
	if ip, found := proxied(service, server.NoProxy); found && (address || !known) {
		missing = append(missing, "the cluster IP "+ip.String())
		add = append(add, cmp.Or(server.ServiceRange, "the Service range"))
	}
	return missing, add
}

// proxied is the first cluster IP that NO_PROXY does not have.
func proxied(service *corev1.Service, noProxy string) (netip.Addr, bool) {
	for _, text := range service.Spec.ClusterIPs {
		if ip, err := netip.ParseAddr(text); err == nil && !direct(noProxy, ip) {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// direct says whether NO_PROXY has an address, as net/http reads it: CIDRs, addresses and *; names never match one.
func direct(noProxy string, ip netip.Addr) bool {
	for item := range strings.SplitSeq(noProxy, ",") {
		item = strings.TrimSpace(item)
		if item == "*" {
			return true
		}
		if prefix, err := netip.ParsePrefix(item); err == nil && prefix.Contains(ip) {
			return true
		}
		if one, err := netip.ParseAddr(item); err == nil && one == ip {
			return true
		}
	}
	return ip.IsLoopback() // net/http asks no proxy for these.
}

// directName says whether NO_PROXY has a name, as net/http reads it: the name, or a domain above it, with a port or
// not, and *. An item that begins with a dot, or *., is for the names below it alone.
func directName(noProxy, name string, port int32) bool {
	for item := range strings.SplitSeq(noProxy, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		if host, of, err := net.SplitHostPort(item); err == nil && of == strconv.Itoa(int(port)) {
			item = host
		}
		domain := "." + strings.TrimPrefix(strings.TrimPrefix(item, "*"), ".")
		switch {
		case item == "*":
			return true
		case domain != "." && strings.HasSuffix(name, domain), item == name:
			return true
		}
	}
	return false
}
