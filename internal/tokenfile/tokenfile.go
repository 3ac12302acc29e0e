// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tokenfile makes a client read its token file again when the API server does not take the token.
package tokenfile

import (
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

// Reread changes cfg, the caller's own copy, to read BearerTokenFile again after a 401: the next request may bring one
// more, and the one after that has the token that is in the file by then. client-go by itself reads the file every 50
// s. A file that cannot be read makes requests fail, and not the making of a client. Without a file nothing is
// changed.
func Reread(cfg *rest.Config) {
	if cfg.BearerTokenFile == "" {
		return
	}
	source := transport.NewCachedFileTokenSource(cfg.BearerTokenFile)
	cfg.BearerToken, cfg.BearerTokenFile = "", ""
	cfg.Wrap(transport.ResettableTokenSourceWrapTransport(source))
}
