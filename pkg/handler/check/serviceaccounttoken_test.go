// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestServiceAccountToken(t *testing.T) {
	fault := func(account, allowed string) []string {
		return []string{`spec.automountServiceAccountToken: the token of ServiceAccount "` + account + `" is mounted; ` +
			`set automountServiceAccountToken: false, or use an allowed ServiceAccount (` + allowed + `)`}
	}
	const none = "none is allowed"
	testRows(t, "serviceAccountToken", map[string]row{
		"not mounted":     {object: podSpec(`{automountServiceAccountToken: false}`)},
		"by default":      {object: podSpec(`{}`), want: fault("default", none)},
		"asked for":       {object: podSpec(`{automountServiceAccountToken: true, serviceAccountName: a}`), want: fault("a", none)},
		"allowed":         {params: `allowedServiceAccounts: [a]`, object: podSpec(`{serviceAccountName: a}`)},
		"old name":        {params: `allowedServiceAccounts: [a]`, object: podSpec(`{serviceAccount: a}`)},
		"another":         {params: `allowedServiceAccounts: [a]`, object: podSpec(`{serviceAccountName: b}`), want: fault("b", "allowed: a")},
		"any":             {params: `allowedServiceAccounts: ["*"]`, object: podSpec(`{serviceAccountName: b}`)},
		"any but default": {params: `allowedServiceAccounts: ["*"]`, object: podSpec(`{}`), want: fault("default", "allowed: *")},
		"default by name": {params: `allowedServiceAccounts: [default]`, object: podSpec(`{}`)},
	})
	testInvalid(t, "serviceAccountToken", `allowedServiceAccounts: ["*", a, "a*"]`, "p.allowedServiceAccounts[2]")
}
