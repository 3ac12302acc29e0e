// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// A container for debugging comes to a Pod that hardly anybody can change. What counts is what it gets itself.
func TestDebugContainersAreJudgedForThemselves(t *testing.T) {
	const volumes = `volumes: [{name: v, hostPath: {path: /etc}}], `
	const mounts = `volumeMounts: [{name: v, mountPath: /v}]`
	for title, tt := range map[string]struct {
		check, params, pod, debug string
		allowed                   bool
	}{
		"a token":                    {"serviceAccountToken", "", ``, ``, true},
		"a volume":                   {"hostPaths", "", volumes, ``, true},
		"a volume that it mounts":    {"hostPaths", "", volumes, mounts, false},
		"a volume, podSecurity":      {"podSecurity", "", volumes, ``, true},
		"mounts it, podSecurity":     {"podSecurity", "", volumes, mounts, false},
		"a sysctl":                   {"podSecurity", "", `securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}]}, `, ``, true},
		"the host's network":         {"hostNamespaces", "", `hostNetwork: true, `, ``, false},
		"the host's PIDs":            {"podSecurity", "", `hostPID: true, `, ``, false},
		"no profile":                 {"seccomp", "", `securityContext: {seccompProfile: {type: Unconfined}}, `, ``, false},
		"no profile but its own":     {"seccomp", "", `securityContext: {seccompProfile: {type: Unconfined}}, `, `securityContext: {seccompProfile: {type: RuntimeDefault}}`, true},
		"no profile, podSecurity":    {"podSecurity", "", `securityContext: {seccompProfile: {type: Unconfined}}, `, ``, false},
		"its own profile":            {"podSecurity", "", `securityContext: {seccompProfile: {type: Unconfined}}, `, `securityContext: {seccompProfile: {type: RuntimeDefault}}`, true},
		"user 0":                     {"runAsNonRoot", "", `securityContext: {runAsNonRoot: true, runAsUser: 0}, `, ``, false},
		"another user":               {"runAsNonRoot", "", `securityContext: {runAsNonRoot: true, runAsUser: 0}, `, `securityContext: {runAsUser: 7}`, true},
		"what it asks for":           {"privileged", "", ``, `securityContext: {privileged: true}`, false},
		"what its Pod's others have": {"privileged", "", `initContainers: [{name: i, image: x, securityContext: {privileged: true}}], `, ``, true},
	} {
		t.Run(title, func(t *testing.T) {
			before := podSpec(`{` + tt.pod + `containers: [{name: a, image: x}]}`)
			debug := `{` + strings.TrimSuffix(`name: d, image: busybox, `+tt.debug, `, `) + `}`
			after := podSpec(`{` + tt.pod + `containers: [{name: a, image: x}], ephemeralContainers: [` + debug + `]}`)
			req := requestOf(t, admissionv1.Update, after)
			req.SubResource, req.OldObject = "ephemeralcontainers", requestOf(t, admissionv1.Update, before).Object
			got := answer(t, built(t, definition(t, tt.check), tt.params), req)
			if got.Allowed != tt.allowed || !tt.allowed && got.Result.Code != http.StatusForbidden {
				t.Errorf("got %v", got.Result)
			}
		})
	}
}

// Who means Windows has to say so where the kubelet reads it, and is told.
func TestWindowsByNodeSelectorAlone(t *testing.T) {
	const advice = "; for Windows, which its nodeSelector asks for, set spec.os.name: windows"
	for _, name := range []string{"capabilities", "privilegeEscalation", "readOnlyRootFilesystem", "seccomp", "podSecurity"} {
		params := map[string]string{"podSecurity": "level: restricted"}[name]
		check := built(t, definition(t, name), params)
		said := func(spec string) []string {
			got, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, podSpec(spec)))
			if err != nil {
				t.Fatal(err)
			}
			return slices.DeleteFunc(shown(got), func(text string) bool { return !strings.HasSuffix(text, advice) })
		}
		want := map[string]int{"podSecurity": 3}[name]
		if got := said(`{nodeSelector: {kubernetes.io/os: windows}, containers: [{name: a}]}`); len(got) != max(want, 1) {
			t.Errorf("%s: got %q", name, got)
		}
		for _, spec := range []string{
			`{containers: [{name: a}]}`, `{nodeSelector: {kubernetes.io/os: linux}, containers: [{name: a}]}`,
			`{os: {name: windows}, nodeSelector: {kubernetes.io/os: windows}, containers: [{name: a}]}`,
		} {
			if got := said(spec); len(got) > 0 {
				t.Errorf("%s: got %q for %s", name, got, spec)
			}
		}
		// It is still the same that is wrong, so that an old object can be told where it runs.
		testUpdate(t, name, params, templateOf(`{containers: [{name: a, image: x}]}`),
			templateOf(`{nodeSelector: {kubernetes.io/os: windows}, containers: [{name: a, image: x}]}`), true)
	}
}

// Advice depends on what else is wrong; that a part of it has been put right makes no new violation.
func TestAdviceIsNoIdentity(t *testing.T) {
	testUpdate(t, "privilegeEscalation", "", templateOf(containerWith(`securityContext: {privileged: true}`)),
		templateOf(containerWith(`securityContext: {privileged: false}`)), true)
	testUpdate(t, "capabilities", "", templateOf(capabilitiesOf(`drop: []`)), templateOf(capabilitiesOf(`drop: [all]`)), true)
	testUpdate(t, "runAsNonRoot", "", templateOf(containerWith(`securityContext: {}`)),
		templateOf(containerWith(`securityContext: {runAsUser: 7}`)), true)
}
