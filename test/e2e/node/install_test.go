// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestInstall does what the README says, and looks at what came of it: a base that warns, and then one that denies.
func TestInstall(t *testing.T) {
	began := time.Now()
	output, err := shell(t.Context(), readmeInstall(t))
	must(t, err)
	awaitPods(t, 2)
	t.Logf("apply to all pods Ready: %s", since(began))
	if strings.Contains(output, "Warning") {
		t.Errorf("kubectl warns:\n%s", output)
	}
	t.Run("warnings", wantWarnings)
	for _, pod := range install(t) {
		t.Run(pod.Name, func(t *testing.T) {
			t.Logf("created to container started: %s, to Ready: %s",
				statusOf(&pod, serverContainer).State.Running.StartedAt.Sub(pod.CreationTimestamp.Time), readyAfter(&pod))
			for _, container := range []string{serverContainer, listenerContainer} {
				wantConfined(t, &pod, container)
			}
			wantMemoryVolume(t, &pod)
			wantNoToken(t, &pod)
		})
	}
	t.Run("admission", wantAdmission)
	t.Run("namespace is restricted", wantRestrictedNamespace)
	t.Run("quota and budget", wantQuotaAndBudget)
	t.Run("rights", wantOurRights)
	t.Run("troubleshooting", wantTroubleshooting)
}

// runBad asks for a pod that breaks both default checks, as a user would.
const runBad = "kubectl run bad --image=registry.example/app:v1 --overrides='" +
	`{"spec": {"hostNetwork": true, "containers": [{"name": "bad", "image": "registry.example/app:latest"}]}}` + "'"

// wantWarnings: the base install denies nothing, and says what is wrong.
func wantWarnings(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		output, err := shell(ctx, runBad+" --dry-run=server")
		if err != nil {
			return err
		}
		for _, want := range []string{"Warning: podSecurity: ", "hostNetwork", "Warning: imageTag: ", "pod/bad created"} {
			if !strings.Contains(output, want) {
				return fmt.Errorf("the answer does not say %q: %s", want, output)
			}
		}
		return nil
	})
}

// wantAdmission asks as a user would.
func wantAdmission(t *testing.T) {
	_, err := shell(t.Context(), runBad)
	if err == nil {
		t.Fatal("a pod that breaks two rules was admitted")
	}
	for _, want := range []string{
		`admission webhook "pods.hookstrap.dev" denied the request`, "hostNetwork", "registry.example/app:latest",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the answer does not say %q: %v", want, err)
		}
	}
	output, err := shell(t.Context(), "kubectl run good --image=registry.example/app:v1 && kubectl delete pod good --wait=false")
	must(t, err)
	if !strings.Contains(output, "pod/good created") {
		t.Errorf("a good pod: %s", output)
	}
}

// wantConfined looks at the process itself: what the manifests and the image say about it is in force.
func wantConfined(t *testing.T, pod *corev1.Pod, container string) {
	t.Helper()
	pids := shared.ContainerPIDs(statusOf(pod, container).ContainerID)
	if len(pids) != 1 {
		t.Fatalf("container %s has processes %v, want one", container, pids)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pids[0]))
	must(t, err)
	for field, want := range map[string]string{
		"Name": "webhook", "Uid": "65532 65532 65532 65532", "Gid": "65532 65532 65532 65532",
		"CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
	} {
		if got := statusField(string(status), field); got != want {
			t.Errorf("%s of container %s is %q, want %q", field, container, got, want)
		}
	}
	t.Logf("container %s: %s resident, %s of that its own", container, statusField(string(status), "VmRSS"),
		statusField(string(status), "RssAnon"))
}

func statusField(status, field string) string {
	for line := range strings.Lines(status) {
		if value, found := strings.CutPrefix(line, field+":"); found {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// wantNoToken: what holds the port open is no one to the API server.
func wantNoToken(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	if mounts := mountsOf(t, pod, listenerContainer); strings.Contains(mounts, "serviceaccount") {
		t.Errorf("the listener has the Pod's token: %s", mounts)
	}
}

func mountsOf(t *testing.T, pod *corev1.Pod, container string) string {
	t.Helper()
	pid, err := process1(pod, container)
	must(t, err)
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	must(t, err)
	return string(mounts)
}

// wantMemoryVolume: the serving key is on no disk.
func wantMemoryVolume(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	for line := range strings.Lines(mountsOf(t, pod, serverContainer)) {
		if strings.Contains(line, " /run/hookstrap ") {
			if !strings.Contains(line, "tmpfs") || !strings.Contains(line, "size=1024k") {
				t.Errorf("/run/hookstrap is no tmpfs of 1 MiB: %s", line)
			}
			return
		}
	}
	t.Error("nothing is mounted at /run/hookstrap")
}

// wantRestrictedNamespace: the label that our pods have passed under is enforced.
func wantRestrictedNamespace(t *testing.T) {
	_, err := client(t).CoreV1().Pods(namespace).Create(t.Context(), goodPod(), metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `violates PodSecurity "restricted:latest"`) {
		t.Errorf("a pod that is not restricted: %v", err)
	}
}

func wantQuotaAndBudget(t *testing.T) {
	clustertest.Eventually(t, func(ctx context.Context) error {
		quota, err := client(t).CoreV1().ResourceQuotas(namespace).Get(ctx, "hookstrap-critical-pods", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if used := quota.Status.Used[corev1.ResourcePods]; used.Value() != 2 {
			return fmt.Errorf("the quota counts %v pods, want 2", &used)
		}
		budget, err := client(t).PolicyV1().PodDisruptionBudgets(namespace).Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if budget.Status.CurrentHealthy != 2 || budget.Status.DisruptionsAllowed != 1 {
			return fmt.Errorf("the budget knows %d healthy pods and allows %d disruptions, want 2 and 1",
				budget.Status.CurrentHealthy, budget.Status.DisruptionsAllowed)
		}
		return nil
	})
}

// wantOurRights: what the pods have achieved, they have achieved with these.
func wantOurRights(t *testing.T) {
	as := " --namespace=hookstrap-system --as=system:serviceaccount:hookstrap-system:hookstrap"
	for question, want := range map[string]string{
		"get secret/hookstrap-ca":                          "yes",
		"get secrets":                                      "no",
		"get pods":                                         "no",
		"delete secret/hookstrap-ca":                       "no",
		"create serviceaccounts/token":                     "no",
		"patch deployment.apps/x":                          "no",
		"create clusterrolebindings":                       "no",
		"update validatingwebhookconfigurations/hookstrap": "no",
	} {
		output, _ := shell(t.Context(), "kubectl auth can-i "+question+as+" 2>/dev/null") // "no" is exit code 1.
		if got := strings.TrimSpace(output); got != want {
			t.Errorf("may it %s: %q, want %q", question, got, want)
		}
	}
}

// wantTroubleshooting runs what docs/troubleshooting.md tells to look at first.
func wantTroubleshooting(t *testing.T) {
	pod := awaitPods(t, 2)[0]
	for script, want := range map[string]string{
		`kubectl get --raw "/api/v1/namespaces/hookstrap-system/pods/` + pod.Name + `:8081/proxy/readyz?verbose"`: "handshake ok",
		"kubectl -n hookstrap-system logs deploy/hookstrap":                                                       `phase="ready"`,
		"kubectl get csr -l hookstrap.dev/service=hookstrap":                                                      "Approved,Issued",
	} {
		output, err := shell(t.Context(), script)
		if err != nil || !strings.Contains(output, want) {
			t.Errorf("%s does not say %q: %v\n%s", script, want, err, output)
		}
	}
}

func readyAfter(pod *corev1.Pod) time.Duration {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.LastTransitionTime.Sub(pod.CreationTimestamp.Time)
		}
	}
	return 0
}

// TestInstallAgain: applying the manifests over and over changes nothing.
func TestInstallAgain(t *testing.T) {
	before := install(t)
	configurations := client(t).AdmissionregistrationV1().ValidatingWebhookConfigurations()
	was, err := configurations.Get(t.Context(), deployment, metav1.GetOptions{})
	must(t, err)

	after := install(t)
	is, err := configurations.Get(t.Context(), deployment, metav1.GetOptions{})
	must(t, err)
	if was.ResourceVersion != is.ResourceVersion {
		t.Errorf("the webhook configuration changed: %v, then %v", was, is)
	}
	if diff := cmp.Diff(names(before), names(after)); diff != "" {
		t.Errorf("the pods are others (-before +after):\n%s", diff)
	}
}

// names are those of the pods, in order.
func names(pods []corev1.Pod) []string {
	var all []string
	for _, pod := range pods {
		all = append(all, pod.Name)
	}
	slices.Sort(all)
	return all
}
