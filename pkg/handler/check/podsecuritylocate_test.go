// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// privilegedContainers are a Pod's, of images vendor/0 and so on; last is the image of the last one.
func privilegedContainers(n int, last string) string {
	var list []string
	for i := range n {
		image := fmt.Sprintf("vendor/%d", i)
		if i == n-1 {
			image = last
		}
		list = append(list, fmt.Sprintf("{name: c%d, image: %s, securityContext: {privileged: true}}", i, image))
	}
	return "{containers: [" + strings.Join(list, ", ") + "]}"
}

// As many containers at fault as an answer shows are told apart, and the others are one violation of the Pod.
func TestFewContainersAreToldApart(t *testing.T) {
	check := podSecurity(t, "baseline", "latest")
	for n, want := range map[int]int{1: 1, maxLocated: maxLocated, maxLocated + 1: maxLocated + 1, 3 * maxLocated: maxLocated + 1} {
		req := requestOf(t, admissionv1.Create, podSpec(privilegedContainers(n, "x")))
		got, err := check.Evaluate(t.Context(), req)
		if err != nil || len(got) != want {
			t.Fatalf("%d containers: got %d violations, want %d: %v", n, len(got), want, err)
		}
		if last := got[want-1]; (last.Field == "spec") != (n > maxLocated) {
			t.Errorf("%d containers: the last is at %s", n, last.Field)
		}
	}
}

// What is not told apart is neither exempt by its image nor carried over, unless all of it is as it was.
func TestContainersThatAreNotToldApartCount(t *testing.T) {
	const few, many = maxLocated - 1, maxLocated + 10
	check := podSecurity(t, "baseline", "latest")
	exempt := handler.Options{Entries: []handler.Entry{{
		Check: check, Exempt: handler.Exemptions{Images: []string{"vendor/*"}},
	}}}
	for n, want := range map[int]bool{few: true, many: false} {
		req := requestOf(t, admissionv1.Create, podSpec(privilegedContainers(n, "vendor/last")))
		if got := answerOf(t, exempt, req); got.Allowed != want {
			t.Errorf("%d containers of exempt images: allowed is %t, want %t", n, got.Allowed, want)
		}
	}
	was := templateOf(privilegedContainers(many, "x"))
	testUpdate(t, "podSecurity", "", was, was, true)
	testUpdate(t, "podSecurity", "", was, templateOf(privilegedContainers(many, "z")), false)
	testUpdate(t, "podSecurity", "", was, templateOf(privilegedContainers(many+1, "x")), false)
	testUpdate(t, "podSecurity", "", templateOf(privilegedContainers(few, "x")), was, false)
	testUpdate(t, "podSecurity", "", was, strings.Replace(was, "c"+fmt.Sprint(many-1)+",", "other,", 1), false)
	sysAdmin := strings.Replace(was, "privileged: true}}]", "privileged: true, capabilities: {add: [SYS_ADMIN]}}}]", 1)
	testUpdate(t, "podSecurity", "", was, sysAdmin, false)
	testUpdate(t, "podSecurity", "", was, templateOf(privilegedContainers(few, "vendor/"+fmt.Sprint(few-1))), true)
}

// A name with quotes in it does not hide another capability in the library's list of them.
func TestCapabilitiesWithQuotes(t *testing.T) {
	quoted := `'SYS_ADMI", '`
	for _, level := range []string{"level: baseline", "level: restricted"} {
		testUpdate(t, "podSecurity", level, templateOf(capabilitiesOf(`drop: [ALL], add: [`+quoted+`]`)),
			templateOf(capabilitiesOf(`drop: [ALL], add: [`+quoted+`, SYS_ADMIN]`)), false)
		testUpdate(t, "podSecurity", level, templateOf(capabilitiesOf(`drop: [ALL], add: [`+quoted+`, SYS_ADMIN]`)),
			templateOf(capabilitiesOf(`drop: [ALL], add: [SYS_ADMIN]`)), true)
	}
}

// A capability that is allowed may be added beside one that is not and was there before.
func TestAllowedCapabilityBesideForbidden(t *testing.T) {
	testUpdate(t, "podSecurity", "", templateOf(capabilitiesOf(`add: [NET_RAW]`)), templateOf(capabilitiesOf(`add: [NET_RAW, CHOWN]`)), true)
}

// Profiles in annotations are compared one by one, and those of AppArmor are the Pod's.
func TestProfileAnnotations(t *testing.T) {
	annotated := func(annotations, fields string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: ` +
			`{annotations: {` + annotations + `}}, spec: ` + containerWith(fields) + `}}}`
	}
	const (
		appArmor = `container.apparmor.security.beta.kubernetes.io/`
		seccomp  = `container.seccomp.security.alpha.kubernetes.io/`
		free     = `: unconfined`
		fine     = `: runtime/default`
	)
	both := appArmor + `a` + free + `, ` + appArmor + `b` + free
	one, other := appArmor+`a`+free+`, `+appArmor+`b`+fine, appArmor+`b`+free
	testUpdate(t, "podSecurity", "", annotated(both, ""), annotated(one, ""), true)
	testUpdate(t, "podSecurity", "", annotated(one, ""), annotated(both, ""), false)
	testUpdate(t, "podSecurity", "", annotated(one, ""), annotated(other, ""), false)
	testUpdate(t, "podSecurity", "", annotated(both, ""), annotated(both, "securityContext: {appArmorProfile: {type: Unconfined}}"), false)
	old := "version: v1.18"
	both = seccomp + `a` + free + `, ` + seccomp + `b` + free
	one, other = seccomp+`a`+free, seccomp+`b`+free
	testUpdate(t, "podSecurity", old, annotated(both, ""), annotated(one, ""), true)
	testUpdate(t, "podSecurity", old, annotated(one, ""), annotated(both, ""), false)
	testUpdate(t, "podSecurity", old, annotated(one, ""), annotated(other, ""), false)
	testUpdate(t, "podSecurity", old, annotated(one+`, seccomp.security.alpha.kubernetes.io/pod`+free, ""), annotated(one, ""), true)
	testUpdate(t, "podSecurity", old, annotated(one, ""), annotated(one+`, seccomp.security.alpha.kubernetes.io/pod`+free, ""), false)
}

// A container is judged by what it inherits, and what is wrong with the Pod is said of the Pod alone.
func TestContainersInherit(t *testing.T) {
	for pod, want := range map[string][]string{
		`securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}`: nil,
		`securityContext: {runAsNonRoot: true, seccompProfile: {type: Unconfined}}`: {
			`spec: seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")`,
		},
		`securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, seLinuxOptions: {user: u}, sysctls: [{name: s, value: "1"}]}`: {
			`spec: seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: user may not be set)`,
			`spec: forbidden sysctls (s)`,
		},
		`securityContext: {seccompProfile: {type: RuntimeDefault}, appArmorProfile: {type: Unconfined}}`: {
			`spec: forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")`,
			`spec.containers[0]: runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)`,
		},
	} {
		req := requestOf(t, admissionv1.Create, podSpec(`{`+pod+`, containers: [{name: a, image: x, `+
			`securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}`))
		got, err := podSecurity(t, "restricted", "latest").Evaluate(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, shown(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pod, diff)
		}
	}
}
