// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestInstallTwice: two installs under other names, each of which comes up by itself and comes back when all its Pods
// are gone, which takes that it is not asked about its own namespace.
func TestInstallTwice(t *testing.T) {
	installAs(t, "policy-a", "a-hookstrap", "namePrefix: a-\n")
	awaitReadyIn(t, "policy-a")
	comesBack(t, "policy-a")
	installAs(t, "policy-b", "hookstrap-b", "nameSuffix: -b\n")
	awaitReadyIn(t, "policy-b")
	comesBack(t, "policy-b")
	awaitReadyIn(t, "policy-a")
}

// installAs applies the manifests in namespace, with another name, and takes them away after the test.
func installAs(t *testing.T, namespace, name, renaming string) {
	t.Helper()
	directory, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	manifests, err := filepath.Rel(directory, filepath.Join(site.Root(), "manifests"))
	must(t, err)
	text := fmt.Sprintf("resources: [%s]\nnamespace: %s\n%s", manifests, namespace, renaming)
	must(t, os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(text), 0o600))
	t.Cleanup(func() { // The configuration first: a webhook that is gone refuses Pods.
		_, err := shell(context.WithoutCancel(t.Context()), "kubectl delete validatingwebhookconfiguration "+name+
			" --ignore-not-found && kubectl delete -k "+directory+" --ignore-not-found --wait=false")
		if err != nil {
			t.Error(err)
		}
	})
	_, err = shell(t.Context(), "kubectl apply --warnings-as-errors -k "+directory)
	must(t, err)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		live, err := client(t).AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, webhook := range live.Webhooks {
			if len(webhook.ClientConfig.CABundle) == 0 {
				return fmt.Errorf("%s of %s has no caBundle yet", webhook.Name, name)
			}
		}
		return nil
	})
}

// comesBack takes all Pods of an install away, waits until the last is gone, so that no server is left to be asked, and
// waits until there are others that are Ready.
func comesBack(t *testing.T, namespace string) {
	t.Helper()
	scale := "kubectl -n " + namespace + " scale deployment --all --replicas="
	_, err := shell(t.Context(), scale+"0")
	must(t, err)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := client(t).CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) > 0 {
			err = fmt.Errorf("%d Pods of %s are still there", len(list.Items), namespace)
		}
		return err
	})
	_, err = shell(t.Context(), scale+"2")
	must(t, err)
	awaitReadyIn(t, namespace)
}

// awaitReadyIn waits for two Pods of an install that are Ready, and until they are called: the other install is asked
// about this one's Pods, and kube-proxy hears of them last.
func awaitReadyIn(t *testing.T, namespace string) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		if err := readyIn(ctx, client(t), namespace); err != nil {
			return errors.Join(err, warnings(ctx, client(t), namespace))
		}
		_, err := create(ctx, client(t), goodPod(), metav1.DryRunAll)
		return err
	})
}

func readyIn(ctx context.Context, client kubernetes.Interface, namespace string) error {
	list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: ours})
	if err != nil {
		return err
	}
	ready := 0
	for _, pod := range list.Items {
		if podReady(&pod) {
			ready++
		}
	}
	if ready != 2 {
		return fmt.Errorf("%d Pods of %s are Ready, want 2", ready, namespace)
	}
	return nil
}

// warnings are what the controllers say about a Pod that cannot be created.
func warnings(ctx context.Context, client kubernetes.Interface, namespace string) error {
	events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=FailedCreate"})
	if err != nil {
		return err
	}
	for _, event := range events.Items {
		return errors.New(event.Message)
	}
	return nil
}
