// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "testing"

func TestStorageClasses(t *testing.T) {
	const params = `allowed: [standard, ""]`
	claim := func(metadata, spec string) string {
		return `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: ` + metadata + `, spec: ` + spec + `}`
	}
	const old = `{annotations: {volume.beta.kubernetes.io/storage-class: premium}}`
	const oldFault = `metadata.annotations[volume.beta.kubernetes.io/storage-class]: storage class "premium"; allowed: standard`
	testRows(t, "storageClasses", map[string]row{
		"allowed": {params: params, object: claim(`{}`, `{storageClassName: standard}`)},
		"another": {params: `allowed: [standard]`, object: claim(`{}`, `{storageClassName: premium}`), want: []string{
			`spec.storageClassName: storage class "premium"; allowed: standard`}},
		"the default": {params: params, object: claim(`{}`, `{}`)},
		"no default": {params: `{allowed: [standard], allowDefault: false}`, object: claim(`{}`, `{}`), want: []string{
			`spec.storageClassName: the claim names no storage class; allowed: standard`}},
		"made by hand": {params: params, object: claim(`{}`, `{storageClassName: ""}`)},
		"made by hand, not allowed": {params: `allowed: [standard]`, object: claim(`{}`, `{storageClassName: ""}`), want: []string{
			`spec.storageClassName: storage class ""; allowed: standard`}},
		"the annotation wins": {params: `allowed: [standard]`, object: claim(old, `{storageClassName: standard}`), want: []string{oldFault}},
		"StatefulSet": {params: `allowed: [standard]`, object: `{apiVersion: apps/v1, kind: StatefulSet, spec: {
			volumeClaimTemplates: [{spec: {storageClassName: standard}}, {spec: {storageClassName: x}}, {metadata: ` + old + `, spec: {}}],
			template: {spec: {volumes: [{name: v, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: z}}}}]}}}}`,
			want: []string{
				`spec.volumeClaimTemplates[1].spec.storageClassName: storage class "x"; allowed: standard`,
				"spec.volumeClaimTemplates[2]." + oldFault,
				`spec.template.spec.volumes[0].ephemeral.volumeClaimTemplate.spec.storageClassName: storage class "z"; allowed: standard`,
			}},
		"ephemeral volumes": {params: `allowed: [standard]`, object: podSpec(`{volumes: [{name: e, emptyDir: {}},
			{name: a, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: standard}}}},
			{name: b, ephemeral: {volumeClaimTemplate: {metadata: ` + old + `, spec: {}}}}]}`), want: []string{
			"spec.volumes[2].ephemeral.volumeClaimTemplate." + oldFault}},
	})
	testRows(t, "storageClasses", map[string]row{
		"denied": {params: `denied: [premium, ""]`, object: claim(`{}`, `{storageClassName: premium}`), want: []string{
			`spec.storageClassName: storage class "premium"; denied: ["premium" ""]`}},
		"denied by the annotation": {params: `denied: [premium]`, object: claim(old, `{storageClassName: standard}`), want: []string{
			`metadata.annotations[volume.beta.kubernetes.io/storage-class]: storage class "premium"; denied: ["premium"]`}},
		"not denied": {params: `denied: [premium]`, object: claim(`{}`, `{storageClassName: standard}`)},
		"denied by hand": {params: `denied: [""]`, object: claim(`{}`, `{storageClassName: ""}`), want: []string{
			`spec.storageClassName: storage class ""; denied: [""]`}},
		"denied, the default": {params: `denied: [premium]`, object: claim(`{}`, `{}`)},
		"denied, no default": {params: `{denied: [premium], allowDefault: false}`, object: claim(`{}`, `{}`), want: []string{
			`spec.storageClassName: the claim names no storage class; denied: ["premium"]`}},
	})
	testInvalid(t, "storageClasses", `{}`, "p.allowed")
	testInvalid(t, "storageClasses", `{allowed: [a, b], denied: [c, a]}`, "p.denied[1]")
	testInvalid(t, "storageClasses", `{allowed: ["", a.b, Fast], denied: [c, "slow*"]}`, "p.allowed[2]", "p.denied[1]")
}

func TestStorageClassesIdentity(t *testing.T) {
	claim := func(name, class string) string {
		return `{name: ` + name + `, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: ` + class + `}}}}`
	}
	pod := func(volumes string) string { return podSpec(`{volumes: [` + volumes + `]}`) }
	set := func(templates string) string {
		return `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {volumeClaimTemplates: [` +
			templates + `{metadata: {name: v}, spec: {storageClassName: premium}}]}}`
	}
	const params = `allowed: [standard]`
	testUpdate(t, "storageClasses", params, pod(claim("v", "premium")), pod(`{name: e, emptyDir: {}}, `+claim("v", "premium")), true)
	testUpdate(t, "storageClasses", params, pod(claim("v", "premium")), pod(claim("v", "gold")), false)
	testUpdate(t, "storageClasses", params, pod(claim("v", "premium")), pod(claim("v", "premium")+", "+claim("w", "premium")), false)
	testUpdate(t, "storageClasses", params, set(""), set(`{metadata: {name: a}, spec: {storageClassName: standard}}, `), true)
}
