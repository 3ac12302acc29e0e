// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package refusal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

const serviceAccountPrefix = "system:serviceaccount:"

// claims are what a token says of itself. They are not verified: that is for the API server, which has refused it.
type claims struct {
	Subject string  `json:"sub"`
	Expires float64 `json:"exp"`
}

// claimsOf reads the JSON Web Token (RFC 7519) that a request carries; what it does not say is zero.
func claimsOf(req *http.Request) claims {
	var said claims
	token, found := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(token, ".")
	if !found || len(parts) != 3 {
		return said
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &said) != nil {
		return claims{}
	}
	return said
}

// serviceAccount is "NAMESPACE:NAME" of a user that is one.
func serviceAccount(user string) (namespace, name string, ok bool) {
	rest, found := strings.CutPrefix(user, serviceAccountPrefix)
	if !found {
		return "", "", false
	}
	return strings.Cut(rest, ":")
}

// describeCredentials says what a request was sent with and why that may not have been accepted. The token itself is
// never part of it.
func describeCredentials(req *http.Request, cfg *rest.Config, now time.Time) string {
	if req.Header.Get("Authorization") == "" {
		if cfg.CertFile != "" || len(cfg.CertData) > 0 {
			return "it was asked with a client certificate: look whether that has expired, and whether its CA is one of " +
				"the API server's --client-ca-file"
		}
		return "the request had none: give the Pod its ServiceAccount token (automountServiceAccountToken), or a kubeconfig"
	}
	said := claimsOf(req)
	token := "the token"
	if cfg.BearerTokenFile != "" {
		token += " in " + cfg.BearerTokenFile
	}
	if said.Subject != "" {
		token += fmt.Sprintf(" is of %q", said.Subject)
	} else {
		token += " is no ServiceAccount token"
	}
	expires := time.Unix(int64(said.Expires), 0).UTC()
	switch {
	case said.Expires == 0:
		return token + " and was not accepted: replace it"
	case now.After(expires):
		return fmt.Sprintf("%s and expired at %s: the kubelet renews it in the volume of the Pod; find out why it did not, "+
			"or replace it where somebody else wrote it", token, expires.Format(time.RFC3339))
	}
	return fmt.Sprintf("%s and was not accepted, although it expires only at %s: its ServiceAccount or Pod was deleted, "+
		"or it "+
		"is of another cluster: restart the Pod", token, expires.Format(time.RFC3339))
}
