// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package mutation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

const digestParameters = "digests: {'nginx': '" + digest + "', 'ghcr.io/acme/web:v1': '" + digest + "'}"

// workloadOf is a workload in YAML, with metadata and a Pod's spec.
func workloadOf(kind, metadata, spec string) string {
	return fmt.Sprintf("{apiVersion: apps/v1, kind: %s, metadata: {%s}, spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {%s}}}}",
		kind, metadata, spec)
}

// selectingHash is a Deployment with a selector of the label that its controller adds.
func selectingHash(spec string) string {
	return strings.Replace(workloadOf("Deployment", "name: web", spec), "selector: {matchLabels: {app: web}}", "selector: {"+byHash+"}", 1)
}

func podOf(spec string) string {
	return "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {" + spec + "}}"
}

const (
	oneNode    = "topologySpreadConstraints: [{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}%s}]"
	byHash     = "matchExpressions: [{key: app, operator: Exists}, {key: pod-template-hash, operator: Exists}]"
	zones      = "{topologyKeys: [zone], maxSkew: 2, whenUnsatisfiable: DoNotSchedule}"
	apart      = "affinity: {podAntiAffinity: {}}"
	bare       = "containers: [{name: a}]"
	ofAnother  = "name: web, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}]"
	ofNobody   = "name: web, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: web, uid: u}]"
	manyImages = "initContainers: [{name: i, image: nginx}], containers: [{name: a, image: 'docker.io/library/nginx:latest'}, " +
		"{name: b, image: 'nginx:1'}, {name: c, image: 'nginx@" + digest + "'}, {name: d, image: 'NGINX'}, {name: e}], " +
		"volumes: [{name: v, image: {reference: 'ghcr.io/acme/web:v1'}}, {name: w, emptyDir: {}}]"
)

// What is said already stays. What is not gets a value, once.
func TestDefaults(t *testing.T) {
	requested := "requests: {cpu: 10m, memory: 64Mi}"
	for name, tt := range map[string]struct{ mutation, parameters, from, want string }{
		"images": {"imageDigests", digestParameters, podOf(manyImages), podOf("initContainers: [{name: i, image: 'nginx@" + digest + "'}], " +
			"containers: [{name: a, image: 'docker.io/library/nginx:latest@" + digest + "'}, " +
			"{name: b, image: 'nginx:1'}, {name: c, image: 'nginx@" + digest + "'}, {name: d, image: 'NGINX'}, {name: e}], " +
			"volumes: [{name: v, image: {reference: 'ghcr.io/acme/web:v1@" + digest + "'}}, {name: w, emptyDir: {}}]")},
		"requests of all containers": {"defaultRequests", requested, podOf("initContainers: [{name: i}], " + bare),
			podOf("initContainers: [{name: i, resources: {" + requested + "}}], containers: [{name: a, resources: {" + requested + "}}]")},
		"requests that are there": {"defaultRequests", requested,
			podOf("containers: [{name: a, resources: {requests: {cpu: '1'}, limits: {memory: 1Gi}}}, {name: b, resources: {requests: {memory: 1Gi}}}]"),
			podOf("containers: [{name: a, resources: {requests: {cpu: '1'}, limits: {memory: 1Gi}}}, {name: b, resources: {requests: {cpu: 10m, memory: 1Gi}}}]")},
		"requests of the Pod as a whole": {"defaultRequests", requested, podOf("resources: {requests: {memory: 1Gi}}, " + bare),
			podOf("resources: {requests: {memory: 1Gi}}, containers: [{name: a, resources: {requests: {cpu: 10m}}}]")},
		"a Deployment": {"defaultTopologySpread", zones, workloadOf("Deployment", "name: web", bare),
			workloadOf("Deployment", "name: web", bare+", "+fmt.Sprintf(oneNode, ", matchLabelKeys: [pod-template-hash]"))},
		"a StatefulSet": {"defaultTopologySpread", zones, workloadOf("StatefulSet", "name: web", bare),
			workloadOf("StatefulSet", "name: web", bare+", "+fmt.Sprintf(oneNode, ""))},
		"a ReplicaSet of its own": {"defaultTopologySpread", zones, workloadOf("ReplicaSet", ofNobody, bare),
			workloadOf("ReplicaSet", ofNobody, bare+", "+fmt.Sprintf(oneNode, ""))},
		"a Deployment of an operator": {"defaultTopologySpread", zones, workloadOf("Deployment", ofAnother, bare),
			workloadOf("Deployment", ofAnother, bare+", "+fmt.Sprintf(oneNode, ", matchLabelKeys: [pod-template-hash]"))},
		"a Deployment that selects by the hash": {"defaultTopologySpread", zones, selectingHash(bare),
			selectingHash(bare + ", topologySpreadConstraints: [{maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {" + byHash + "}}]")},
		"another affinity": {"defaultTopologySpread", zones, workloadOf("StatefulSet", "name: web", "affinity: {podAffinity: {}}, "+bare),
			workloadOf("StatefulSet", "name: web", "affinity: {podAffinity: {}}, "+bare+", "+fmt.Sprintf(oneNode, ""))},
		"another topology": {"defaultTopologySpread", "topologyKeys: [rack]", workloadOf("Deployment", "name: web", bare+", "+fmt.Sprintf(oneNode, "")), ""},
		"anti-affinity":    {"defaultTopologySpread", "", workloadOf("Deployment", "name: web", bare+", "+apart), ""},
		"a DaemonSet":      {"defaultTopologySpread", "", workloadOf("DaemonSet", "name: web", bare), ""},
		"a Pod":            {"defaultTopologySpread", "", podOf(bare), ""},
		"no selector":      {"defaultTopologySpread", "", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {}}}}", ""},
		"no template":      {"defaultTopologySpread", "", "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {}}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.want == "" {
				tt.want = tt.from
			}
			m := built(t, named(t, tt.mutation), tt.parameters)
			for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update} {
				if isPod := strings.Contains(tt.from, "kind: Pod"); isPod && operation == admissionv1.Update {
					continue // See TestPodsAreNotChangedLater.
				}
				if diff := cmp.Diff(parse(t, tt.want), mutated(t, m, tt.from, operation)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", operation, diff)
				}
			}
			handlertest.Idempotent(t, m, tt.from)
		})
	}
}

// A Deployment's controller would make one ReplicaSet after the other.
func TestReplicaSetsOfAControllerStay(t *testing.T) {
	for _, d := range Definitions() {
		if d.Name == "addMetadata" {
			continue // It does not change the template.
		}
		parameters := map[string]string{"imageDigests": digestParameters, "defaultRequests": "requests: {cpu: 10m}"}[d.Name]
		m := built(t, d, parameters)
		const pod = "containers: [{name: a, image: nginx}]"
		from := workloadOf("ReplicaSet", ofAnother, pod)
		if diff := cmp.Diff(parse(t, from), mutated(t, m, from, admissionv1.Update)); diff != "" {
			t.Errorf("%s changes a ReplicaSet of a Deployment (-before +after):\n%s", d.Name, diff)
		}
		alone := workloadOf("ReplicaSet", ofNobody, pod)
		if cmp.Equal(parse(t, alone), mutated(t, m, alone, admissionv1.Update)) {
			t.Errorf("%s leaves a ReplicaSet as it is that no controller has", d.Name)
		}
	}
}

// All kinds with a template are changed, and Jobs, whose template cannot change later, when they are created. What has
// another version is an error: to pass it would let a user choose a version.
func TestKindsWithTemplates(t *testing.T) {
	const template = "template: {spec: {containers: [{name: a}]}}"
	m := built(t, named(t, "dropCapabilities"), "")
	for kind, from := range map[string]string{
		"apps/v1 Deployment": "spec: {" + template + "}", "apps/v1 StatefulSet": "spec: {" + template + "}",
		"apps/v1 DaemonSet": "spec: {" + template + "}", "apps/v1 ReplicaSet": "spec: {" + template + "}",
		"v1 ReplicationController": "spec: {" + template + "}", "v1 PodTemplate": template,
		"batch/v1 Job": "spec: {" + template + "}", "batch/v1 CronJob": "spec: {jobTemplate: {spec: {" + template + "}}}",
	} {
		version, name, _ := strings.Cut(kind, " ")
		for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update} {
			manifest := fmt.Sprintf("{apiVersion: %s, kind: %s, %s}", version, name, from)
			changed := !cmp.Equal(parse(t, manifest), mutated(t, m, manifest, operation))
			if want := name != "Job" || operation == admissionv1.Create; changed != want {
				t.Errorf("%s of %s: changed: %t, want %t", operation, kind, changed, want)
			}
		}
	}
	for _, name := range []string{"dropCapabilities", "defaultTopologySpread"} {
		req := handler.NewRequest(admissionv1.AdmissionRequest{
			Kind: metav1.GroupVersionKind{Group: "apps", Version: "v1beta1", Kind: "Deployment"}, Operation: admissionv1.Create,
			Object: runtime.RawExtension{Raw: []byte(`{"apiVersion":"apps/v1beta1","kind":"Deployment","spec":{}}`)},
		})
		if _, err := built(t, named(t, name), "").Mutate(t.Context(), req); err == nil || !strings.Contains(err.Error(), "v1beta1") {
			t.Errorf("%s of another version: got %v, want an error that names it", name, err)
		}
	}
}

func TestWrongParameters(t *testing.T) {
	for parameters, want := range map[string]string{
		"imageDigests {}":                                                  "p.digests: Required value",
		"imageDigests {digests: {web: b}}":                                 "p.digests[web]: Invalid value: \"b\": must be a digest",
		"imageDigests {digests: {'WEB:1': '" + digest + "'}}":              "must be an image with a tag and no digest",
		"imageDigests {digests: {'web@" + digest + "': '" + digest + "'}}": "must be an image with a tag and no digest",
		"imageDigests {digests: {web: '" + digest + "', 'web:latest': '" + strings.Replace(digest, "9", "0", 1) + "'}}": "p.digests[web:latest]: Invalid value",
		"imageDigests {digests: {web: '" + digest + "', 'web:latest': '" + digest + "'}}":                               "",
		"addMetadata {}":                                        "p: Required value",
		"addMetadata {annotations: {'a b': c}}":                 "p.annotations[a b]: Invalid value",
		"addMetadata {labels: {a: 'b c'}}":                      "p.labels: Invalid value",
		"noServiceAccountToken {exceptServiceAccounts: [a, B]}": "p.exceptServiceAccounts[1]: Invalid value",
		"defaultRequests {}":                                    "p.requests: Required value",
		"defaultRequests {requests: {cpu: much}}":               "p.requests[cpu]: Invalid value: \"much\"",
		"defaultRequests {requests: {cpu: '0'}}":                "p.requests[cpu]: Invalid value: \"0\"",
		"defaultRequests {requests: {hugepages-2Mi: 2Mi}}":      "p.requests: Unsupported value: \"hugepages-2Mi\"",
		"defaultRequests {requests: {memory: 128m}}":            "p.requests[memory]: Invalid value: \"128m\": must be a whole number of bytes",
		"defaultRequests {requests: {memory: 1e30}}":            "p.requests[memory]: Invalid value: \"1e+30\": must be a whole number of bytes, below 8Ei",
		"defaultRequests {requests: {memory: 1.5Gi}}":           "",
		"defaultRequests {requests: {ephemeral-storage: 1Gi}}":  "",
		"defaultTopologySpread {topologyKeys: []}":              "p.topologyKeys: Required value",
		"defaultTopologySpread {topologyKeys: [zone, zone]}":    "p.topologyKeys[1]: Duplicate value",
		"defaultTopologySpread {topologyKeys: ['a b']}":         "p.topologyKeys[0]: Invalid value",
		"defaultTopologySpread {maxSkew: 0}":                    "p.maxSkew: Invalid value: 0: must be 1 or more",
		"defaultTopologySpread {whenUnsatisfiable: Sometimes}":  "p.whenUnsatisfiable: Unsupported value: \"Sometimes\"",
		"defaultTopologySpread {}":                              "",
	} {
		name, text, _ := strings.Cut(parameters, " ")
		into := named(t, name).NewParameters()
		if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
			t.Fatal(err)
		}
		errs := into.(handler.Validator).Validate(field.NewPath("p"))
		if err := errs.ToAggregate(); len(errs) > 1 || want == "" && err != nil ||
			want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", parameters, err, want)
		}
	}
}
