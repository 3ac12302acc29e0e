// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// behindProxy is an API server of a version, "" if that is not known, with a proxy, and the Service of the entry.
func behindProxy(minor, noProxy string, ips ...string) func(*Facts, *Entry) {
	return func(f *Facts, _ *Entry) {
		if minor != "" {
			f.Version = version.MustParseGeneric(minor)
		}
		f.Unread = []Unread{{Resource: "endpointslices"}}
		f.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec: corev1.ServiceSpec{ClusterIPs: ips, Ports: []corev1.ServicePort{{Port: 443}}}}}
		f.APIServers = []APIServer{{Pod: "kube-system/kube-apiserver-a", Proxy: "proxy:3128", NoProxy: noProxy}}
	}
}

// The host of the URL decides about the proxy: up to 1.36 it is the name of the Service, later its address.
func TestProxyByVersion(t *testing.T) {
	t.Parallel()
	const svc, cidr, ip = ".svc", "the Service range", "10.96.0.7"
	for name, tt := range map[string]struct {
		change func(*Facts, *Entry)
		add    string // what the fix says; empty if nothing is found
	}{
		"1.37: the name alone":          {behindProxy("1.37", ".svc,10.244.0.0/16", ip), cidr},
		"1.37: the range":               {behindProxy("1.37", ".svc, 10.96.0.0/12", ip), ""},
		"1.37: the address":             {behindProxy("1.37", ip, ip), ""},
		"1.37: everything":              {behindProxy("1.37", "*", ip), ""},
		"1.37: one address of two":      {behindProxy("1.37", "10.96.0.0/12", ip, "fd00::7"), cidr},
		"1.38: the name alone":          {behindProxy("1.38", ".svc", ip), cidr},
		"1.36: the name alone":          {behindProxy("1.36", "localhost, .SVC", ip), ""},
		"1.36: the range alone":         {behindProxy("1.36", "10.96.0.0/12", ip), svc},
		"1.36: neither":                 {behindProxy("1.36", ".cluster.local", ip), svc},
		"1.36: without a dot":           {behindProxy("1.36", "svc", ip), ""},
		"1.36: with a wildcard":         {behindProxy("1.36", "*.shop.svc", ip), ""},
		"1.36: the name itself":         {behindProxy("1.36", "web.shop.svc", ip), ""},
		"1.36: what is below the name":  {behindProxy("1.36", ".web.shop.svc", ip), svc},
		"1.36: a part of a label":       {behindProxy("1.36", "b.shop.svc", ip), svc},
		"1.36: with the port":           {behindProxy("1.36", ".svc:443", ip), ""},
		"1.36: with another port":       {behindProxy("1.36", ".svc:8443", ip), svc},
		"1.36: everything":              {behindProxy("1.36", "*", ip), ""},
		"not known: both":               {behindProxy("", ".svc,10.96.0.0/12", ip), ""},
		"not known: the name alone":     {behindProxy("", ".svc", ip), cidr},
		"not known: the range alone":    {behindProxy("", "10.96.0.0/12", ip), svc},
		"not known: neither":            {behindProxy("", "", ip), ".svc and the Service range"},
		"a Service without addresses":   {behindProxy("1.36", ""), ""},
		"an APIService: the range":      {apiService(behindProxy("1.36", "10.96.0.0/12", ip)), ""},
		"an APIService: the name alone": {apiService(behindProxy("1.36", ".svc", ip)), cidr},
	} {
		var fixes []string
		for _, f := range Examine(one(time.Now(), selfSigned(t, time.Now().Add(-2*time.Hour)), tt.change)).Findings {
			if f.ID == IDProxy {
				fixes = append(fixes, f.Fix)
			}
		}
		switch {
		case tt.add == "" && len(fixes) > 0:
			t.Errorf("%s: found, fix: %q", name, fixes)
		case tt.add != "" && (len(fixes) != 1 || !strings.HasPrefix(fixes[0], "add "+tt.add+" to NO_PROXY")):
			t.Errorf("%s: fixes %q, want one that adds %s", name, fixes, tt.add)
		}
	}
}

// apiService makes the entry one of an APIService.
func apiService(change func(*Facts, *Entry)) func(*Facts, *Entry) {
	return func(f *Facts, e *Entry) {
		change(f, e)
		e.Object, e.Webhook, e.Rules = Object{Kind: KindAPIService, Name: "v1.shop"}, "", nil
	}
}
