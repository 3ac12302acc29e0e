// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	latest     = `{containers: [{name: a, image: "registry.example/a:latest"}]}`
	fixed      = `{containers: [{name: a, image: "registry.example/a:1"}]}`
	deployment = "metadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {app: web}}, spec: " + latest + "}}\n"
	replicaSet = "metadata: {name: web-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, " +
		"name: web, controller: true}]}\n"
	pod = "metadata: {name: web-1-a, namespace: shop, labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, " +
		"kind: ReplicaSet, name: web-1, controller: true}]}\nspec: " + latest + "\n"
	bare = "metadata: {name: alone, namespace: shop}\nspec: " + latest + "\n"
)

// lines are results as text: what was not judged, what was exempt, and each finding.
func lines(results []Result) []string {
	var all []string
	for _, r := range results {
		name := fmt.Sprintf("%s %s/%s", r.Object.Kind.Kind, r.Object.Namespace, r.Object.Name)
		if r.Owner != r.Object {
			name += " of " + r.Owner.Kind.Kind + " " + r.Owner.Name
		}
		if r.Left != "" {
			all = append(all, name+": "+string(r.Left))
		}
		for _, f := range r.Findings {
			all = append(all, strings.Join([]string{name + ":", f.Check, f.Field, string(f.Effect), "by", f.Webhook}, " "))
		}
		for check, by := range r.Exempted {
			all = append(all, name+": exempt from "+check+": "+by)
		}
	}
	return all
}

func TestWhatIsFound(t *testing.T) {
	const onlyImages = "{podSecurity: {mode: off}}"
	replace := strings.NewReplacer
	const requiredTeam = "{podSecurity: {mode: off}, imageTag: {mode: off}, requiredLabels: {labels: [{key: team}]}}"
	job := func(condition, status string) string {
		return "metadata: {name: once, namespace: shop}\nspec: {template: {spec: " + latest + "}}\n" +
			"status: {conditions: [{type: " + condition + ", status: '" + status + "'}]}\n"
	}
	injected := replace("spec: {", `spec: {initContainers: [{name: istio-init, image: "istio/proxyv2:1.2", securityContext: `+
		"{capabilities: {add: [NET_ADMIN, NET_RAW]}}}], ").Replace(pod)
	for name, tc := range map[string]struct {
		checks  string
		objects map[string][]string
		want    []string
	}{
		"a Deployment once, not its Pods": {onlyImages, map[string][]string{
			"deployments": {deployment}, "replicasets": {replicaSet}, "pods": {pod, replace("web-1-a", "web-1-b").Replace(pod)},
		}, []string{"Deployment shop/web: imageTag spec.template.spec.containers[0].image podsDenied by workloads"}},
		"a Pod with a fault of its own": {onlyImages, map[string][]string{
			"deployments": {replace(latest, fixed).Replace(deployment)}, "replicasets": {replicaSet}, "pods": {pod},
		}, []string{"Pod shop/web-1-a of Deployment web: imageTag spec.containers[0].image creationDenied by pods"}},
		"a container that an injector added": {"{imageTag: {mode: off}}", map[string][]string{
			"deployments": {deployment}, "replicasets": {replicaSet}, "pods": {injected},
		}, []string{"Pod shop/web-1-a of Deployment web: podSecurity spec.initContainers[0] creationDenied by pods"}},
		"a container that is exempt": {"{imageTag: {mode: off}, podSecurity: {exempt: {images: [docker.io/istio/proxyv2]}}}", map[string][]string{
			"deployments": {deployment}, "replicasets": {replicaSet}, "pods": {injected},
		}, []string{"Pod shop/web-1-a of Deployment web: exempt from podSecurity: image: istio/proxyv2:1.2"}},
		"two Deployments of one owner": {onlyImages, map[string][]string{
			"deployments": {ownedBy(deployment, "Stack"), replace("web", "api").Replace(ownedBy(deployment, "Stack"))},
		}, []string{
			"Deployment shop/web of Stack top: imageTag spec.template.spec.containers[0].image podsDenied by workloads",
			"Deployment shop/api of Stack top: imageTag spec.template.spec.containers[0].image podsDenied by workloads",
		}},
		"a Pod without a controller": {onlyImages, map[string][]string{"pods": {bare}},
			[]string{"Pod shop/alone: imageTag spec.containers[0].image creationDenied by pods"}},
		"owners in a circle": {onlyImages, map[string][]string{
			"replicasets": {replace("Deployment", "ReplicaSet", "name: web,", "name: web-1,").Replace(replicaSet)}, "pods": {pod},
		}, []string{"Pod shop/web-1-a of ReplicaSet web-1: imageTag spec.containers[0].image creationDenied by pods"}},
		"a CronJob": {onlyImages, map[string][]string{"cronjobs": {
			"metadata: {name: nightly, namespace: shop}\nspec: {jobTemplate: {spec: {template: {spec: " + latest + "}}}}\n",
		}}, []string{"CronJob shop/nightly: imageTag spec.jobTemplate.spec.template.spec.containers[0].image podsDenied by workloads"}},
		"only warns": {"{podSecurity: {mode: off}, imageTag: {mode: warn}}", map[string][]string{"deployments": {deployment}},
			[]string{"Deployment shop/web: imageTag spec.template.spec.containers[0].image warned by workloads"}},
		"only notes": {"{podSecurity: {mode: off}, imageTag: {mode: audit}}", map[string][]string{"deployments": {deployment}},
			[]string{"Deployment shop/web: imageTag spec.template.spec.containers[0].image noted by workloads"}},
		"not about the Pods": {requiredTeam,
			map[string][]string{"deployments": {replace("app: web", "team: a").Replace(deployment)}},
			[]string{"Deployment shop/web: requiredLabels metadata.labels[team] creationDenied by workloads"}},
		"a namespace that is not asked about": {onlyImages, map[string][]string{
			"pods": {replace("shop", "kube-system").Replace(bare)}, "deployments": {replace("shop", "kube-system").Replace(deployment)},
		}, []string{"Deployment kube-system/web: notAsked", "Pod kube-system/alone: notAsked"}},
		"what has ended": {onlyImages, map[string][]string{
			"pods": {bare + "status: {phase: Succeeded}\n"},
			"jobs": {job("Complete", "True")},
		}, []string{"Job shop/once: finished", "Pod shop/alone: finished"}},
		"what has failed": {onlyImages, map[string][]string{
			"pods": {bare + "status: {phase: Failed}\n"}, "jobs": {job("Failed", "True")},
		}, []string{"Job shop/once: finished", "Pod shop/alone: finished"}},
		"what goes on": {onlyImages, map[string][]string{
			"pods": {bare + "status: {phase: Running}\n"}, "jobs": {job("Complete", "False"), job("Suspended", "True")},
		}, []string{
			"Job shop/once: imageTag spec.template.spec.containers[0].image podsDenied by workloads",
			"Job shop/once: imageTag spec.template.spec.containers[0].image podsDenied by workloads",
			"Pod shop/alone: imageTag spec.containers[0].image creationDenied by pods",
		}},
		"an owner in another version": {onlyImages, map[string][]string{
			"deployments": {deployment}, "replicasets": {replicaSet}, "pods": {replace("apps/v1", "apps/v1beta2").Replace(pod)},
		}, []string{"Deployment shop/web: imageTag spec.template.spec.containers[0].image podsDenied by workloads"}},
		"what denies comes first": {"{podSecurity: {mode: warn}}", map[string][]string{"pods": {replace("spec: {", "spec: {hostNetwork: true, ").Replace(bare)}},
			[]string{
				"Pod shop/alone: imageTag spec.containers[0].image creationDenied by pods",
				"Pod shop/alone: podSecurity spec warned by pods",
			}},
		"what names its field": {"{podSecurity: {mode: off}, imageTag: {mode: off}, plaintextSecrets: {}}", map[string][]string{
			"deployments": {replace("{name: a,", "{name: a, env: [{name: PASSWORD, value: hunter2}],").Replace(deployment)},
		}, []string{"Deployment shop/web: plaintextSecrets spec.template.spec.containers[0].env[0].value podsDenied by workloads"}},
		"a label of both": {requiredTeam, map[string][]string{"deployments": {replace(latest, fixed).Replace(deployment)}}, []string{
			"Deployment shop/web: requiredLabels metadata.labels[team] creationDenied by workloads",
			"Deployment shop/web: requiredLabels spec.template.metadata.labels[team] podsDenied by workloads",
		}},
		"a CronJob, and its Job": {requiredTeam, map[string][]string{
			"cronjobs": {"metadata: {name: once, namespace: shop}\nspec: {jobTemplate: {spec: {template: {metadata: {labels: {team: a}}, spec: " + fixed + "}}}}\n"},
			"jobs": {replace("namespace: shop", "namespace: shop, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: once, controller: true}]",
				"template: {", "template: {metadata: {labels: {team: a}}, ").Replace(job("Complete", "False"))},
		}, []string{"CronJob shop/once: requiredLabels metadata.labels[team] creationDenied by workloads"}},
		"a container for debugging": {onlyImages, map[string][]string{"pods": {
			"metadata: {name: alone, namespace: shop}\nspec: {containers: [{name: a, image: \"registry.example/a:1\"}], " +
				"ephemeralContainers: [{name: d, image: \"registry.example/d:latest\"}]}\n",
		}}, nil},
		"an exempt workload, and its Pods": {
			"{podSecurity: {mode: off}, imageTag: {exempt: {objects: [{kinds: [deployments.apps], names: [web], namespaces: [shop], reason: A}]}}}",
			map[string][]string{"deployments": {deployment}, "replicasets": {labeled(replicaSet)}, "pods": {labeled(pod)}},
			[]string{
				"Deployment shop/web: exempt from imageTag: object: deployments.apps shop/web: A",
				"Pod shop/web-1-a of Deployment web: exempt from imageTag: object: deployments.apps shop/web: A",
			}},
	} {
		t.Run(name, func(t *testing.T) {
			results, errs := judge(t, &fake{objects: tc.objects}, tc.checks)
			if diff := cmp.Diff(tc.want, lines(results)); diff != "" || errs != nil {
				t.Errorf("(-want +got):\n%s%v", diff, errs)
			}
		})
	}
}

// ownedBy gives an object an owner of a kind that is not Kubernetes' own.
func ownedBy(manifest, kind string) string {
	return strings.Replace(manifest, "namespace: shop", "namespace: shop, ownerReferences: [{apiVersion: acme.example/v1, kind: "+
		kind+", name: top, controller: true}]", 1)
}

// labeled gives an object the label that the Deployment controller gives it.
func labeled(manifest string) string {
	manifest = strings.Replace(manifest, "labels: {", "labels: {pod-template-hash: '1', ", 1)
	if !strings.Contains(manifest, "labels: {") {
		manifest = strings.Replace(manifest, "namespace: shop", "namespace: shop, labels: {pod-template-hash: '1'}", 1)
	}
	return manifest
}

// ReplicaSets and Jobs that the server is not asked about are read for their owners, and not as a whole.
func TestOnlyOwnersAreReadOfWhatIsNotAskedAbout(t *testing.T) {
	f := &fake{objects: map[string][]string{"replicasets": {replicaSet}, "configmaps": {bare}}}
	results, _ := judge(t, f, "{}")
	if diff := cmp.Diff([]string{"namespaces", "replicasets"}, f.metadata); diff != "" || len(results) > 0 {
		t.Errorf("(-want +got):\n%s%v", diff, lines(results))
	}
	f = &fake{}
	judge(t, f, "{}", func(o *Options) {
		o.Asked = askedBy(t, "webhooks: [{name: a, rules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]}]")
	})
	if diff := cmp.Diff([]string{"namespaces"}, f.metadata); diff != "" {
		t.Errorf("without Pods (-want +got):\n%s", diff)
	}
}

// Entries for Pods alone are enough to say what is wrong with a Deployment.
func TestPodsOfWhatIsNotAskedAbout(t *testing.T) {
	const all = `webhooks: [{name: pods, rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]},
		{name: services, rules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}],
		objectSelector: {matchLabels: {no: object}}}]`
	results, _ := judge(t, &fake{objects: map[string][]string{
		"deployments": {deployment}, "replicasets": {replicaSet}, "pods": {pod},
	}}, "{podSecurity: {mode: off}, requiredLabels: {labels: [{key: team}]}}", func(o *Options) { o.Asked = askedBy(t, all) })
	want := []string{
		"Deployment shop/web: imageTag spec.template.spec.containers[0].image podsDenied by pods",
		"Deployment shop/web: requiredLabels spec.template.metadata.labels[team] podsDenied by pods",
	}
	if diff := cmp.Diff(want, lines(results)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A check that fails denies every update as well.
func TestFailuresDenyUpdates(t *testing.T) {
	broken := `metadata: {name: alone, namespace: shop}` + "\nspec: {containers: 5}\n"
	results, _ := judge(t, &fake{objects: map[string][]string{"pods": {broken}}}, "{podSecurity: {mode: off}}")
	if diff := cmp.Diff([]string{"Pod shop/alone: imageTag  updateDenied by pods"}, lines(results)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	results, _ = judge(t, &fake{objects: map[string][]string{"pods": {broken}}}, "{podSecurity: {mode: off}}", func(o *Options) {
		o.Asked = askedBy(t, strings.ReplaceAll(entries, "operations: [CREATE, UPDATE]", "operations: [CREATE]"))
	})
	if diff := cmp.Diff([]string{"Pod shop/alone: imageTag  creationDenied by pods"}, lines(results)); diff != "" {
		t.Errorf("not asked about updates (-want +got):\n%s", diff)
	}
}

// What may not be listed is said, and the rest is judged.
func TestPartsThatCannotBeJudged(t *testing.T) {
	f := &fake{
		objects: map[string][]string{"pods": {bare}},
		refused: map[string]error{"deployments": errors.New("forbidden"), "namespaces": errors.New("not these")},
	}
	results, errs := judge(t, f, "{podSecurity: {mode: off}}")
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	want := []string{"not all namespaces are judged: not these", "not all deployments.apps are judged: forbidden"}
	if diff := cmp.Diff(want, texts); diff != "" || len(results) != 1 || len(results[0].Findings) != 1 {
		t.Errorf("(-want +got):\n%s%v", diff, lines(results))
	}
}

func TestChosenChecks(t *testing.T) {
	f := &fake{objects: map[string][]string{"pods": {strings.Replace(bare, "spec: {", "spec: {hostNetwork: true, ", 1)}}}
	results, _ := judge(t, f, "{}", func(o *Options) { o.Only = []string{"podSecurity"} })
	if len(results) != 1 || len(results[0].Findings) != 1 || results[0].Findings[0].Check != "podSecurity" {
		t.Errorf("got %v", lines(results))
	}
	_, err := newAuditor(Options{Configuration: configuration(t, "{}"), Only: []string{"none"}}, f)
	if err == nil || !strings.Contains(err.Error(), `no check "none" is defined`) {
		t.Errorf("got %v", err)
	}
}

// The caller may stop, and a run ends with its context.
func TestRunsEnd(t *testing.T) {
	f := &fake{objects: map[string][]string{"pods": slices.Repeat([]string{bare}, 3)}}
	a, err := newAuditor(Options{Configuration: configuration(t, "{}"), Asked: askedBy(t, entries)}, f)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range a.Run(t.Context()) {
		n++
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range a.Run(ctx) {
		last = err
		n++
		cancel()
	}
	if n != 3 || !errors.Is(last, context.Canceled) {
		t.Errorf("got %d results, and then %v", n, last)
	}
}
