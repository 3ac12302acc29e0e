// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package request_test

import (
	"crypto/x509/pkix"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/internal/request"
	"github.com/hookstrap/hookstrap/internal/signer"
)

func TestSpecNamesTheFault(t *testing.T) {
	good := request.Options{Hosts: []string{"web"}, SignerName: "example.com/any"}
	for name, tc := range map[string]struct {
		alter func(*request.Options)
		want  string
	}{
		"good":            {func(*request.Options) {}, ""},
		"no signer":       {func(o *request.Options) { o.SignerName = "" }, "signer name is empty"},
		"built-in signer": {func(o *request.Options) { o.SignerName = signer.BuiltIn }, "names of a Service alone"},
		"a client's":      {func(o *request.Options) { o.SignerName = signer.APIServerClient }, "client certificates"},
		"no host":         {func(o *request.Options) { o.Hosts = nil }, "needs a host"},
		"bad host":        {func(o *request.Options) { o.Hosts = []string{"web", "*.web"} }, "wildcard"},
		"client":          {func(o *request.Options) { o.Hosts, o.Usage = nil, signer.ClientAuth }, ""},
		"masters": {func(o *request.Options) {
			o.Usage, o.SignerName = signer.ClientAuth, signer.APIServerClient
			o.Subject = pkix.Name{CommonName: "jane", Organization: []string{"system:masters"}}
		}, "system:masters"},
	} {
		options := good
		tc.alter(&options)
		_, err := options.Spec()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
