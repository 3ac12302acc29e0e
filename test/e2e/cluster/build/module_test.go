// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const upstream = `module k8s.io/kubernetes

go 1.23.0

godebug default=go1.23

require k8s.io/api v0.0.0

replace (
	example.test/fork => example.test/fork/v2 v2.0.0
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/endpointslice => ./staging/src/k8s.io/endpointslice
)
`

func TestModuleOfAnotherKubernetes(t *testing.T) {
	got, err := moduleOf("v1.32.13", []byte(upstream))
	if err != nil {
		t.Fatal(err)
	}
	want := `module github.com/hookstrap/hookstrap/components

go 1.23.0

require k8s.io/kubernetes v1.32.13

replace k8s.io/api => k8s.io/api v0.32.13

replace k8s.io/endpointslice => k8s.io/endpointslice v0.32.12
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("go.mod (-want +got):\n%s", diff)
	}
	for version, file := range map[string]string{
		"1.30": upstream, "v1.30.14": "modul", "v1.30.15": "module k8s.io/kubernetes\n",
	} {
		if _, err := moduleOf(version, []byte(file)); err == nil || !strings.Contains(err.Error(), version) {
			t.Errorf("error %v, want one that names %s", err, version)
		}
	}
}
