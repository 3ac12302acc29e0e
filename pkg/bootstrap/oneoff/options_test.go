// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package oneoff_test

import (
	"crypto/x509/pkix"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/bootstrap/oneoff"
	"github.com/hookstrap/hookstrap/pkg/bootstrap/signer"
)

func TestSpecNamesTheFault(t *testing.T) {
	good := oneoff.Options{Hosts: []string{"web"}, SignerName: "example.com/any"}
	for name, tc := range map[string]struct {
		alter func(*oneoff.Options)
		want  string
	}{
		"good":            {func(*oneoff.Options) {}, ""},
		"no signer":       {func(o *oneoff.Options) { o.SignerName = "" }, "signer name is empty"},
		"built-in signer": {func(o *oneoff.Options) { o.SignerName = signer.BuiltIn }, "names of a Service alone"},
		"a client's":      {func(o *oneoff.Options) { o.SignerName = signer.APIServerClient }, "client certificates"},
		"no host":         {func(o *oneoff.Options) { o.Hosts = nil }, "needs a host"},
		"bad host":        {func(o *oneoff.Options) { o.Hosts = []string{"web", "*.web"} }, "wildcard"},
		"client":          {func(o *oneoff.Options) { o.Hosts, o.Usage = nil, signer.ClientAuth }, ""},
		"masters": {func(o *oneoff.Options) {
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
