// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/helm"
)

// release is an install by Helm, with the name of the release in all its objects.
type release struct {
	helm.Helm
	name, namespace string
}

// TestHelm: what docs/helm.md says, with each Helm. A release comes up in a restricted namespace, an upgrade puts a
// check in force, a rollback takes it away, both without touching the caBundle, and an uninstall leaves what the page
// says.
func TestHelm(t *testing.T) {
	helms, err := helm.Find(t.TempDir())
	must(t, err)
	for i, h := range helms {
		t.Run(h.Version, func(t *testing.T) {
			r := newRelease(t, h, fmt.Sprintf("helm-%d", i), "pod-security.kubernetes.io/enforce=restricted")
			r.run(t, "install", "--wait", "--set=publishTrustBundle=true,exemptNamespaces={"+namespace+"}")
			bundle := r.bundle(t)
			if err := r.demandsLabel(t.Context(), t); err == nil {
				t.Error("the check requiredLabels is on by default")
			}
			r.run(t, "upgrade", "--wait", "--reset-then-reuse-values", "--set=checks.requiredLabels.mode=deny,"+
				"checks.requiredLabels.labels[0].key=owner,checks.imageTag.mode=denyWhenClean")
			clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error { return r.demandsLabel(ctx, t) })
			r.awaitClean(t)
			r.run(t, "rollback", "--wait", "1")
			clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
				if err := r.demandsLabel(ctx, t); err == nil {
					return errors.New("the check is still in force")
				}
				return nil
			})
			if got := r.bundle(t); got != bundle {
				t.Errorf("the caBundle was\n%s\nand is\n%s", bundle, got)
			}
			if i > 0 { // As the page says. Without, the end is the same.
				_, err := shell(t.Context(), "kubectl delete validatingwebhookconfiguration "+r.object())
				must(t, err)
			}
			r.run(t, "uninstall", "--wait")
			r.wantNothingLeft(t)
		})
	}
}

// TestHelmHostNetwork: on the network of the node, on ports of one's choice, one replica a node: also while it is
// replaced, on a cluster of one node.
func TestHelmHostNetwork(t *testing.T) {
	helms, err := helm.Find(t.TempDir())
	must(t, err)
	leaveOut(t)
	r := newRelease(t, helms[1], "host", "pod-security.kubernetes.io/enforce=privileged")
	r.run(t, "install", "--wait",
		"--set=hostNetwork=true,replicas=1,ports.https=19443,ports.metrics=19080,ports.health=19081")
	bundle := r.bundle(t)
	r.run(t, "upgrade", "--wait", "--reset-then-reuse-values", "--set=checks.requiredLabels.mode=deny,"+
		"checks.requiredLabels.labels[0].key=owner,exemptNamespaces={"+namespace+"}")
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error { return r.demandsLabel(ctx, t) })
	list, err := client(t).CoreV1().Pods(r.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: ours})
	must(t, err)
	for _, pod := range list.Items {
		if pod.Status.PodIP != pod.Status.HostIP {
			t.Errorf("Pod %s has the address %s, and its node %s", pod.Name, pod.Status.PodIP, pod.Status.HostIP)
		}
	}
	if r.bundle(t) != bundle {
		t.Error("the caBundle is another one after the upgrade")
	}
}

// leaveOut keeps the webhook that other tests have installed, which denies the network of the node, out of this one: by
// the binding that docs/install.md names.
func leaveOut(t *testing.T) {
	t.Helper()
	deleted, err := shell(t.Context(), "kubectl delete clusterrolebinding hookstrap-in-force --ignore-not-found")
	must(t, err)
	if deleted == "" {
		return
	}
	t.Cleanup(func() {
		_, err := shell(context.WithoutCancel(t.Context()), "kubectl apply -f manifests/base/in-force-clusterrolebinding.yaml")
		must(t, err)
	})
}

// newRelease makes the namespace of a release, and sees to it that both are gone after the test.
func newRelease(t *testing.T, h helm.Helm, name, label string) release {
	t.Helper()
	h.Kubeconfig = shared.Kubeconfig()
	r := release{Helm: h, name: name, namespace: name + "-system"}
	t.Cleanup(func() { // The configuration first: a webhook that is gone refuses Pods.
		_, err := shell(context.WithoutCancel(t.Context()), "kubectl delete validatingwebhookconfiguration "+r.object()+
			" --ignore-not-found; kubectl delete namespace "+r.namespace+" --wait=false; kubectl delete --ignore-not-found "+
			"clusterrole,clusterrolebinding --selector app.kubernetes.io/instance="+r.name)
		if err != nil {
			t.Error(err)
		}
	})
	_, err := shell(t.Context(), "kubectl create namespace "+r.namespace+
		" && kubectl label namespace "+r.namespace+" "+label)
	must(t, err)
	return r
}

// object is what the objects of the release are called.
func (r release) object() string { return r.name + "-hookstrap" }

// run runs a command of Helm for the release.
func (r release) run(t *testing.T, command string, args ...string) {
	t.Helper()
	all := []string{command, r.name}
	if command == "install" || command == "upgrade" {
		all = append(all, helm.Chart())
	}
	all = append(all, "--namespace="+r.namespace, "--timeout="+patience.String())
	out, err := r.Run(t.Context(), append(all, args...)...)
	if err != nil {
		in := "kubectl -n " + r.namespace
		pods, _ := shell(t.Context(), in+" get pods,events; "+in+" logs --tail=20 -l "+ours)
		t.Fatalf("%v:\n%s\n%s", err, out, pods)
	}
}

// bundle waits until each entry has a caBundle, and returns that of the first.
func (r release) bundle(t *testing.T) string {
	t.Helper()
	bundle := ""
	configurations := client(t).AdmissionregistrationV1().ValidatingWebhookConfigurations()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		live, err := configurations.Get(ctx, r.object(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, webhook := range live.Webhooks {
			if len(webhook.ClientConfig.CABundle) == 0 {
				return fmt.Errorf("%s has no caBundle", webhook.Name)
			}
		}
		bundle = string(live.Webhooks[0].ClientConfig.CABundle)
		return nil
	})
	return bundle
}

// demandsLabel returns nil if a Pod without a label is refused for that. Only checks of the release demand it.
func (r release) demandsLabel(ctx context.Context, t *testing.T) error {
	t.Helper()
	_, err := create(ctx, client(t), goodPod(), metav1.DryRunAll)
	if err == nil {
		return errors.New("a Pod without the label was admitted")
	}
	if !strings.Contains(err.Error(), "requiredLabels") {
		return err
	}
	return nil
}

// awaitClean waits for what the server writes for checks that deny when an audit has found nothing.
func (r release) awaitClean(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		_, err := client(t).CoreV1().ConfigMaps(r.namespace).Get(ctx, r.object()+"-clean", metav1.GetOptions{})
		return err
	})
}

// wantNothingLeft: when the last Pod has gone, there is in the namespace what Kubernetes puts into every one, and in
// the cluster the ClusterTrustBundle, with which docs/uninstall.md says what to do.
func (r release) wantNothingLeft(t *testing.T) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := client(t).CoreV1().Pods(r.namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) > 0 {
			err = fmt.Errorf("%d Pods are still there", len(list.Items))
		}
		return err
	})
	output, err := shell(t.Context(), "kubectl -n "+r.namespace+
		" get all,secrets,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,"+
		"poddisruptionbudgets,resourcequotas,leases --output name")
	must(t, err)
	if got := strings.Fields(output); strings.Join(got, " ") != "configmap/kube-root-ca.crt serviceaccount/default" {
		t.Errorf("in the namespace there are %v", got)
	}
	output, err = shell(t.Context(), "kubectl get clusterroles,clusterrolebindings,validatingwebhookconfigurations "+
		"--output name --selector app.kubernetes.io/instance="+r.name)
	must(t, err)
	if output != "" && !strings.HasPrefix(output, "No resources") {
		t.Errorf("in the cluster there are %s", output)
	}
	trust := "hookstrap.dev:serving:" + r.object() + "." + r.namespace + ".svc"
	_, err = shell(t.Context(), "kubectl delete clustertrustbundle "+trust)
	must(t, err)
}
