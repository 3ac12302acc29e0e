// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// As Gatekeeper's volume-types and Kyverno's restrict-volume-types have it.
func TestVolumeTypes(t *testing.T) {
	const rest = "allowed: configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected, secret"
	volumes := func(list string) string { return podSpec(`{volumes: [` + list + `]}`) }
	testRows(t, "volumeTypes", map[string]row{
		"none":       {object: podSpec(`{}`)},
		"restricted": {object: volumes(`{name: a, configMap: {name: x}}, {name: b, emptyDir: {}}, {name: c, secret: {secretName: s}}, {name: d, persistentVolumeClaim: {claimName: c}}, {name: e, image: {reference: "x:1"}}, {name: f, ephemeral: {}}`)},
		"of the node": {object: volumes(`{name: a, emptyDir: {}}, {name: b, hostPath: {path: /}}, {name: c, nfs: {server: x, path: /}}`), want: []string{
			`spec.volumes[1]: volume "b" is of type hostPath; ` + rest, `spec.volumes[2]: volume "c" is of type nfs; ` + rest}},
		"allowed":       {params: `allowed: [nfs, emptyDir]`, object: volumes(`{name: c, nfs: {server: x, path: /}}`)},
		"none allowed":  {params: `allowed: []`, object: volumes(`{name: c, emptyDir: {}}`), want: []string{`spec.volumes[0]: volume "c" is of type emptyDir; none is allowed`}},
		"what is newer": {object: volumes(`{name: c, tape: {}}`), want: []string{`spec.volumes[0]: volume "c" is of type unknown; ` + rest}},
		"of a template": {object: replicated("Deployment", `template: {spec: {volumes: [{name: c, fc: {}}]}}`), want: []string{`spec.template.spec.volumes[0]: volume "c" is of type fc; ` + rest}},
	})
	testInvalid(t, "volumeTypes", `allowed: [nfs, NFS]`, "p.allowed[1]")
}

func TestUpdatesOfVolumes(t *testing.T) {
	pod := func(image, path, mount string, more ...string) string {
		return podSpec(fmt.Sprintf(`{containers: [{name: a, image: %q, volumeMounts: [{name: v, mountPath: %s}]}], volumes: [%s{name: v, hostPath: {path: %s}}]}`,
			image, mount, strings.Join(more, ""), path))
	}
	old := pod("x:1", "/a", "/m")
	for after, allowed := range map[string]bool{
		pod("x:1", "/a", "/m", `{name: w, emptyDir: {}}, `):         true,
		pod("x:1", "/b", "/m"):                                      false,
		pod("x:1", "/a", "/n"):                                      false,
		pod("x:2", "/a", "/m"):                                      false,
		pod("x:1", "/a", "/m", `{name: w, hostPath: {path: /a}}, `): false,
	} {
		testUpdate(t, "volumeTypes", ``, old, after, allowed)
	}
	debugged := strings.Replace(old, `{containers: `, `{ephemeralContainers: [{name: d, image: "y:1"}], containers: `, 1)
	testUpdate(t, "volumeTypes", ``, old, debugged, true)
	many := func(n int, image string) string {
		var list strings.Builder
		for i := range n {
			fmt.Fprintf(&list, "{name: v%d, hostPath: {path: /a}}, ", i)
		}
		return podSpec(`{containers: [{name: a, image: "` + image + `"}], volumes: [` + list.String() + `]}`)
	}
	testUpdate(t, "volumeTypes", ``, many(70, "x:1"), many(60, "x:1"), true)
	testUpdate(t, "volumeTypes", ``, many(70, "x:1"), many(71, "x:1"), false)
}

// Every type that there is has a name here.
func TestVolumeTypesAreComplete(t *testing.T) {
	known := volumeTypesCheck{}.Values()["allowed"]
	of := reflect.TypeFor[corev1.VolumeSource]()
	for i := range of.NumField() {
		source := &corev1.VolumeSource{}
		field := reflect.ValueOf(source).Elem().Field(i)
		field.Set(reflect.New(field.Type().Elem()))
		if name := volumeType(source); !slices.Contains(known, name) {
			t.Errorf("the type %s is missing", name)
		}
	}
}
