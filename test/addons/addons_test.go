// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/offline"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

func TestParse(t *testing.T) {
	got, err := parse("# comment\n\na o/r v1 " + commit + " charts/a ns k=v\n+ b o/s v2 " + commit + " .\n")
	want := []addon{{
		chart: chart{"a", "o/r", "v1", commit, "charts/a"}, namespace: "ns", values: []string{"k=v"},
		dependencies: []chart{{"b", "o/s", "v2", commit, "."}},
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(addon{}, chart{})); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	for _, text := range []string{
		"a o/r v1 " + commit + " .\n", "+ a o/r v1 " + commit + " .\n", "a o/r v1 abc . ns\n", "a\n",
		"a o/r v1 " + commit + " . ns\n+ b o/r v1 " + commit + " . ns\n",
	} {
		if got, err := parse(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

// The pins that are shipped can be read, and each add-on is there once.
func TestPins(t *testing.T) {
	all, err := parse(pinned)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range all {
		if seen[a.name] || !strings.Contains(a.repository, "/") {
			t.Errorf("%s is there twice, or has no repository", a.name)
		}
		seen[a.name] = true
	}
}

func TestMerged(t *testing.T) {
	found := merged([]exemption{
		{[]string{"pods"}, []string{"b"}, []string{"x"}, "r"}, {[]string{"pods"}, []string{"a"}, []string{"x"}, "r"},
		{[]string{"pods"}, []string{"a"}, []string{"y"}, "r"}, {[]string{"pods"}, []string{"b"}, []string{"x"}, "r"},
	})
	want := []exemption{{[]string{"pods"}, []string{"a", "b"}, []string{"x"}, "r"}, {[]string{"pods"}, []string{"a"}, []string{"y"}, "r"}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestNames(t *testing.T) {
	for kind, want := range map[[2]string]string{{"v1", "Pod"}: "pods", {"apps/v1", "DaemonSet"}: "daemonsets.apps"} {
		if got := resourceOf(offline.Finding{APIVersion: kind[0], Kind: kind[1]}); got != want {
			t.Errorf("%v is %s, want %s", kind, got, want)
		}
	}
}

func TestSummary(t *testing.T) {
	got := summary([]offline.Finding{
		{Check: "podSecurity", Field: "spec", Message: `spec: host namespaces (hostPID=true)`},
		{Check: "imageTag", Field: "spec.containers[0].image", Message: `spec.containers[0].image: image "x" (y) has no tag`},
		{Check: "podSecurity", Field: "spec", Message: `spec: hostPath volumes (volume "v")`},
		{Check: "podSecurity", Field: "spec", Message: `spec: host namespaces (hostIPC=true)`},
	})
	if want := "imageTag; podSecurity: host namespaces, hostPath volumes"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
