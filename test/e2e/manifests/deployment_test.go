// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	psaapi "k8s.io/pod-security-admission/api"
	psapolicy "k8s.io/pod-security-admission/policy"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// longestTimeout is the most that the API server lets a webhook take, and so the longest request to wait for.
const longestTimeout = 30 * time.Second

func deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	return load[appsv1.Deployment](t, "deployment.yaml")
}

// container is the one of the server.
func container(t *testing.T) corev1.Container {
	t.Helper()
	return containerNamed(t, "webhook")
}

func containerNamed(t *testing.T, name string) corev1.Container {
	t.Helper()
	containers := deployment(t).Spec.Template.Spec.Containers
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 || len(containers) != 2 {
		t.Fatalf("the Deployment has %d containers, want 2, one of them with the name %s", len(containers), name)
	}
	return containers[i]
}

func TestPodsMeetTheRestrictedStandard(t *testing.T) {
	template := deployment(t).Spec.Template
	evaluator, err := psapolicy.NewEvaluator(psapolicy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: psaapi.LatestVersion()}
	result := psapolicy.AggregateCheckResults(evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
	if !result.Allowed {
		t.Errorf("the Pods are not restricted: %s", result.ForbiddenDetail())
	}
	for _, c := range template.Spec.Containers {
		if readOnly := c.SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
			t.Errorf("the root file system of %s can be written to", c.Name)
		}
	}
}

// Everything that selects the Pods selects by a label; one typing error and the webhook has no endpoints.
func TestSelectors(t *testing.T) {
	d := deployment(t)
	selectors := map[string]*metav1.LabelSelector{
		"Deployment": d.Spec.Selector,
		"Service":    metav1.SetAsLabelSelector(load[corev1.Service](t, "service.yaml").Spec.Selector),
		"PodDisruptionBudget": load[policyv1.PodDisruptionBudget](t, "poddisruptionbudget.yaml").
			Spec.Selector,
		"NetworkPolicy": &load[networkingv1.NetworkPolicy](t, "networkpolicy.yaml").Spec.PodSelector,
	}
	for _, constraint := range d.Spec.Template.Spec.TopologySpreadConstraints {
		selectors["spread over "+constraint.TopologyKey] = constraint.LabelSelector
	}
	for who, selector := range selectors {
		compiled, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil || compiled.Empty() || !compiled.Matches(labels.Set(d.Spec.Template.Labels)) {
			t.Errorf("%s does not select the Pods: %v, %v", who, compiled, err)
		}
	}
}

// A NetworkPolicy sees the Pod's ports: one for the Service's port 443 cuts the API server off.
func TestNetworkPolicyOpensTheContainersPorts(t *testing.T) {
	var open, listening []int32
	for _, rule := range load[networkingv1.NetworkPolicy](t, "networkpolicy.yaml").Spec.Ingress {
		if len(rule.From) != 0 {
			t.Errorf("the API server's address is unknown, but the rule admits only %v", rule.From)
		}
		for _, port := range rule.Ports {
			open = append(open, port.Port.IntVal)
		}
	}
	for _, port := range container(t).Ports {
		listening = append(listening, port.ContainerPort)
	}
	slices.Sort(open)
	slices.Sort(listening)
	if !slices.Equal(open, listening) {
		t.Errorf("open ports %v, container ports %v", open, listening)
	}
}

func TestServicePointsAtTheListener(t *testing.T) {
	port := load[corev1.Service](t, "service.yaml").Spec.Ports[0]
	named := func(p corev1.ContainerPort) bool { return p.Name == port.TargetPort.StrVal && p.ContainerPort == 9443 }
	if port.Port != 443 || !slices.ContainsFunc(container(t).Ports, named) {
		t.Errorf("the Service maps %d to %q, which is not the container's port 9443", port.Port, port.TargetPort.StrVal)
	}
}

// What restarts a container must not ask about certificates: a restart cures no signer. A startup probe would only delay
// the first question about readiness.
func TestProbes(t *testing.T) {
	c := container(t)
	if c.StartupProbe != nil {
		t.Error("there is a startup probe")
	}
	for probe, want := range map[*corev1.Probe]string{c.LivenessProbe: "/healthz", c.ReadinessProbe: "/readyz"} {
		if got := probe.HTTPGet.Path; got != want || probe.HTTPGet.Port.StrVal != "health" {
			t.Errorf("a probe asks %s on port %s, want %s on port health", got, probe.HTTPGet.Port.StrVal, want)
		}
	}
}

func TestGracePeriodCoversTheShutdown(t *testing.T) {
	const flag = "--shutdown-delay="
	args := container(t).Args
	i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, flag) })
	if i < 0 {
		t.Fatalf("no %s among the arguments %q", flag, args)
	}
	delay, err := time.ParseDuration(strings.TrimPrefix(args[i], flag))
	if err != nil {
		t.Fatal(err)
	}
	grace := time.Duration(*deployment(t).Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if grace <= delay+longestTimeout {
		t.Errorf("the Pods are killed after %s, but may need %s", grace, delay+longestTimeout)
	}
}

func TestMemoryLimits(t *testing.T) {
	for _, c := range deployment(t).Spec.Template.Spec.Containers {
		t.Run(c.Name, func(t *testing.T) { expectMemoryLimits(t, &c) })
	}
}

func expectMemoryLimits(t *testing.T, c *corev1.Container) {
	t.Helper()
	if limit, ok := c.Resources.Limits[corev1.ResourceCPU]; ok {
		t.Errorf("there is a CPU limit of %s: throttling turns into admission latency", &limit)
	}
	if c.Resources.Limits.Memory().IsZero() {
		t.Error("there is no memory limit")
	}
	if slices.ContainsFunc(c.Env, func(env corev1.EnvVar) bool { return env.Name == "GOMEMLIMIT" }) {
		t.Error("GOMEMLIMIT is set: it would stay when the memory limit is changed, which the server follows by itself")
	}
}

// The server learns who it is from these variables.
func TestEnvironment(t *testing.T) {
	var names []string
	for _, env := range container(t).Env {
		names = append(names, env.Name)
		if env.Name == bootstrap.EnvService && env.Value != load[corev1.Service](t, "service.yaml").Name {
			t.Errorf("%s is %q, which is not the Service's name", env.Name, env.Value)
		}
	}
	for _, want := range []string{
		bootstrap.EnvService, bootstrap.EnvNamespace, bootstrap.EnvServiceAccount, bootstrap.EnvPodName, bootstrap.EnvPodUID,
		bootstrap.EnvPodIPs,
	} {
		if !slices.Contains(names, want) {
			t.Errorf("the container does not set %s", want)
		}
	}
}

// Events about another UID than the Pod's own are not among those that `kubectl describe pod` shows.
func TestPodKnowsItself(t *testing.T) {
	fields := map[string]string{}
	for _, env := range container(t).Env {
		if env.ValueFrom != nil && env.ValueFrom.FieldRef != nil {
			fields[env.Name] = env.ValueFrom.FieldRef.FieldPath
		}
	}
	for variable, want := range map[string]string{
		bootstrap.EnvNamespace:      "metadata.namespace",
		bootstrap.EnvPodName:        "metadata.name",
		bootstrap.EnvPodUID:         "metadata.uid",
		bootstrap.EnvPodIPs:         "status.podIPs",
		bootstrap.EnvServiceAccount: "spec.serviceAccountName",
	} {
		if fields[variable] != want {
			t.Errorf("%s is the Pod's %q, want its %s", variable, fields[variable], want)
		}
	}
}

// The serving key is written to memory only, into a directory that the server can make its own.
func TestCertificateDirectoryIsInMemory(t *testing.T) {
	const flag = "--cert-dir="
	c := container(t)
	i := slices.IndexFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, flag) })
	if i < 0 {
		t.Fatalf("no %s among the arguments %q", flag, c.Args)
	}
	dir := strings.TrimPrefix(c.Args[i], flag)
	above := func(mount corev1.VolumeMount) bool { return strings.HasPrefix(dir, mount.MountPath+"/") }
	j := slices.IndexFunc(c.VolumeMounts, above)
	if j < 0 {
		t.Fatalf("%s is not below a mount point", dir)
	}
	for _, volume := range deployment(t).Spec.Template.Spec.Volumes {
		inMemory := volume.EmptyDir != nil && volume.EmptyDir.Medium == corev1.StorageMediumMemory
		if volume.Name == c.VolumeMounts[j].Name && !inMemory {
			t.Errorf("%s is in volume %s, which is not in memory", dir, volume.Name)
		}
	}
}

func TestRolloutNeverTakesTheLastReplica(t *testing.T) {
	d := deployment(t)
	if unavailable := d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue(); unavailable != 0 || *d.Spec.Replicas < 2 {
		t.Errorf("a rollout of %d replicas may take %d away", *d.Spec.Replicas, unavailable)
	}
	budget := load[policyv1.PodDisruptionBudget](t, "poddisruptionbudget.yaml")
	if keep := budget.Spec.MinAvailable.IntValue(); keep < 1 || keep >= int(*d.Spec.Replicas) {
		t.Errorf("a budget that keeps %d of %d replicas lets nodes drain all, or none", keep, *d.Spec.Replicas)
	}
	if p := budget.Spec.UnhealthyPodEvictionPolicy; p == nil || *p != policyv1.AlwaysAllow {
		t.Error("replicas that are not Ready hold up the drain of their nodes")
	}
}

// The server and the holder of its port meet at a socket, which is all that they share: the holder sees no key.
func TestListenerIsShared(t *testing.T) {
	holder, server := containerNamed(t, "listener"), container(t)
	const flag = "--listener-socket="
	socket := func(args []string) string {
		i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, flag) })
		if i < 0 {
			t.Fatalf("no %s among the arguments %q", flag, args)
		}
		return strings.TrimPrefix(args[i], flag)
	}
	path := socket(holder.Args)
	if len(holder.VolumeMounts) != 1 || !strings.HasPrefix(path, holder.VolumeMounts[0].MountPath+"/") {
		t.Fatalf("the holder of %s has %+v mounted, want the directory of its socket alone", path, holder.VolumeMounts)
	}
	if automount := deployment(t).Spec.Template.Spec.AutomountServiceAccountToken; automount == nil || *automount {
		t.Error("the holder gets the token, which may sign certificates")
	}
	shared := holder.VolumeMounts[0]
	same := func(mount corev1.VolumeMount) bool {
		return mount.Name == shared.Name && mount.MountPath == shared.MountPath && !mount.ReadOnly
	}
	if !slices.ContainsFunc(server.VolumeMounts, same) || socket(server.Args) != path {
		t.Errorf("the server looks for %s and has %+v mounted, want %s and %+v", socket(server.Args), server.VolumeMounts,
			path, shared)
	}
	if holder.Image != server.Image || deployment(t).Spec.Template.Spec.Containers[0].Name != server.Name {
		t.Error("the holder is another image, or the server does not start first, where patches look for it")
	}
	if got := deployment(t).Spec.Template.Annotations["kubectl.kubernetes.io/default-container"]; got != server.Name {
		t.Errorf("kubectl logs shows %q by default, want %s", got, server.Name)
	}
}
