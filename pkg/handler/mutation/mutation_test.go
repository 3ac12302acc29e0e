// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	gocmp "cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

// built makes a mutation of a definition with parameters in YAML.
func built(t *testing.T, d handler.Definition, parameters string) handler.Mutation {
	t.Helper()
	into := d.NewParameters()
	if err := yaml.UnmarshalStrict([]byte(parameters), into); err != nil {
		t.Fatal(err)
	}
	m, err := d.BuildMutation(into, handler.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func named(t *testing.T, name string) handler.Definition {
	t.Helper()
	for _, d := range Definitions() {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("there is no mutation %s", name)
	return handler.Definition{}
}

// mutated is what a mutation makes of an object in YAML that is created or updated.
func mutated(t *testing.T, m handler.Mutation, manifest string, operation admissionv1.Operation) any {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return mutatedUpdate(t, m, data, nil, operation)
}

// mutatedUpdate is what a mutation makes of an object in JSON, and of what it was before.
func mutatedUpdate(t *testing.T, m handler.Mutation, data, old []byte, operation admissionv1.Operation) any {
	t.Helper()
	var head metav1.TypeMeta
	if err := json.Unmarshal(data, &head); err != nil {
		t.Fatal(err)
	}
	req := handler.NewRequest(admissionv1.AdmissionRequest{
		Kind:      metav1.GroupVersionKind(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)),
		Operation: operation, Object: runtime.RawExtension{Raw: data}, OldObject: runtime.RawExtension{Raw: old},
	})
	changed, err := m.Mutate(t.Context(), req)
	if err != nil {
		t.Fatalf("%v, for\n%s", err, data)
	}
	if changed == nil {
		changed = data
	}
	return parse(t, string(changed))
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var object any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// What the page says becomes of an object becomes of it, once.
func TestExamples(t *testing.T) {
	for _, d := range Definitions() {
		t.Run(d.Name, func(t *testing.T) {
			m := built(t, d, d.Doc.Parameters)
			if diff := cmp.Diff(parse(t, d.Doc.Admitted), mutated(t, m, d.Doc.Denied, admissionv1.Create)); diff != "" {
				t.Errorf("(-page +mutation):\n%s", diff)
			}
			handlertest.Idempotent(t, m, d.Doc.Denied, d.Doc.Admitted, deployment, cronJobManifest, injected, windows, "apiVersion: v1\nkind: Service\n")
			if d.DefaultMode != "" {
				t.Errorf("its mode is %q by default", d.DefaultMode)
			}
		})
	}
}

const (
	deployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: a}, {name: b, securityContext: {privileged: true}}]}}}}`

	cronJobManifest = `{apiVersion: batch/v1, kind: CronJob, metadata: {name: web}, spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a}]}}}}}}`

	// As an API server sends a Pod, with what it puts in for the token.
	injected = `
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: a
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: kube-api-access-x2x4z, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
  volumes:
  - {name: data, emptyDir: {}}
  - name: kube-api-access-x2x4z
    projected:
      sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}]}
`
	windows = `{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {os: {name: windows}, containers: [{name: a}]}}`
)

func TestMutations(t *testing.T) {
	for name, tt := range map[string]struct{ mutation, parameters, from, want string }{
		"seccomp of a template": {"defaultSeccompProfile", "", cronJobManifest,
			`{apiVersion: batch/v1, kind: CronJob, metadata: {name: web}, spec: {jobTemplate: {spec: {template: {spec: {securityContext: {seccompProfile: {type: RuntimeDefault}}, containers: [{name: a}]}}}}}}`},
		"seccomp for Windows":      {"defaultSeccompProfile", "", windows, windows},
		"capabilities for Windows": {"dropCapabilities", "", windows, windows},
		"capabilities, and a privileged container": {"dropCapabilities", "", deployment,
			`{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: a, securityContext: {capabilities: {drop: [ALL]}}}, {name: b, securityContext: {privileged: true}}]}}}}`},
		"the token of a Pod": {"noServiceAccountToken", "", injected,
			`{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {automountServiceAccountToken: false, containers: [{name: a, volumeMounts: [{name: data, mountPath: /data}]}], volumes: [{name: data, emptyDir: {}}]}}`},
		"the token of an exception": {"noServiceAccountToken", "exceptServiceAccounts: [default]", injected, injected},
		"seccomp by nodes":          {"defaultSeccompProfile", "", podOf("nodeSelector: {kubernetes.io/os: windows}, " + bare), ""},
		"seccomp beside others": {"defaultSeccompProfile", "", podOf("securityContext: {runAsNonRoot: true}, " + bare),
			podOf("securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}, " + bare)},
		"seccomp that is there": {"defaultSeccompProfile", "", podOf("securityContext: {seccompProfile: {type: Unconfined}}, " + bare), ""},
		"seccomp by annotation": {"defaultSeccompProfile", "", annotated("unconfined", ""), ""},
		"seccomp by annotation, of a template": {"defaultSeccompProfile", "", `{apiVersion: apps/v1, kind: StatefulSet, spec: {template: ` +
			`{metadata: {annotations: {seccomp.security.alpha.kubernetes.io/pod: localhost/a.json}}, spec: {containers: [{name: a}]}}}}`, ""},
		"the runtime's seccomp by annotation": {"defaultSeccompProfile", "", annotated("runtime/default", ""),
			annotated("runtime/default", "securityContext: {seccompProfile: {type: RuntimeDefault}}, ")},
		"the runtime's seccomp by its older name": {"defaultSeccompProfile", "", annotated("docker/default", ""),
			annotated("docker/default", "securityContext: {seccompProfile: {type: RuntimeDefault}}, ")},
		"labels of what is not stored": {"addMetadata", "labels: {a: b}", `{apiVersion: authorization.k8s.io/v1, kind: SubjectAccessReview, metadata: {}}`, ""},
		"labels of a token's review":   {"addMetadata", "labels: {a: b}", `{apiVersion: authentication.k8s.io/v1, kind: TokenReview, metadata: {}}`, ""},
		"capabilities of an unprivileged container": {"dropCapabilities", "", podOf("initContainers: [{name: a, securityContext: {privileged: false}}]"),
			podOf("initContainers: [{name: a, securityContext: {privileged: false, capabilities: {drop: [ALL]}}}]")},
		"all capabilities": {"dropCapabilities", "", podOf("initContainers: [{name: i, securityContext: {capabilities: {add: [NET_RAW, all]}}}], " +
			"containers: [{name: a, securityContext: {capabilities: {add: [ALL]}}}]"), ""},
		"capabilities that are dropped": {"dropCapabilities", "", podOf("containers: [{name: a, securityContext: {capabilities: {drop: [NET_RAW]}}}]"), ""},
		"a token that is asked for":     {"noServiceAccountToken", "", podOf("automountServiceAccountToken: true, " + bare), ""},
		"the token of a named account":  {"noServiceAccountToken", "exceptServiceAccounts: [a]", podOf("serviceAccountName: a, " + bare), ""},
		"an account by its old field":   {"noServiceAccountToken", "exceptServiceAccounts: [a]", podOf("serviceAccount: a, " + bare), ""},
		"a label without a value":       {"addMetadata", "labels: {a: \"2\"}", `{apiVersion: v1, kind: Service, metadata: {labels: {a: ""}}}`, ""},
		"labels that are there": {"addMetadata", "labels: {a: \"2\", b: \"3\"}", `{apiVersion: v1, kind: Service, metadata: {labels: {a: "1"}}}`,
			`{apiVersion: v1, kind: Service, metadata: {labels: {a: "1", b: "3"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := mutated(t, built(t, named(t, tt.mutation), tt.parameters), tt.from, admissionv1.Create)
			if diff := cmp.Diff(parse(t, gocmp.Or(tt.want, tt.from)), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// annotated is a Pod with the annotation that was there before there was a field for the seccomp profile.
func annotated(profile, more string) string {
	return `{apiVersion: v1, kind: Pod, metadata: {name: web, annotations: {seccomp.security.alpha.kubernetes.io/pod: ` + profile +
		`}}, spec: {` + more + `containers: [{name: a}]}}`
}

// What an object says itself of the token stays: volumes that the API server has not made, one that it has made and that
// something else mounts as well, and all of a template, into which the API server puts nothing.
func TestOtherVolumesStay(t *testing.T) {
	const place = "/var/run/secrets/kubernetes.io/serviceaccount"
	volumes := func(name, mountPath, sources string) string {
		return fmt.Sprintf("volumes: [{name: %s, projected: {sources: [%s]}}], containers: [{name: a, volumeMounts: "+
			"[{name: %s, mountPath: %s}]}, {name: b, volumeMounts: [{name: %s, mountPath: %s}]}]",
			name, sources, name, place, name, mountPath)
	}
	const token = "{serviceAccountToken: {path: token}}"
	for name, spec := range map[string]string{
		"another name":      volumes("kube-api-access-vault", place, token),
		"another mount":     volumes("kube-api-access-x2x4z", "/var/run/secrets/vault", token),
		"another audience":  volumes("kube-api-access-x2x4z", place, "{serviceAccountToken: {path: token, audience: vault}}"),
		"another file":      volumes("kube-api-access-x2x4z", place, "{serviceAccountToken: {path: vault}}"),
		"a Secret in it":    volumes("kube-api-access-x2x4z", place, token+", {secret: {name: a}}"),
		"no token":          volumes("kube-api-access-x2x4z", place, "{configMap: {name: kube-root-ca.crt}}"),
		"nothing":           volumes("kube-api-access-x2x4z", place, ""),
		"an empty volume":   "volumes: [{name: kube-api-access-x2x4z, emptyDir: {}}], " + bare,
		"of an init":        "volumes: [{name: kube-api-access-x2x4z, projected: {sources: [" + token + "]}}], initContainers: [{name: i, volumeMounts: [{name: kube-api-access-x2x4z, mountPath: /i}]}]",
		"template: a token": volumes("kube-api-access-x2x4z", place, token),
	} {
		const says = "automountServiceAccountToken: false, "
		from, want := podOf(spec), podOf(says+spec)
		if strings.HasPrefix(name, "template") {
			from, want = workloadOf("Deployment", "name: web", spec), workloadOf("Deployment", "name: web", says+spec)
		}
		got := mutated(t, built(t, named(t, "noServiceAccountToken"), ""), from, admissionv1.Create)
		if diff := cmp.Diff(parse(t, want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// An API server would refuse the update.
func TestPodsAreNotChangedLater(t *testing.T) {
	for _, d := range Definitions() {
		if d.Name == "addMetadata" {
			continue
		}
		if diff := cmp.Diff(parse(t, injected), mutated(t, built(t, d, ""), injected, admissionv1.Update)); diff != "" {
			t.Errorf("%s changes a Pod (-before +after):\n%s", d.Name, diff)
		}
	}
}

// Who applies a manifest again sends images without the digests that they were given. An API server refuses that for a
// Job, and a kubelet starts a container of a Pod again for it.
func TestDigestsAreKept(t *testing.T) {
	other := strings.Replace(digest, "9", "0", 1)
	m := built(t, named(t, "imageDigests"), digestParameters)
	spec := func(a, b, v string) string {
		return "initContainers: [{name: a, image: b}], containers: [{name: a, image: '" + a + "'}, {name: b, image: '" + b +
			"'}], volumes: [{name: a, image: {reference: '" + v + "'}}]"
	}
	for name, tt := range map[string]struct{ old, from, want string }{
		"as they were":             {spec("nginx@"+digest, "b", "nginx@"+digest), spec("nginx", "b", "nginx"), ""},
		"by another table":         {spec("nginx@"+other, "b", "nginx:latest"), spec("nginx", "b", "nginx:latest"), ""},
		"which none had":           {spec("nginx", "b", "v"), spec("nginx", "b", "v"), ""},
		"of another tag":           {spec("nginx:1@"+digest, "b", "v"), spec("nginx", "b", "v"), spec("nginx", "b", "v")},
		"of an image of no table":  {spec("b@"+digest, "b", "v"), spec("b", "b", "v"), spec("b", "b", "v")},
		"of another container":     {spec("a", "nginx@"+digest, "v"), spec("nginx", "b", "v"), spec("nginx", "b", "v")},
		"and not what was written": {spec("nginx@"+digest, "b", "v"), spec("nginx@"+other, "b", "v"), spec("nginx@"+other, "b", "v")},
	} {
		for _, object := range []string{podOf("%s"), "{apiVersion: batch/v1, kind: Job, metadata: {name: web}, spec: {template: {spec: {%s}}}}"} {
			t.Run(name, func(t *testing.T) {
				of := func(spec string) []byte {
					data, err := yaml.YAMLToJSON(fmt.Appendf(nil, object, spec))
					if err != nil {
						t.Fatal(err)
					}
					return data
				}
				got := mutatedUpdate(t, m, of(tt.from), of(tt.old), admissionv1.Update)
				if diff := cmp.Diff(parse(t, string(of(gocmp.Or(tt.want, tt.old)))), got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}
