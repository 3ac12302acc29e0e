// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"
)

// As Gatekeeper's forbidden-sysctls and Kyverno's restrict-sysctls have it.
func TestSysctls(t *testing.T) {
	setting := func(names ...string) string {
		var list []string
		for _, name := range names {
			list = append(list, fmt.Sprintf(`{name: %s, value: "1"}`, name))
		}
		return podSpec(`{securityContext: {sysctls: [` + strings.Join(list, ", ") + `]}}`)
	}
	const net = `allowed: [net.core.*, kernel.msgmax]`
	denied := func(i int, name string) string {
		return fmt.Sprintf("spec.securityContext.sysctls[%d].name: sysctl %q; allowed: net.core.*, kernel.msgmax", i, name)
	}
	testRows(t, "sysctls", map[string]row{
		"none":           {object: podSpec(`{}`)},
		"safe":           {object: setting("net.ipv4.ping_group_range", "kernel.shm_rmid_forced", "net.ipv4.tcp_rmem")},
		"by name":        {params: net, object: setting("kernel.msgmax")},
		"by a beginning": {params: net, object: setting("net.core.somaxconn")},
		"others":         {params: net, object: setting("kernel.msgmax", "kernel.msgmax2", "net.corex", "kernel.shm_rmid_forced"), want: []string{denied(1, "kernel.msgmax2"), denied(2, "net.corex"), denied(3, "kernel.shm_rmid_forced")}},
		"by slashes":     {params: net, object: setting("net/core/somaxconn", "kernel/sem"), want: []string{denied(1, "kernel/sem")}},
		"of an interface": {params: `allowed: [net.ipv4.conf.eno2/100.rp_filter]`,
			object: setting("net/ipv4/conf/eno2.100/rp_filter", "net.ipv4.conf.eno2/100.rp_filter")},
		"none allowed":  {params: `allowed: []`, object: setting("kernel.sem"), want: []string{`spec.securityContext.sysctls[0].name: sysctl "kernel.sem"; none is allowed`}},
		"of a template": {params: net, object: replicated("Deployment", `template: {spec: {securityContext: {sysctls: [{name: kernel.sem, value: "1"}]}}}`), want: []string{"spec.template." + denied(0, "kernel.sem")}},
	})
	testInvalid(t, "sysctls", `allowed: [net.*, "", "*.x", kernel/sem, "*"]`, "p.allowed[1]", "p.allowed[2]", "p.allowed[3]")
	old := podSpec(`{securityContext: {sysctls: [{name: kernel.sem, value: "1"}, {name: kernel.msgmax, value: "1"}]}}`)
	testUpdate(t, "sysctls", ``, old, podSpec(`{securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}]}}`), true)
	testUpdate(t, "sysctls", ``, old, podSpec(`{securityContext: {sysctls: [{name: kernel.msgmax, value: "2"}]}}`), false)
}
