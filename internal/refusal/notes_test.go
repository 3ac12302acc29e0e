// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// TestCredentials: what is said of a token is who it is of and until when; never the token.
func TestCredentials(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	token := func(payload string) string {
		return "Bearer aaaa." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".bbbb"
	}
	const file = "/run/token"
	for name, tc := range map[string]struct {
		header string
		cfg    rest.Config
		want   []string
	}{
		"expired": {token(`{"sub":"system:serviceaccount:shop:hook","exp":1767225599}`), rest.Config{BearerTokenFile: file},
			[]string{"the token in " + file + " is of", `"system:serviceaccount:shop:hook"`, "expired at 2025-12-31T23:59:59Z"}},
		"valid for longer": {token(`{"sub":"system:serviceaccount:shop:hook","exp":1767225601}`), rest.Config{},
			[]string{"the token is of", "although it expires only at 2026-01-01T00:00:01Z"}},
		"of ever":          {token(`{"sub":"system:serviceaccount:shop:hook"}`), rest.Config{}, []string{"was not accepted"}},
		"no JSON":          {token(`{`), rest.Config{}, []string{"no ServiceAccount token"}},
		"no token of ours": {"Bearer abc", rest.Config{}, []string{"no ServiceAccount token"}},
		"certificate":      {"", rest.Config{TLSClientConfig: rest.TLSClientConfig{CertFile: "c"}}, []string{"client certificate"}},
		"none":             {"", rest.Config{}, []string{"the request had none"}},
	} {
		t.Run(name, func(t *testing.T) {
			req := &http.Request{Header: http.Header{"Authorization": {tc.header}}}
			got := describeCredentials(req, &tc.cfg, now)
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q does not say %q", got, want)
				}
			}
			if secret := strings.TrimPrefix(tc.header, "Bearer "); secret != "" && strings.Contains(got, secret) {
				t.Errorf("%q has the token", got)
			}
		})
	}
}

func TestRuleText(t *testing.T) {
	secret := authorizationv1.ResourceAttributes{Resource: "secrets", Name: "ca", Namespace: "shop", Verb: "get"}
	update := secret
	update.Verb = "update"
	approval := authorizationv1.ResourceAttributes{Group: "certificates.k8s.io", Resource: "certificatesigningrequests",
		Subresource: "approval", Verb: "update"}
	got := ruleText([]Right{{ResourceAttributes: secret}, {ResourceAttributes: approval}, {ResourceAttributes: update}})
	const want = `{apiGroups: [""], resources: [secrets], resourceNames: [ca], verbs: [get, update]} in namespace shop; ` +
		`{apiGroups: ["certificates.k8s.io"], resources: [certificatesigningrequests/approval], verbs: [update]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestSweepsAreSpaced: at once, not again within the pause, sooner for what was not missing before.
func TestSweepsAreSpaced(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	known := authorizationv1.ResourceAttributes{Resource: "secrets", Verb: "get"}
	fresh := authorizationv1.ResourceAttributes{Resource: "secrets", Verb: "create"}
	r := NewRights("shop", nil)
	if !r.due(known, start) {
		t.Error("the first refusal asks for nothing")
	}
	r.swept, r.pause, r.found = start, longestPause, []Right{{ResourceAttributes: known}}
	for _, tc := range []struct {
		refused authorizationv1.ResourceAttributes
		after   time.Duration
		want    bool
	}{
		{known, shortestPause, false}, {known, longestPause, true},
		{fresh, shortestPause - 1, false}, {fresh, shortestPause, true},
	} {
		if got := r.due(tc.refused, start.Add(tc.after)); got != tc.want {
			t.Errorf("%s after %s: due %t, want %t", tc.refused.Verb, tc.after, got, tc.want)
		}
	}
}
