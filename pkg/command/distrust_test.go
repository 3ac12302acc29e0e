// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"strings"
	"testing"
)

func TestDistrustRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for flags, want := range map[string]string{
		"--all --all-but-newest":     "exclude each other",
		"--fingerprint=abc":          "64 hexadecimal digits",
		"--secret-name=Not_A_Secret": "not the name of an object",
		"--namespace=a/b":            "--namespace",
		"--kubeconfig=/does/not":     "--kubeconfig",
		"everything":                 "takes flags only",
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"distrust"}, strings.Fields(flags)...), &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("distrust %s: exit code %d, %s", flags, code, stderr.String())
		}
	}
}
