// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/policy"
	pstest "k8s.io/pod-security-admission/test"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// backwards is a check with the library's controls, whose texts read backwards.
func backwards(check podSecurityCheck) podSecurityCheck {
	reverse := func(text string) string {
		letters := []rune(text)
		slices.Reverse(letters)
		return string(letters)
	}
	var controls []control
	for _, c := range check.controls {
		ask := c.check
		c.check = func(metadata *metav1.ObjectMeta, spec *corev1.PodSpec) policy.CheckResult {
			r := ask(metadata, spec)
			r.ForbiddenReason, r.ForbiddenDetail = reverse(r.ForbiddenReason), reverse(r.ForbiddenDetail)
			return r
		}
		controls = append(controls, c)
	}
	check.controls = controls
	return check
}

// What makes two violations the same one is found in the fields: the library may word its texts as it likes. The Pods
// are the library's own fixtures, each with what is wrong, in each version.
func TestPodSecurityReadsNoWords(t *testing.T) {
	file, _ := runtime.FuncForPC(reflect.ValueOf(pstest.GetMinimalValidPod).Pointer()).FileLine(0)
	seen := 0
	for _, level := range []string{"baseline", "restricted"} {
		for _, version := range []string{"v1.0", "v1.19", "v1.25", "v1.37"} {
			check := podSecurity(t, level, version)
			files, err := filepath.Glob(filepath.Join(filepath.Dir(file), "testdata", level, version, "fail", "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				seen++
				pod := readPod(t, file)
				want, got := facts(evaluate(t, check, pod)), facts(evaluate(t, backwards(check), pod))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s %s %s: other words make another violation (-want +got):\n%s", level, version, filepath.Base(file), diff)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d fixtures, want all", seen)
	}
}

// facts are violations without their texts.
func facts(violations []handler.Violation) []handler.Violation {
	for i := range violations {
		violations[i].Message = ""
	}
	return violations
}

// Each control has its own values that an update may keep, and none that it may bring.
func TestPodSecurityComparesValues(t *testing.T) {
	for name, tt := range map[string]struct {
		parameters, before, after string
		want                      bool
	}{
		"a harmless capability goes":  {"", `{capabilities: {add: [NET_RAW, CHOWN]}}`, `{capabilities: {add: [NET_RAW]}}`, true},
		"a forbidden one comes":       {"", `{capabilities: {add: [NET_RAW]}}`, `{capabilities: {add: [NET_RAW, SYS_ADMIN]}}`, false},
		"the drop of ALL goes":        {"level: restricted", `{capabilities: {drop: [ALL], add: [NET_RAW]}}`, `{capabilities: {add: [NET_RAW]}}`, false},
		"the drop of ALL comes":       {"level: restricted", `{capabilities: {add: [NET_RAW]}}`, `{capabilities: {drop: [ALL], add: [NET_RAW]}}`, true},
		"another mount of proc":       {"", `{procMount: Unmasked}`, `{procMount: Bare}`, false},
		"the same mount of proc":      {"", `{procMount: Unmasked, privileged: false}`, `{procMount: Unmasked}`, true},
		"says that it may be root":    {"level: restricted", `{}`, `{runAsNonRoot: false}`, false},
		"says nothing about root":     {"level: restricted", `{}`, `{readOnlyRootFilesystem: true}`, true},
		"another seccomp profile":     {"level: restricted", `{}`, `{seccompProfile: {type: Unconfined}}`, false},
		"a profile that was named":    {"", `{appArmorProfile: {type: Unconfined}, privileged: false}`, `{appArmorProfile: {type: Unconfined}}`, true},
		"another AppArmor profile":    {"", `{appArmorProfile: {type: Unconfined}}`, `{appArmorProfile: {type: Bare}}`, false},
		"privileges, said or implied": {"level: restricted", `{}`, `{allowPrivilegeEscalation: true}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			of := func(security string) string {
				return podSpec(`{containers: [{name: a, image: x, securityContext: ` + security + `}]}`)
			}
			testUpdate(t, "podSecurity", tt.parameters, of(tt.before), of(tt.after), tt.want)
		})
	}
}
