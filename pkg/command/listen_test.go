// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"strings"
	"testing"
)

func TestListenRefusesWhatItCannotUse(t *testing.T) {
	const socket = "--listener-socket=/run/listener/socket"
	for want, args := range map[string][]string{
		"--listener-socket is missing": nil,
		"--release-after":              {socket, "--release-after=-1s"},
		"--secure-port":                {socket, "--secure-port=0"},
		"--bind-address":               {socket, "--bind-address=localhost"},
		"--logging-format":             {socket, "--logging-format=xml"},
		"unexpected argument":          {socket, "now"},
	} {
		t.Run(want, func(t *testing.T) {
			var stderr bytes.Buffer
			code := run(t.Context(), append([]string{"listen"}, args...), &stderr, &stderr)
			if code != exitUsage || !strings.Contains(stderr.String(), want) {
				t.Errorf("exit code %d and %q, want %d and %s named", code, &stderr, exitUsage, want)
			}
		})
	}
}
