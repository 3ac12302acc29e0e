// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
	"github.com/hookstrap/hookstrap/pkg/handler/mutation"
	"github.com/hookstrap/hookstrap/test/e2e/helm"
)

// wantDecoded: every object is one of the API, with no other fields, and none holds what the server makes.
func wantDecoded(t *testing.T, rendered objects) {
	t.Helper()
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme,
		json.SerializerOptions{Strict: true})
	for key, object := range rendered {
		text, err := object.MarshalJSON()
		must(t, err)
		if object.GetKind() == "Secret" || strings.Contains(string(text), `"caBundle":`) ||
			strings.Contains(string(text), "BEGIN CERT") {
			t.Errorf("%s holds a certificate, or is there to hold one", key)
		}
		if object.GroupVersionKind().Group == "monitoring.coreos.com" {
			continue // The Prometheus operator's types are in no module of ours. They are compared with kustomize's.
		}
		if _, _, err := strict.Decode(text, nil, nil); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// typed is the only object of its kind.
func typed[T any](t *testing.T, rendered objects, kind string) *T {
	t.Helper()
	var found []*T
	for _, object := range rendered {
		if object.GetKind() == kind {
			into := new(T)
			text, err := object.MarshalJSON()
			must(t, err)
			must(t, yaml.UnmarshalStrict(text, into))
			found = append(found, into)
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d objects of kind %s, want 1", len(found), kind)
	}
	return found[0]
}

// TestHostNetwork: the Pods listen on ports of the node that can be chosen, and a rollout has room on a cluster of two
// nodes. Every place that names a port follows.
func TestHostNetwork(t *testing.T) {
	o := render(t, helm4, "hookstrap", "hookstrap-system",
		"hostNetwork=true,ports.https=10250,ports.metrics=18080,ports.health=18081")
	wantDecoded(t, o)
	d := typed[appsv1.Deployment](t, o, "Deployment")
	pod, rolling := d.Spec.Template.Spec, d.Spec.Strategy.RollingUpdate
	if !pod.HostNetwork || pod.DNSPolicy != corev1.DNSClusterFirstWithHostNet {
		t.Errorf("hostNetwork %t, dnsPolicy %s", pod.HostNetwork, pod.DNSPolicy)
	}
	if rolling.MaxUnavailable.IntValue() != 1 || rolling.MaxSurge.IntValue() != 0 {
		t.Errorf("two replicas on two nodes have no room for a third: %v", rolling)
	}
	args := []string{"--secure-port=10250", "--metrics-bind-address=:18080", "--health-probe-bind-address=:18081"}
	for _, want := range args {
		if !slices.Contains(pod.Containers[0].Args, want) {
			t.Errorf("the arguments are %v, without %s", pod.Containers[0].Args, want)
		}
	}
	if holder := pod.Containers[1]; !slices.Contains(holder.Args, "--secure-port=10250") {
		t.Errorf("the holder holds another port: %v", holder.Args)
	}
	policy := typed[networkingv1.NetworkPolicy](t, o, "NetworkPolicy")
	for i, want := range []int32{10250, 18080, 18081} {
		if got := pod.Containers[0].Ports[i].ContainerPort; got != want {
			t.Errorf("port %s is %d, want %d", pod.Containers[0].Ports[i].Name, got, want)
		}
		if got := policy.Spec.Ingress[0].Ports[i].Port.IntVal; got != want {
			t.Errorf("the policy admits port %d, want %d", got, want)
		}
	}
}

// TestImage: a digest takes the place of the tag, in both containers.
func TestImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for values, want := range map[string]string{
		"":                 "ghcr.io/hookstrap/hookstrap:v0.1.0",
		"image.tag=v0.2.0": "ghcr.io/hookstrap/hookstrap:v0.2.0",
		"image.repository=mirror.example/webhook,image.tag=v0.2.0,image.digest=" + digest: "mirror.example/webhook@" + digest,
	} {
		o := render(t, helm4, "hookstrap", "hookstrap-system", values)
		for _, container := range typed[appsv1.Deployment](t, o, "Deployment").Spec.Template.Spec.Containers {
			if container.Image != want {
				t.Errorf("%s: container %s has image %s, want %s", values, container.Name, container.Image, want)
			}
		}
	}
}

// TestLeftOut: no budget keeps the node of the only replica from being drained, and no quota counts the Pods of the
// cluster.
func TestLeftOut(t *testing.T) {
	for _, c := range []struct{ namespace, values, without string }{
		{"hookstrap-system", "replicas=1", "PodDisruptionBudget hookstrap"},
		{"hookstrap-system", "networkPolicy=false", "NetworkPolicy hookstrap"},
		{"hookstrap-system", "priorityClassName=", "ResourceQuota hookstrap-critical-pods"},
		{"kube-system", "", "ResourceQuota hookstrap-critical-pods"},
	} {
		all := render(t, helm4, "hookstrap", "hookstrap-system")
		if o := render(t, helm4, "hookstrap", c.namespace, c.values); o[c.without] != nil || all[c.without] == nil {
			t.Errorf("in %s with %q: %s is there, or is never there", c.namespace, c.values, c.without)
		}
	}
}

// TestPodsRollWithTheChecks: other checks make other Pods, and nothing else does.
func TestPodsRollWithTheChecks(t *testing.T) {
	digest := func(values string) string {
		o := render(t, helm4, "hookstrap", "hookstrap-system", values)
		return typed[appsv1.Deployment](t, o, "Deployment").Spec.Template.Annotations["checksum/checks"]
	}
	one, other := digest(""), digest("checks.imageTag.mode=off")
	if one == "" || one == other || one != digest("replicas=3") {
		t.Errorf("the digests of the checks are %s and %s", one, other)
	}
}

// TestMutationsAreInTheFile: the server reads those that the values name, and the API server asks for none by default.
func TestMutationsAreInTheFile(t *testing.T) {
	if o := render(t, helm4, "hookstrap", "hookstrap-system"); o["MutatingWebhookConfiguration hookstrap"] != nil {
		t.Error("without mutations, there is a MutatingWebhookConfiguration")
	}
	o := render(t, helm4, "hookstrap", "hookstrap-system", "mutations.addMetadata.labels.team=none")
	data, _, _ := unstructured.NestedString(o["ConfigMap hookstrap-checks"].Object, "data", "checks.yaml")
	c, err := config.Parse([]byte(data), slices.Concat(check.Definitions(), mutation.Definitions()))
	must(t, err)
	if !slices.ContainsFunc(c.Checks, func(c config.Check) bool {
		return c.Definition.Name == "addMetadata" && c.Mode == handler.Apply
	}) {
		t.Errorf("the server does not apply addMetadata by\n%s", data)
	}
}

// TestMutationsWithPodCertificates: kustomize cannot combine the two. The server keeps neither caBundle and may write no
// webhook configuration; the authority keeps both.
func TestMutationsWithPodCertificates(t *testing.T) {
	const signer, mutations = "signerName=hookstrap.dev/authority", "mutations.defaultSeccompProfile.mode=apply"
	o := render(t, helm4, "team", "policy", signer, mutations)
	wantDecoded(t, o)
	for _, kind := range []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"} {
		if labels := o[kind+" team-hookstrap"].GetLabels(); labels["hookstrap.dev/trust"] != "true" {
			t.Errorf("the authority does not keep the caBundle of the %s: it has the labels %v", kind, labels)
		}
	}
	without := render(t, helm4, "team", "policy", signer)
	args := func(o objects) []string {
		return typed[appsv1.Deployment](t, o, "Deployment").Spec.Template.Spec.Containers[0].Args
	}
	if diff := cmp.Diff(args(without), args(o)); diff != "" {
		t.Errorf("with mutations the server has other flags (-without +with):\n%s", diff)
	}
	const role = "ClusterRole team-hookstrap"
	if diff := cmp.Diff(without[role], o[role]); diff != "" {
		t.Errorf("with mutations the server has other rights (-without +with):\n%s", diff)
	}
}

// TestNames: a release called after us gives its name alone, and any name can be given.
func TestNames(t *testing.T) {
	for release, values := range map[string]string{"my-hookstrap": "", "other": "fullnameOverride=my-hookstrap"} {
		o := render(t, helm4, release, "default", values)
		if o["Deployment my-hookstrap"] == nil || o["ClusterRole my-hookstrap"] == nil {
			t.Errorf("release %s with %q has no objects called my-hookstrap", release, values)
		}
	}
}

// TestLint: the chart is as Helm wants charts, with every variant.
func TestLint(t *testing.T) {
	for _, h := range []helm.Helm{helm3, helm4} {
		for _, v := range variants(t) {
			args := append([]string{"lint", "--strict", helm.Chart()}, set([]string{v.values})...)
			if _, err := h.Run(t.Context(), args...); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSchemaRefuses: what would be ignored, or fail later, is refused before anything is installed.
func TestSchemaRefuses(t *testing.T) {
	for _, values := range []string{
		"replica=3", "replicas=0", "replicas=two", "image.digest=v1", "image.Tag=v1", "image.pullPolicy=Sometimes",
		"mutations.noSuch.mode=apply", "mutations.dropCapabilities.mode=deny",
		"checks.podSecurity.mode=enforce", "checks.podSecurity.levle=baseline", "checks.noSuchCheck.mode=deny",
		"signerName=example.com/signer",
		"ports.https=443", "ports.http=9443", "exemptNamespaces=kube-flannel", "exemptNamespaces={Not_A_Name}",
		"resources.limit.memory=256Mi", "listener.resources.limits.memory=true", "monitor.interval=often", "fixedUser=1000",
	} {
		for _, h := range []helm.Helm{helm3, helm4} {
			_, err := h.Run(t.Context(), "template", "hookstrap", helm.Chart(), "--set="+values)
			if err == nil || !strings.Contains(err.Error(), "schema") {
				t.Errorf("%s, %s: %v", h.Version, values, err)
			}
		}
	}
}

// TestRefusesWhatDoesNotGoTogether: what cannot work together is refused as well, with the values and what to do.
func TestRefusesWhatDoesNotGoTogether(t *testing.T) {
	for values, want := range map[string]string{
		"signerName=kubernetes.io/kubelet-serving,publishTrustBundle=true": "publishTrustBundle=true publishes the CA of the signer " +
			"hookstrap.dev/serving, and signerName is kubernetes.io/kubelet-serving: leave one",
		"signerName=hookstrap.dev/authority,publishTrustBundle=true": "signerName is hookstrap.dev/authority: leave one",
		"signerName=hookstrap.dev/authority,secureMetrics=true,monitor.enabled=true": "monitor.enabled=true and secureMetrics=true do " +
			"not go together with signerName=hookstrap.dev/authority",
		"ports.https=8080":                       "two of ports.https, ports.metrics and ports.health are the same",
		"ports.metrics=10443,ports.health=10443": "two of ports.https, ports.metrics and ports.health are the same",
	} {
		for _, h := range []helm.Helm{helm3, helm4} {
			_, err := h.Run(t.Context(), "template", "hookstrap", helm.Chart(), "--set="+values)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v\nwant %s", h.Version, values, err, want)
			}
		}
	}
}

// TestNotesSayWhatIsDenied: a user who installs learns whether anything is denied from now on.
func TestNotesSayWhatIsDenied(t *testing.T) {
	const off = "checks.podSecurity.mode=off,checks.imageTag.mode=off"
	for values, want := range map[string]string{
		"": "Nothing is denied yet: the checks warn.",
		"checks.podSecurity.mode=off,checks.imageTag.mode=audit": "Nothing is denied yet: the checks only write to the audit log.",
		off: "Nothing is denied yet: no check is on.",
		"checks.podSecurity=null,checks.imageTag=null":   "Nothing is denied yet: no check is on.",
		off + ",checks.imageTag.mode=deny":               "Its checks deny, in all",
		off + ",checks.privileged.exempt.namespaces={a}": "Its checks deny, in all", // It has no mode.
		"checks.podSecurity.mode=denyWhenClean":          "Its checks deny in each namespace as soon as",
	} {
		// Helm 3 asks a cluster for its version before it shows notes.
		out, err := helm4.Run(t.Context(), "install", "hookstrap", helm.Chart(), "--dry-run=client", "--set="+values)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%q: %v\n%s\nwant %s", values, err, out, want)
		}
	}
}

// TestSchemaTakes: what charts of others, and parents of a chart, give.
func TestSchemaTakes(t *testing.T) {
	for _, values := range []string{
		"global.registry=mirror.example", "nodeSelector.disk=ssd", "tolerations[0].operator=Exists",
		"imagePullSecrets[0].name=pull",
		"signerName=hookstrap.dev/authority,secureMetrics=true", "signerName=hookstrap.dev/authority,monitor.enabled=true",
		"affinity.nodeAffinity=null", "podAnnotations.a=b", "extraArgs={--v=4}", "checks.podSecurity=null",
		"podTemplates[0].group=argoproj.io,podTemplates[0].kind=Rollout,podTemplates[0].path=spec.template",
	} {
		wantDecoded(t, render(t, helm4, "hookstrap", "hookstrap-system", values))
	}
}
