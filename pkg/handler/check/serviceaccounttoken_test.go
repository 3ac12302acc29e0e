// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestServiceAccountToken(t *testing.T) {
	fault := func(account, allowed string) []string {
		return []string{`spec.automountServiceAccountToken: the token of ServiceAccount "` + account + `" is mounted; ` +
			`set automountServiceAccountToken: false, or use an allowed ServiceAccount (` + allowed + `)`}
	}
	account := func(namespace, name string, mounts *bool) client.Object {
		return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, AutomountServiceAccountToken: mounts}
	}
	accounts := []client.Object{
		account("shop", "a", ptr.To(false)), account("shop", "b", ptr.To(true)), account("shop", "c", nil),
		account("shop", "default", ptr.To(false)), account("other", "z", ptr.To(false)),
	}
	const none = "none is allowed"
	testRows(t, "serviceAccountToken", map[string]row{
		"not mounted":              {object: podSpec(`{automountServiceAccountToken: false}`)},
		"by default":               {object: podSpec(`{}`), want: fault("default", none)},
		"asked for":                {object: podSpec(`{automountServiceAccountToken: true, serviceAccountName: a}`), want: fault("a", none)},
		"allowed":                  {params: `allowedServiceAccounts: [a]`, object: podSpec(`{serviceAccountName: a}`)},
		"old name":                 {params: `allowedServiceAccounts: [a]`, object: podSpec(`{serviceAccount: a}`)},
		"another":                  {params: `allowedServiceAccounts: [a]`, object: podSpec(`{serviceAccountName: b}`), want: fault("b", "allowed: a")},
		"any":                      {params: `allowedServiceAccounts: ["*"]`, object: podSpec(`{serviceAccountName: b}`)},
		"any but default":          {params: `allowedServiceAccounts: ["*"]`, object: podSpec(`{}`), want: fault("default", "allowed: *")},
		"its account says no":      {object: podSpec(`{serviceAccountName: a}`), cluster: accounts},
		"the default's says no":    {object: podSpec(`{}`), cluster: accounts},
		"its account says yes":     {object: podSpec(`{serviceAccountName: b}`), cluster: accounts, want: fault("b", none)},
		"its account says nothing": {object: podSpec(`{serviceAccountName: c}`), cluster: accounts, want: fault("c", none)},
		"the Pod wins":             {object: podSpec(`{automountServiceAccountToken: true, serviceAccountName: a}`), cluster: accounts, want: fault("a", none)},
		"another namespace's":      {object: podSpec(`{serviceAccountName: z}`), cluster: accounts, want: fault("z", none)},
		"not looked at":            {params: `readServiceAccounts: false`, object: podSpec(`{serviceAccountName: a}`), cluster: accounts, want: fault("a", none)},
		"default by name":          {params: `allowedServiceAccounts: [default]`, object: podSpec(`{}`)},
	})
	testInvalid(t, "serviceAccountToken", `allowedServiceAccounts: ["*", a, "a*"]`, "p.allowedServiceAccounts[2]")
}
