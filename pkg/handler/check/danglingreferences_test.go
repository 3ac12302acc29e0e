// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// objects are those of manifests, in the namespace shop unless they say another.
func objects(t testing.TB, manifests ...string) []client.Object {
	t.Helper()
	var all []client.Object
	for _, manifest := range manifests {
		text, err := yaml.YAMLToJSON([]byte(manifest))
		if err != nil {
			t.Fatalf("%s: %v", manifest, err)
		}
		decoded, err := runtime.Decode(scheme.Codecs.UniversalDeserializer(), text)
		if err != nil {
			t.Fatalf("%s: %v", manifest, err)
		}
		obj := decoded.(client.Object)
		if obj.GetNamespace() == "" {
			obj.SetNamespace("shop")
		}
		all = append(all, obj)
	}
	return all
}

const (
	webDeployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {metadata: {labels: {app: web, tier: front}},
		spec: {initContainers: [{name: proxy, ports: [{name: metrics, containerPort: 9}]}], containers: [{name: a, ports: [{name: http, containerPort: 8080}, {containerPort: 1}]}]}}}}`
	idleSet = `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {replicas: 0, template: {metadata: {labels: {app: db}}}}}`
	agents  = `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agents}, spec: {template: {metadata: {labels: {app: agent}}}}}`
)

func serviceFor(spec string) string {
	return `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: ` + spec + `}`
}

// As kube-score's service-targets-pod, kube-linter's dangling-service and Kyverno's rules about both have it.
func TestDanglingServices(t *testing.T) {
	known := objects(t, webDeployment, idleSet, agents)
	none := func(labels string) []string {
		return []string{`spec.selector: no workload in namespace "shop" has Pods with the labels ` + labels +
			"; correct them here or there, or create the workload first"}
	}
	owned := `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, ownerReferences: [
		{apiVersion: example.com/v1, kind: Database, name: d, uid: u, controller: true}]}, spec: {selector: {app: x}}}`
	testRows(t, "danglingReferences", map[string]row{
		"selects a Deployment":     {object: serviceFor(`{selector: {app: web}}`), cluster: known},
		"by two labels":            {object: serviceFor(`{selector: {tier: front, app: web}}`), cluster: known},
		"one label is another":     {object: serviceFor(`{selector: {tier: back, app: web}}`), cluster: known, want: none("app=web,tier=back")},
		"no such label":            {object: serviceFor(`{selector: {app: wbe}}`), cluster: known, want: none("app=wbe")},
		"scaled to none":           {object: serviceFor(`{selector: {app: db}}`), cluster: known},
		"selects a DaemonSet":      {object: serviceFor(`{selector: {app: agent}}`), cluster: known},
		"nothing is known":         {object: serviceFor(`{selector: {app: web}}`)},
		"nothing, and that is all": {params: `assumeComplete: true`, object: serviceFor(`{selector: {app: web}}`), want: none("app=web")},
		"another namespace":        {object: serviceFor(`{selector: {app: web}}`), cluster: objects(t, strings.Replace(webDeployment, "{name: web}", "{name: web, namespace: other}", 1), idleSet), want: none("app=web")},
		"no selector":              {params: `assumeComplete: true`, object: serviceFor(`{ports: [{port: 80, targetPort: http}]}`)},
		"external":                 {params: `assumeComplete: true`, object: serviceFor(`{type: ExternalName, externalName: x.example.com, selector: {app: x}}`)},
		"made by a controller":     {object: owned, cluster: known},
		"not asked for":            {params: `references: [HorizontalPodAutoscaler]`, object: serviceFor(`{selector: {app: wbe}}`), cluster: known},
		"a port by name":           {object: serviceFor(`{selector: {app: web}, ports: [{port: 80, targetPort: http}]}`), cluster: known},
		"of a sidecar":             {object: serviceFor(`{selector: {app: web}, ports: [{port: 80, targetPort: metrics}]}`), cluster: known},
		"a port by number":         {object: serviceFor(`{selector: {app: web}, ports: [{port: 80, targetPort: 5}, {port: 81}]}`), cluster: known},
		"no such port": {
			object: serviceFor(`{selector: {app: web}, ports: [{port: 80, targetPort: http}, {port: 81, targetPort: htpp}]}`), cluster: known,
			want: []string{`spec.ports[1].targetPort: no container of the selected Pods has a port named "htpp"; there are: http, metrics`},
		},
		"no port has a name": {
			object: serviceFor(`{selector: {app: db}, ports: [{port: 80, targetPort: http}]}`), cluster: known,
			want: []string{`spec.ports[0].targetPort: no container of the selected Pods has a port named "http"; it has none with a name`},
		},
	})
}

// As kube-score's hpa-has-target and kube-linter's dangling-horizontalpodautoscaler have it.
func TestDanglingAutoscalers(t *testing.T) {
	known := objects(t, webDeployment, idleSet)
	scaler := func(target string) string {
		return `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web, namespace: shop}, spec: {maxReplicas: 2, scaleTargetRef: ` + target + `}}`
	}
	testRows(t, "danglingReferences", map[string]row{
		"there":           {object: scaler(`{apiVersion: apps/v1, kind: Deployment, name: web}`), cluster: known},
		"scaled to none":  {object: scaler(`{apiVersion: apps/v1, kind: StatefulSet, name: db}`), cluster: known},
		"of another kind": {object: scaler(`{apiVersion: example.com/v1, kind: Rollout, name: x}`), cluster: known},
		"the wrong kind": {
			object: scaler(`{apiVersion: apps/v1, kind: Deployment, name: db}`), cluster: known,
			want: []string{`spec.scaleTargetRef.name: Deployment "db" is not in namespace "shop"; create it first, or correct the name`},
		},
		"nothing is known": {object: scaler(`{apiVersion: apps/v1, kind: Deployment, name: db}`)},
		"not asked for":    {params: `references: [Service]`, object: scaler(`{apiVersion: apps/v1, kind: Deployment, name: db}`), cluster: known},
	})
}

// As kube-linter's non-existent-service-account has it, and the same for what Pods mount and read.
func TestDanglingNames(t *testing.T) {
	known := objects(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}`, `{apiVersion: v1, kind: ServiceAccount, metadata: {name: web}}`,
		`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: files}}`)
	absent := func(path, kind, name string) string {
		advice := "create it first, or correct the name"
		if kind == "ConfigMap" {
			advice = "create it first, correct the name, or say optional: true"
		}
		return path + ": " + kind + ` "` + name + `" is not in namespace "shop"; ` + advice
	}
	everything := `{serviceAccountName: %, volumes: [{name: a, configMap: {name: %}}, {name: b, persistentVolumeClaim: {claimName: %}},
		{name: c, projected: {sources: [{configMap: {name: %2}}]}}, {name: s, secret: {secretName: %}}],
		initContainers: [{name: i, envFrom: [{configMapRef: {name: %3}}]}],
		containers: [{name: a, env: [{name: A, value: x}, {name: B, valueFrom: {configMapKeyRef: {name: %4, key: k}}}, {name: C, valueFrom: {secretKeyRef: {name: %, key: k}}}]}]}`
	all := []string{
		absent("spec.serviceAccountName", "ServiceAccount", "x"), absent("spec.volumes[0]", "ConfigMap", "x"),
		absent("spec.volumes[1]", "PersistentVolumeClaim", "x"), absent("spec.volumes[2]", "ConfigMap", "x2"),
		absent("spec.initContainers[0].envFrom[0]", "ConfigMap", "x3"), absent("spec.containers[0].env[1].valueFrom", "ConfigMap", "x4"),
	}
	testRows(t, "danglingReferences", map[string]row{
		"all there":         {object: podSpec(`{serviceAccountName: web, containers: [{name: a, envFrom: [{configMapRef: {name: settings}}]}], volumes: [{name: f, persistentVolumeClaim: {claimName: files}}]}`), cluster: known},
		"none there":        {object: podSpec(strings.ReplaceAll(everything, "%", "x")), cluster: known, want: all},
		"nothing is known":  {object: podSpec(strings.ReplaceAll(everything, "%", "x"))},
		"of that kind":      {object: podSpec(strings.ReplaceAll(everything, "%", "x")), cluster: known[1:2], want: all[:1]},
		"optional":          {object: podSpec(`{volumes: [{name: a, configMap: {name: x, optional: true}}], containers: [{name: a, envFrom: [{configMapRef: {name: x, optional: true}}]}]}`), cluster: known},
		"twice":             {object: podSpec(`{volumes: [{name: a, configMap: {name: x}}, {name: b, configMap: {name: x}}]}`), cluster: known, want: []string{absent("spec.volumes[0]", "ConfigMap", "x")}},
		"in every cluster":  {object: podSpec(`{serviceAccountName: default, volumes: [{name: a, projected: {sources: [{configMap: {name: kube-root-ca.crt}}]}}]}`), cluster: known},
		"the old field":     {object: podSpec(`{serviceAccount: x}`), cluster: known, want: all[:1]},
		"not asked for":     {params: `references: [PersistentVolumeClaim]`, object: podSpec(`{serviceAccountName: x}`), cluster: known},
		"another namespace": {object: `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: other}, spec: {serviceAccountName: x}}`, cluster: known},
		"of a template": {
			object:  `{apiVersion: batch/v1, kind: CronJob, metadata: {name: web, namespace: shop}, spec: {jobTemplate: {spec: {template: {spec: {serviceAccountName: x}}}}}}`,
			cluster: known, want: []string{absent("spec.jobTemplate.spec.template.spec.serviceAccountName", "ServiceAccount", "x")},
		},
	})
	testInvalid(t, "danglingReferences", `references: [Service, Node]`, "p.references[1]")
	testInvalid(t, "danglingReferences", `references: []`, "p.references")
}

// secretless fails when anything but names of a few kinds is looked up.
type secretless struct{ memory }

func (s secretless) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if kind := list.GetObjectKind().GroupVersionKind().Kind; kind == "SecretList" {
		panic("Secrets are read")
	}
	return s.memory.List(ctx, list, opts...)
}

// A server never reads Secrets, whatever it may do.
func TestDanglingSecretsAreLookedForOnlyOffline(t *testing.T) {
	d := definition(t, "danglingReferences")
	object := podSpec(`{volumes: [{name: a, secret: {secretName: x}}, {name: b, secret: {secretName: o, optional: true}}], containers: [{name: a, envFrom: [{secretRef: {name: z}}]}]}`)
	for _, offline := range []bool{false, true} {
		cluster := client.Reader(secretless{memory(objects(t, `{apiVersion: v1, kind: Secret, metadata: {name: z}}`))})
		var want []string
		if offline {
			cluster = cluster.(secretless).memory
			want = []string{`spec.volumes[0]: Secret "x" is not in namespace "shop"; create it first, correct the name, or say optional: true`}
		}
		check, err := d.Build(d.NewParameters(), handler.Environment{Cluster: cluster, Offline: offline})
		if err != nil {
			t.Fatal(err)
		}
		got, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, object))
		if diff := cmp.Diff(want, shown(got)); diff != "" || err != nil {
			t.Errorf("offline %t: %v (-want +got):\n%s", offline, err, diff)
		}
	}
	for _, read := range d.Reads {
		if _, ok := read.(*corev1.Secret); ok || read.GetObjectKind().GroupVersionKind().Kind == "Secret" {
			t.Error("a server watches Secrets")
		}
	}
}

// Jobs and Pods are known offline only, and so are the claims of StatefulSets, which are in no manifest.
func TestDanglingReferencesOffline(t *testing.T) {
	d := definition(t, "danglingReferences")
	cluster := memory(objects(t, agents, `{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: pod}}}`,
		`{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {template: {metadata: {labels: {app: job}}}}}`,
		`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: files}}`,
		`{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {volumeClaimTemplates: [{metadata: {name: data}}]}}`))
	claim := func(name string) string {
		return podSpec(`{volumes: [{name: a, persistentVolumeClaim: {claimName: ` + name + `}}]}`)
	}
	check, err := d.Build(d.NewParameters(), handler.Environment{Cluster: cluster, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	for object, want := range map[string]int{
		serviceFor(`{selector: {app: pod}}`): 0, serviceFor(`{selector: {app: job}}`): 0, serviceFor(`{selector: {app: x}}`): 1,
		claim("data-db-0"): 0, claim("data-db-12"): 0, claim("data-db"): 1, claim("data-db0"): 1, claim("logs-db-0"): 1, claim("files"): 0,
	} {
		if got, err := check.Evaluate(t.Context(), requestOf(t, admissionv1.Create, object)); len(got) != want || err != nil {
			t.Errorf("%s: got %v, %v, want %d", object, shown(got), err, want)
		}
	}
}

func TestUpdatesOfDanglingReferences(t *testing.T) {
	const params = `assumeComplete: true`
	update := func(before, after string, allowed bool) {
		t.Helper()
		testUpdate(t, "danglingReferences", params, before, after, allowed)
	}
	update(podSpec(`{serviceAccountName: x}`), podSpec(`{serviceAccountName: x, hostNetwork: true}`), true)
	update(podSpec(`{volumes: [{name: a, configMap: {name: x}}]}`), podSpec(`{volumes: [{name: b, emptyDir: {}}, {name: a, configMap: {name: x}}]}`), true)
	update(podSpec(`{volumes: [{name: a, configMap: {name: x}}]}`), podSpec(`{volumes: [{name: a, configMap: {name: z}}]}`), false)
	update(serviceFor(`{selector: {app: x}}`), serviceFor(`{selector: {app: x}, type: NodePort}`), true)
	update(serviceFor(`{selector: {app: x}}`), serviceFor(`{selector: {app: z}}`), false)
}
