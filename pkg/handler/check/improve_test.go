// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// update is an update under a check, of a whole object or of the specification of a Deployment's template.
type update struct{ check, params, before, after string }

// templateOf is a Deployment's, where all of a Pod can be changed.
func templateOf(spec string) string {
	return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {spec: ` + spec + `}}}`
}

func twoContainers(of string) string {
	return `{` + of + `, containers: [{name: a, image: x}, {name: b, image: z}]}`
}

func containerWith(fields string) string {
	return `{containers: [{name: a, image: x, ` + fields + `}, {name: b, image: z}]}`
}

func capabilitiesOf(fields string) string {
	return containerWith(`securityContext: {capabilities: {` + fields + `}}`)
}

func roleWith(rules string) string {
	return `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}, rules: [` + rules + `]}`
}

// Who takes away a part of what is wrong, and adds nothing, need not put everything right at once.
func TestUpdatesThatTakeAwayPass(t *testing.T) {
	const mounted = `volumes: [{name: v, hostPath: {path: /etc}}, {name: w, hostPath: {path: /var}}, {name: o, nfs: {server: s, path: /}}], `
	const mounts = `volumeMounts: [{name: v, mountPath: /v}, {name: w, mountPath: /w}, {name: o, mountPath: /o}]`
	restricted := `level: restricted`
	for title, u := range map[string]update{
		"one of two containers": {"podSecurity", "",
			`{containers: [{name: a, image: x, securityContext: {privileged: true}}, {name: b, image: z, securityContext: {privileged: true}}]}`,
			`{containers: [{name: b, image: z, securityContext: {privileged: true}}]}`},
		"a container of a Pod with the host's network": {"podSecurity", "", twoContainers(`hostNetwork: true`),
			`{hostNetwork: true, containers: [{name: b, image: z}]}`},
		"a container of a Pod with the host's network, hostNamespaces": {"hostNamespaces", "", twoContainers(`hostPID: true`),
			`{hostPID: true, containers: [{name: b, image: z}]}`},
		"a container of a Pod with a token": {"serviceAccountToken", "", twoContainers(`serviceAccountName: s`),
			`{serviceAccountName: s, containers: [{name: b, image: z}]}`},
		"one of two host namespaces": {"podSecurity", "", twoContainers(`hostNetwork: true, hostPID: true`),
			twoContainers(`hostPID: true`)},
		"one of two capabilities": {"podSecurity", "", capabilitiesOf(`add: [SYS_ADMIN, NET_RAW]`), capabilitiesOf(`add: [NET_RAW]`)},
		"one of two capabilities, restricted": {"podSecurity", restricted, capabilitiesOf(`add: [SYS_ADMIN, NET_RAW]`),
			capabilitiesOf(`add: [NET_RAW], drop: [ALL]`)},
		"one of two capabilities to drop": {"capabilities", `requiredDrop: [NET_RAW, SYS_ADMIN]`, capabilitiesOf(`drop: []`),
			capabilitiesOf(`drop: [NET_RAW]`)},
		"one of two capabilities, capabilities": {"capabilities", "", capabilitiesOf(`add: [SYS_ADMIN, NET_RAW]`),
			capabilitiesOf(`add: [NET_RAW]`)},
		"one of two host ports": {"podSecurity", "", containerWith(`ports: [{hostPort: 80}, {hostPort: 81}]`),
			containerWith(`ports: [{hostPort: 81}]`)},
		"one of two hosts of probes": {"podSecurity", "",
			containerWith(`livenessProbe: {tcpSocket: {host: h}}, lifecycle: {preStop: {httpGet: {host: g}}}`),
			containerWith(`livenessProbe: {tcpSocket: {host: h}}`)},
		"one of two volumes": {"podSecurity", "", `{` + mounted + `containers: [{name: a, image: x, ` + mounts + `}]}`,
			`{volumes: [{name: w, hostPath: {path: /var}}], containers: [{name: a, image: x, volumeMounts: [{name: w, mountPath: /w}]}]}`},
		"one of three volumes, restricted": {"podSecurity", restricted, `{` + mounted + `containers: [{name: a, image: x, ` + mounts + `}]}`,
			`{volumes: [{name: o, nfs: {server: s, path: /}}], containers: [{name: a, image: x, volumeMounts: [{name: o, mountPath: /o}]}]}`},
		"one of two mounts": {"hostPaths", "",
			`{volumes: [{name: v, hostPath: {path: /etc}}], containers: [{name: a, image: x, volumeMounts: [{name: v, mountPath: /v}]}, ` +
				`{name: b, image: z, volumeMounts: [{name: v, mountPath: /v}]}]}`,
			`{volumes: [{name: v, hostPath: {path: /etc}}], containers: [{name: a, image: x}, ` +
				`{name: b, image: z, volumeMounts: [{name: v, mountPath: /v}]}]}`},
		"one of two sysctls": {"podSecurity", "",
			twoContainers(`securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}, {name: kernel.shmmax, value: "2"}]}`),
			twoContainers(`securityContext: {sysctls: [{name: kernel.shmmax, value: "2"}]}`)},
		"one of two SELinux options": {"podSecurity", "", twoContainers(`securityContext: {seLinuxOptions: {user: u, role: r}}`),
			twoContainers(`securityContext: {seLinuxOptions: {role: r}}`)},
		"seccomp of two profiles": {"podSecurity", restricted, containerWith(`securityContext: {appArmorProfile: {type: Unconfined}}`),
			containerWith(`securityContext: {appArmorProfile: {type: Unconfined}, seccompProfile: {type: RuntimeDefault}}`)},
		"the Pod's of two settings": {"podSecurity", "",
			`{securityContext: {seccompProfile: {type: Unconfined}}, containers: [{name: a, image: x, securityContext: {seccompProfile: {type: Unconfined}}}]}`,
			`{containers: [{name: a, image: x, securityContext: {seccompProfile: {type: Unconfined}}}]}`},
		"reordered containers": {"podSecurity", "", twoContainers(`hostNetwork: true`),
			`{hostNetwork: true, containers: [{name: b, image: z}, {name: a, image: x}]}`},
	} {
		t.Run(title, func(t *testing.T) {
			testUpdate(t, u.check, u.params, templateOf(u.before), templateOf(u.after), true)
			testUpdate(t, u.check, u.params, templateOf(u.after), templateOf(u.before), title == "reordered containers")
		})
	}
}

// What looks like the same violation, or like less of it, and is another.
func TestUpdatesThatChangeDoNotPass(t *testing.T) {
	const privilegedA = `{containers: [{name: a, image: x, securityContext: {privileged: true}}]}`
	for title, u := range map[string]update{
		"renamed container":         {"privileged", "", privilegedA, `{containers: [{name: b, image: x, securityContext: {privileged: true}}]}`},
		"renamed, podSecurity":      {"podSecurity", "", privilegedA, `{containers: [{name: b, image: x, securityContext: {privileged: true}}]}`},
		"another image":             {"privileged", "", privilegedA, `{containers: [{name: a, image: w, securityContext: {privileged: true}}]}`},
		"another image, the other":  {"podSecurity", "", twoContainers(`hostNetwork: true`), `{hostNetwork: true, containers: [{name: a, image: w}]}`},
		"images change places":      {"hostNamespaces", "", twoContainers(`hostIPC: true`), `{hostIPC: true, containers: [{name: a, image: z}]}`},
		"init container":            {"privileged", "", `{initContainers: [{name: a, image: x, securityContext: {privileged: true}}]}`, privilegedA},
		"init container, the Pod's": {"hostNamespaces", "", `{hostPID: true, initContainers: [{name: a, image: x}]}`, `{hostPID: true, containers: [{name: a, image: x}]}`},
		"init container, podSecurity": {"podSecurity", "", `{hostPID: true, initContainers: [{name: a, image: x}]}`,
			`{hostPID: true, containers: [{name: a, image: x}]}`},
		"init container becomes privileged": {"podSecurity", "", `{initContainers: [{name: a, image: x, securityContext: {privileged: true}}]}`, privilegedA},
		"another capability":                {"podSecurity", "", capabilitiesOf(`add: [SYS_ADMIN, NET_RAW]`), capabilitiesOf(`add: [SYS_TIME]`)},
		"the other's capability": {"podSecurity", "",
			`{containers: [{name: a, image: x, securityContext: {capabilities: {add: [SYS_ADMIN]}}}, {name: b, image: z, securityContext: {capabilities: {add: [NET_RAW]}}}]}`,
			capabilitiesOf(`add: [NET_RAW]`)},
		"capability in place of none dropped": {"podSecurity", `level: restricted`, capabilitiesOf(`drop: []`), capabilitiesOf(`add: [NET_RAW]`)},
		"another port":                        {"podSecurity", "", containerWith(`ports: [{hostPort: 80}, {hostPort: 81}]`), containerWith(`ports: [{hostPort: 8}]`)},
		"another value of a sysctl": {"podSecurity", "", twoContainers(`securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}, {name: kernel.shmmax, value: "2"}]}`),
			twoContainers(`securityContext: {sysctls: [{name: kernel.shmmax, value: "1"}]}`)},
		"another namespace of the host": {"podSecurity", "", twoContainers(`hostNetwork: true, hostPID: true`), twoContainers(`hostIPC: true`)},
		"the other's volume": {"podSecurity", "",
			`{volumes: [{name: v, hostPath: {path: /etc}}], containers: [{name: a, image: x, volumeMounts: [{name: v, mountPath: /v}]}, {name: b, image: z}]}`,
			`{volumes: [{name: v, hostPath: {path: /etc}}], containers: [{name: a, image: x}, {name: b, image: z, volumeMounts: [{name: v, mountPath: /v}]}]}`},
		"volume that is written to": {"hostPaths", "",
			`{volumes: [{name: v, hostPath: {path: /etc}}], containers: [{name: a, image: x, volumeMounts: [{name: v, mountPath: /v, readOnly: true}]}]}`,
			`{volumes: [{name: v, hostPath: {path: /etc}}], containers: [{name: a, image: x, volumeMounts: [{name: v, mountPath: /v}]}]}`},
	} {
		t.Run(title, func(t *testing.T) {
			testUpdate(t, u.check, u.params, templateOf(u.before), templateOf(u.after), false)
		})
	}
}

func TestRolesThatGetNarrowerPass(t *testing.T) {
	wide := `{apiGroups: [apps], resources: ["*"], verbs: ["*"]}`
	for title, tt := range map[string]struct {
		before, after string
		allowed       bool
	}{
		"the same":             {wide, wide, true},
		"in another place":     {wide, `{apiGroups: [""], resources: [pods], verbs: [get]}, ` + wide, true},
		"one verb":             {wide, `{apiGroups: [apps], resources: ["*"], verbs: [get]}`, true},
		"one resource":         {wide, `{apiGroups: [apps], resources: [deployments, statefulsets/scale], verbs: ["*"]}`, true},
		"one object":           {wide, `{apiGroups: [apps], resources: [deployments], resourceNames: [a], verbs: ["*"]}`, true},
		"one of two resources": {`{apiGroups: [""], resources: [pods, secrets], verbs: ["*"]}`, `{apiGroups: [""], resources: [pods], verbs: ["*"]}`, true},
		"subresources":         {`{apiGroups: [""], resources: ["*/scale"], verbs: ["*"]}`, `{apiGroups: [""], resources: [pods/scale], verbs: ["*"]}`, true},
		"paths":                {`{nonResourceURLs: ["/a/*"], verbs: ["*"]}`, `{nonResourceURLs: ["/a/b", "/a/c/*"], verbs: ["*"]}`, true},
		"split in two": {`{apiGroups: [""], resources: [pods, secrets], verbs: ["*"]}`,
			`{apiGroups: [""], resources: [pods], verbs: ["*"]}, {apiGroups: [""], resources: [secrets], verbs: ["*"]}`, true},
		"another resource": {`{apiGroups: [""], resources: [pods], verbs: ["*"]}`, `{apiGroups: [""], resources: [secrets], verbs: ["*"]}`, false},
		"another group":    {wide, `{apiGroups: [batch], resources: ["*"], verbs: ["*"]}`, false},
		"wider elsewhere": {`{apiGroups: [""], resources: [pods], verbs: ["*"]}, {apiGroups: [""], resources: [secrets], verbs: [get]}`,
			`{apiGroups: [""], resources: [secrets], verbs: ["*"]}`, false},
		"of all objects": {`{apiGroups: [""], resources: [pods], resourceNames: [a], verbs: ["*"]}`,
			`{apiGroups: [""], resources: [pods], verbs: ["*"]}`, false},
		"of parts of two rules": {
			`{apiGroups: [""], resources: [pods], verbs: ["*"]}, {apiGroups: [""], resources: [secrets], resourceNames: [a], verbs: ["*"]}`,
			`{apiGroups: [""], resources: [secrets], verbs: ["*"]}`, false},
		"subresource of all": {`{apiGroups: [""], resources: ["*/scale"], verbs: ["*"]}`, `{apiGroups: [""], resources: [pods], verbs: ["*"]}`, false},
		"other paths":        {`{nonResourceURLs: ["/a/*"], verbs: ["*"]}`, `{nonResourceURLs: ["/b/*"], verbs: ["*"]}`, false},
		"paths of resources": {`{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`, `{nonResourceURLs: ["*"], verbs: ["*"]}`, false},
	} {
		t.Run(title, func(t *testing.T) {
			testUpdate(t, "rbacWildcards", "", roleWith(tt.before), roleWith(tt.after), tt.allowed)
		})
	}
}

// Comparing what each rule gives with what all of them gave is for roles of people. Of more, what is the same is old.
func TestRolesTooLargeToCompare(t *testing.T) {
	many := strings.Repeat(`, {apiGroups: [""], resources: [pods], verbs: [get]}`, maxRulesCompared)
	wild := `{apiGroups: [apps], resources: [deployments], verbs: ["*"]}`
	testUpdate(t, "rbacWildcards", "", roleWith(wild+many), roleWith(wild+many+many), true)
	testUpdate(t, "rbacWildcards", "", roleWith(wild+many), roleWith(`{apiGroups: [""], resources: [secrets], verbs: ["*"]}`+many), false)
	testUpdate(t, "rbacWildcards", "", roleWith(wild+many), roleWith(`{apiGroups: [""], resources: [secrets], verbs: ["*"]}`), false)
}

// A probe that asks the Pod itself is not wrong, so that it may be added to what is.
func TestProbesOfThePodMayBeAdded(t *testing.T) {
	old := containerWith(`livenessProbe: {httpGet: {host: 10.0.0.1, port: 80}}`)
	for _, added := range []string{`httpGet: {port: 80}`, `tcpSocket: {port: 80}`} {
		probe := containerWith(`livenessProbe: {httpGet: {host: 10.0.0.1, port: 80}}, readinessProbe: {` + added + `}`)
		testUpdate(t, "podSecurity", "", templateOf(old), templateOf(probe), true)
	}
}

// A Deployment that is scaled keeps what is wrong with its Pods.
func TestScalingPasses(t *testing.T) {
	scaled := func(n string) string {
		return `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {replicas: ` + n +
			`, template: {spec: ` + twoContainers(`hostNetwork: true`) + `}}}`
	}
	testUpdate(t, "podSecurity", "", scaled("1"), scaled("9"), true)
	testUpdate(t, "hostNamespaces", "", scaled("9"), scaled("0"), true)
}

// If no one can say what was wrong before, everything counts.
func TestOldObjectThatCannotBeRead(t *testing.T) {
	for _, old := range []string{`{"spec":7}`, `"nonsense"`, `null`} {
		req := requestOf(t, admissionv1.Update, templateOf(twoContainers(`hostNetwork: true`)))
		req.OldObject.Raw = []byte(old)
		for _, name := range []string{"podSecurity", "hostNamespaces"} {
			if got := answer(t, built(t, definition(t, name), ""), req); got.Allowed {
				t.Errorf("%s: allowed over the old object %q", name, old)
			}
		}
	}
	for _, old := range []string{`{"rules":7}`, `null`} {
		role := requestOf(t, admissionv1.Update, roleWith(`{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`))
		role.OldObject.Raw = []byte(old)
		if got := answer(t, built(t, definition(t, "rbacWildcards"), ""), role); got.Allowed {
			t.Errorf("rbacWildcards: allowed over the old object %q", old)
		}
	}
}
