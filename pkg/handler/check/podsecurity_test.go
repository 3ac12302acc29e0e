// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	pstest "k8s.io/pod-security-admission/test"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

func podSecurity(t testing.TB, level, version string) podSecurityCheck {
	t.Helper()
	check, err := newPodSecurity(level, version)
	if err != nil {
		t.Fatal(err)
	}
	return check
}

func privileged(pod *corev1.Pod, containers ...int) *corev1.Pod {
	for _, i := range containers {
		pod.Spec.Containers[i].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
	}
	return pod
}

func TestPodSecurity(t *testing.T) {
	mixed := privileged(podWith("x:1", "y:1", "z:1"), 0, 2)
	mixed.Spec.HostNetwork = true
	mixed.Spec.InitContainers = []corev1.Container{{
		Name: "init", Ports: []corev1.ContainerPort{{HostPort: 80}},
	}}
	mixed.Spec.EphemeralContainers = []corev1.EphemeralContainer{{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "debug", SecurityContext: &corev1.SecurityContext{Privileged: ptr.To(true)},
		},
	}}
	hostPath := podWith("x:1")
	hostPath.Spec.Volumes = []corev1.Volume{{
		Name: "root", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}},
	}}
	tests := map[string]struct {
		level string
		pod   *corev1.Pod
		want  []string // with PATH for where the Pod is
	}{
		"plain":              {level: "baseline", pod: podWith("x:1")},
		"privileged is free": {level: "privileged", pod: mixed},
		"of the Pod":         {level: "baseline", pod: hostPath, want: []string{`PATH: hostPath volumes (volume "root")`}},
		"of a container": {
			level: "baseline", pod: privileged(podWith("x:1", "y:1"), 1),
			want: []string{`PATH.containers[1]: privileged (container "b" must not set securityContext.privileged=true)`},
		},
		"of the Pod and several containers": {
			level: "baseline", pod: mixed,
			want: []string{
				`PATH: host namespaces (hostNetwork=true)`,
				`PATH.initContainers[0]: hostPort (container "init" uses hostPort 80)`,
				`PATH.containers[0]: privileged (container "a" must not set securityContext.privileged=true)`,
				`PATH.containers[2]: privileged (container "c" must not set securityContext.privileged=true)`,
				`PATH.ephemeralContainers[0]: privileged (container "debug" must not set securityContext.privileged=true)`,
			},
		},
		"restricted": {
			level: "restricted", pod: podWith("x:1"),
			want: []string{
				`PATH.containers[0]: allowPrivilegeEscalation != false ` +
					`(container "a" must set securityContext.allowPrivilegeEscalation=false)`,
				`PATH.containers[0]: unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"])`,
				`PATH.containers[0]: runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)`,
				`PATH.containers[0]: seccompProfile (pod or container "a" ` +
					`must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for kind, h := range holders(tt.pod) {
				var want []string
				for _, w := range tt.want {
					want = append(want, strings.ReplaceAll(w, "PATH", h.path))
				}
				got := shown(evaluate(t, podSecurity(t, tt.level, "latest"), h.obj))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", kind, diff)
				}
			}
		})
	}
}

func TestPodSecurityIdentity(t *testing.T) {
	check := podSecurity(t, "baseline", "latest")
	before := identities(evaluate(t, check, privileged(podWith("x:1", "y:1"), 0)))

	moved := privileged(podWith("x:1", "y:1"), 0)
	moved.Spec.Containers[0], moved.Spec.Containers[1] = moved.Spec.Containers[1], moved.Spec.Containers[0]
	if diff := cmp.Diff(before, identities(evaluate(t, check, moved))); diff != "" {
		t.Errorf("a container that moves is a new violation: %s", diff)
	}
	if diff := cmp.Diff(before, identities(evaluate(t, check, privileged(podWith("x:1", "y:2"), 0)))); diff != "" {
		t.Errorf("another image of a harmless container is a new violation: %s", diff)
	}
	if cmp.Equal(before, identities(evaluate(t, check, privileged(podWith("x:2", "y:1"), 0)))) {
		t.Error("a privileged container may run another image")
	}

	hostNetwork := podWith("x:1")
	hostNetwork.Spec.HostNetwork = true
	before = identities(evaluate(t, check, hostNetwork))
	hostNetwork.Spec.Containers[0].Image = "y:1"
	if cmp.Equal(before, identities(evaluate(t, check, hostNetwork))) {
		t.Error("a Pod on the host's network may run another image")
	}
}

func TestPodSecurityVersion(t *testing.T) {
	pod := podWith("x:1")
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true)}
	if got := evaluate(t, podSecurity(t, "restricted", "v1.0"), pod); len(got) > 0 {
		t.Errorf("v1.0: got %v", shown(got))
	}
	if got := evaluate(t, podSecurity(t, "restricted", "v1.25"), pod); len(got) == 0 {
		t.Error("v1.25: allowed")
	}
}

func TestPodSecurityErrors(t *testing.T) {
	for _, tt := range []struct{ level, version, want string }{
		{"strict", "latest", `pod security level "strict"`},
		{"", "latest", `pod security level ""`},
		{"baseline", "1.30", `pod security version "1.30"`},
		{"baseline", "", `pod security version ""`},
	} {
		if _, err := newPodSecurity(tt.level, tt.version); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	req := create(t, podWith("x:1"))
	req.Object.Raw = []byte(`[]`)
	if _, err := podSecurity(t, "baseline", "latest").Evaluate(t.Context(), req); err == nil {
		t.Error("a Pod that cannot be read is fine")
	}
}

// No control of today's standards is broken by a whole Pod and by none of its parts, but nothing says that one never
// will be; it must not get lost.
func TestPodSecurityOfTheWholeOnly(t *testing.T) {
	fine := []policy.CheckResult{{Allowed: true}}
	places := []place{
		{path: field.NewPath("spec"), results: fine},
		{path: field.NewPath("spec", "containers").Index(0), results: fine},
	}
	got := locateOne(places, 0, control{id: "new"}, policy.CheckResult{ForbiddenReason: "too many", ForbiddenDetail: "of all"})
	if diff := cmp.Diff([]string{"spec: too many (of all)"}, shown(got)); diff != "" {
		t.Error(diff)
	}
}

// The library's own fixtures: Pods which are just good enough, and Pods which are not, for each control.
func TestPodSecurityFixtures(t *testing.T) {
	file, _ := runtime.FuncForPC(reflect.ValueOf(pstest.GetMinimalValidPod).Pointer()).FileLine(0)
	root := filepath.Join(filepath.Dir(file), "testdata")
	if _, err := os.Stat(root); err != nil {
		t.Fatalf("the fixtures of the library are not there; test without -trimpath and without a vendor directory: %v", err)
	}
	for _, level := range []string{"baseline", "restricted"} {
		for _, version := range []string{"v1.0", "v1.19", "v1.25", newestFixtures(t, filepath.Join(root, level))} {
			check := podSecurity(t, level, version)
			for verdict, wantViolations := range map[string]bool{"pass": false, "fail": true} {
				files, err := filepath.Glob(filepath.Join(root, level, version, verdict, "*.yaml"))
				if err != nil || len(files) == 0 {
					t.Fatalf("no fixtures for %s %s %s: %v", level, version, verdict, err)
				}
				for _, file := range files {
					t.Run(filepath.Join(level, version, verdict, filepath.Base(file)), func(t *testing.T) {
						testFixture(t, check, readPod(t, file), wantViolations)
					})
				}
			}
		}
	}
}

// newestFixtures is the latest version that there are fixtures of, which depends on the version of the library.
func newestFixtures(t *testing.T, directory string) string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	newest := 0
	for _, entry := range entries {
		var minor int
		if _, err := fmt.Sscanf(entry.Name(), "v1.%d", &minor); err == nil {
			newest = max(newest, minor)
		}
	}
	return fmt.Sprintf("v1.%d", newest)
}

func testFixture(t *testing.T, check podSecurityCheck, pod *corev1.Pod, wantViolations bool) {
	t.Helper()
	for kind, h := range holders(pod) {
		got := evaluate(t, check, h.obj)
		if (len(got) > 0) != wantViolations {
			t.Errorf("%s: got %v", kind, shown(got))
		}
		for _, v := range got {
			if !strings.HasPrefix(v.Field, h.path) {
				t.Errorf("%s: field %s is not in %s", kind, v.Field, h.path)
			}
		}
	}
}

func readPod(t *testing.T, file string) *corev1.Pod {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict(data, pod); err != nil {
		t.Fatal(err)
	}
	// The API server fills in defaults before it asks anybody, and the fixtures rely on this one.
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.VolumeSource == (corev1.VolumeSource{}) {
			v.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	return pod
}

func TestPodSecurityMinimalPods(t *testing.T) {
	for _, level := range []psapi.Level{psapi.LevelBaseline, psapi.LevelRestricted} {
		pod, err := pstest.GetMinimalValidPod(level, psapi.MajorMinorVersion(1, 37))
		if err != nil {
			t.Fatal(err)
		}
		if got := evaluate(t, podSecurity(t, string(level), "v1.37"), pod); len(got) > 0 {
			t.Errorf("%s: got %v", level, shown(got))
		}
	}
}

// The library's messages name sysctls and volumes but not their values.
func TestPodSecurityIdentityOfValues(t *testing.T) {
	pod := func(security, volumes, container string) string {
		return podSpec(`{securityContext: ` + security + `, volumes: [` + volumes + `], containers: [{name: a, image: x, ` +
			`securityContext: ` + container + `}]}`)
	}
	sysctl := func(value string) string { return `{sysctls: [{name: kernel.msgmax, value: "` + value + `"}]}` }
	user := func(name string) string { return `{seLinuxOptions: {user: ` + name + `}}` }
	config := func(name string) string { return `{name: c, configMap: {name: ` + name + `}}` }
	testUpdate(t, "podSecurity", "", pod(sysctl("1"), "", "{}"), pod(sysctl("1"), "", "{}"), true)
	testUpdate(t, "podSecurity", "", pod(sysctl("1"), "", "{}"), pod(sysctl("2"), "", "{}"), false)
	testUpdate(t, "podSecurity", "", pod(user("u"), "", "{}"), pod(user("v"), "", "{}"), false)
	testUpdate(t, "podSecurity", "", pod("{}", "", user("u")), pod("{}", "", user("u")), true)
	testUpdate(t, "podSecurity", "", pod("{}", "", user("u")), pod("{}", "", user("v")), false)
	testUpdate(t, "podSecurity", "", pod(sysctl("1"), config("a"), "{}"), pod(sysctl("1"), config("b"), "{}"), true)
}
