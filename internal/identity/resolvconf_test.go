// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hookstrap/hookstrap/internal/identity"
)

func TestClusterDomainFromResolvConf(t *testing.T) {
	tests := []struct {
		name, file, want string
	}{
		{
			name: "as kubelet writes it",
			file: "search shop.svc.cluster.local svc.cluster.local cluster.local example.org\n" +
				"nameserver 10.96.0.10\noptions ndots:5\n",
			want: "cluster.local",
		},
		{name: "tabs and no final newline", file: "search\tshop.svc.k8s.example\tsvc.k8s.example", want: "k8s.example"},
		{name: "upper case and the root's dot", file: "search Shop.SVC.K8s.Example.\n", want: "k8s.example"},
		{name: "only the namespace's entry", file: "search shop.svc.a.example\n", want: "a.example"},
		{name: "only the svc entry", file: "search svc.b.example\n", want: "b.example"},
		{name: "the namespace's entry wins", file: "search svc.b.example shop.svc.a.example\n", want: "a.example"},
		{name: "the last search line wins", file: "search svc.b.example\nsearch svc.c.example\n", want: "c.example"},
		{name: "a later domain line wins", file: "search svc.b.example\ndomain corp.example\n"},
		{name: "a single label", file: "search shop.svc.k8s\n", want: "k8s"},
		{
			name: "nonsense is passed over",
			file: "search shop.svc. shop.svc.-x shop.svc.1 shop.svc.a_b svc.b.example\n",
			want: "b.example",
		},
		{name: "comments", file: "# search shop.svc.a.example\n; search svc.a.example\n"},
		{name: "another namespace only", file: "search bank.svc.cluster.local cluster.local\n"},
		{name: "host network", file: "search corp.example\nnameserver 192.0.2.1\n"},
		{name: "an entry that merely ends alike", file: "search x.shop.svc.a.example\n"},
		{name: "empty search", file: "search\n"},
		{name: "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := identity.ClusterDomainFromResolvConf(strings.NewReader(tt.file), "shop")
			if got != tt.want || found != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", got, found, tt.want)
			}
		})
	}
}

func TestClusterDomainFromBrokenResolvConf(t *testing.T) {
	readers := map[string]io.Reader{
		"reading fails halfway": io.MultiReader(
			strings.NewReader("search svc.a.example\n"), iotest.ErrReader(errors.New("input/output error"))),
		"one endless line": strings.NewReader("search svc.a.example" + strings.Repeat(" x", 1<<20)),
	}
	for name, reader := range readers {
		t.Run(name, func(t *testing.T) {
			if got, found := identity.ClusterDomainFromResolvConf(reader, "shop"); found || got != "" {
				t.Errorf("got %q, %v, want nothing", got, found)
			}
		})
	}
}
