// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// `kubectl apply -k` is the whole install: the API server takes every object as it is, warns about none, lets the Pods
// in, and takes it all a second time without touching the caBundle that the server has written during that time.
func TestInstall(t *testing.T) {
	c := clustertest.Start(t)
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, ".")
	for _, pod := range eventuallyPods(t, client) {
		if got, want := pod.Spec.PriorityClassName, "system-cluster-critical"; got != want {
			t.Errorf("Pod %s has priority class %q, want %q", pod.Name, got, want)
		}
	}

	bundle := string(c.SigningCA())
	publish(t, client, bundle)
	for _, line := range apply(t, c, ".") {
		if !strings.HasSuffix(line, " unchanged") && !strings.HasSuffix(line, " configured") {
			t.Errorf("applied again: %s", line)
		}
	}
	expectBundle(t, client, bundle)
	apply(t, c, overlay)
	expectBundle(t, client, bundle)
	expectArgument(t, client, "--signer-name=kubernetes.io/kubelet-serving")
	apply(t, c, "overlays/trust-bundle")
	expectBundle(t, client, bundle)
	expectArgument(t, client, "--publish-trust-bundle")
	apply(t, c, "overlays/pod-certificates")
	expectBundle(t, client, bundle)
	expectArgument(t, client, "--certificate-source=pod-certificate")
	apply(t, c, ".")
	expectBundle(t, client, bundle)
	// A GitOps controller's self-heal: its own field manager takes whatever it has in its manifests, by force.
	apply(t, c, ".", "--server-side", "--force-conflicts", "--field-manager=gitops")
	expectBundle(t, client, bundle)
}

// apply applies a kustomization and returns kubectl's lines, one for each object.
func apply(t *testing.T, c *cluster.Cluster, directory string, flags ...string) []string {
	t.Helper()
	cmd := c.Kubectl(t.Context(), append([]string{"apply", "--warnings-as-errors", "-k", directory}, flags...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl apply -k %s %v: %v\n%s", directory, flags, err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// eventuallyPods waits for the Pods of the Deployment: the controller cannot make them when admission (Pod Security,
// the quota, the priority class) refuses them.
func eventuallyPods(t *testing.T, client kubernetes.Interface) []corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	clustertest.Eventually(t, func(ctx context.Context) error {
		list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if pods = list.Items; len(pods) == 2 {
			return nil
		}
		return errors.Join(fmt.Errorf("there are %d Pods, want 2", len(pods)), complaints(ctx, client))
	})
	return pods
}

// complaints are the warnings that the controllers have about our objects.
func complaints(ctx context.Context, client kubernetes.Interface) error {
	events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err != nil {
		return err
	}
	var all []error
	for _, event := range events.Items {
		all = append(all, errors.New(event.Message))
	}
	return errors.Join(all...)
}

// publish writes the caBundle the way the server does: a JSON patch of that field alone.
func publish(t *testing.T, client kubernetes.Interface, bundle string) {
	t.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte(bundle))
	var entries []string
	for i := range webhooks(t) {
		entries = append(entries, fmt.Sprintf(`{"op":"add","path":"/webhooks/%d/clientConfig/caBundle","value":%q}`, i, encoded))
	}
	_, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), name,
		types.JSONPatchType, []byte("["+strings.Join(entries, ",")+"]"), metav1.PatchOptions{FieldManager: name})
	if err != nil {
		t.Fatal(err)
	}
}

func expectBundle(t *testing.T, client kubernetes.Interface, want string) {
	t.Helper()
	configurations := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	live, err := configurations.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, webhook := range live.Webhooks {
		if got := string(webhook.ClientConfig.CABundle); got != want {
			t.Errorf("applying changed the caBundle of %s to %q", webhook.Name, got)
		}
	}
}

// expectArgument tells whether an overlay's patch reached the live Deployment.
func expectArgument(t *testing.T, client kubernetes.Interface, want string) {
	t.Helper()
	live, err := client.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Join(live.Spec.Template.Spec.Containers[0].Args, " ")
	if !strings.HasPrefix(args, "serve ") || !strings.HasSuffix(args, want) {
		t.Errorf("the overlay's arguments are %s", args)
	}
}
