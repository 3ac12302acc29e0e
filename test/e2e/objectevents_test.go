// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const configEvents = configHead +
	"checks: {podSecurity: {mode: off}, imageTag: {mode: deny}, requiredLabels: {mode: audit, labels: [{key: team}]}}\n"

// TestEventsTellOwners: of what is denied, and of what a check in mode audit finds, there is an event on the ReplicaSet,
// with the rule of the component and not without it; of a dry run there is none.
func TestEventsTellOwners(t *testing.T) {
	t.Parallel()
	s, server := objectEventsSite(t, func(shipped *site.Shipped) {
		shipped.ClusterRole.Rules = append(shipped.ClusterRole.Rules, objectEventsRules(t)...)
	})
	dry := ownedPod("dry", "dry-uid", site.BadImage)
	_, err := s.Admin.CoreV1().Pods(s.Target).Create(t.Context(), dry, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		t.Fatal("the API server does not ask us")
	}
	denied := replicaSet(t, s, "denied", site.BadImage)
	found := replicaSet(t, s, "found", "registry.example/app:1")
	awaitObjectEvent(t, s, server, denied, "DeniedByCheck", "CREATE of Pod is denied: imageTag: spec.containers[0].image: ")
	awaitObjectEvent(t, s, server, found, "FoundByCheck", "CREATE of Pod is noted: requiredLabels: ")
	if events := objectEvents(t.Context(), t, s, "DeniedByCheck"); len(events) != 1 || events[0].InvolvedObject.Name == "dry" {
		t.Errorf("got events about other objects: %+v", events)
	}
	must(t, server.Stop())
}

// Without the right, nothing else suffers, and the log says what is missing.
func TestEventsOnOwnersNeedARight(t *testing.T) {
	t.Parallel()
	s, server := objectEventsSite(t, nil)
	replicaSet(t, s, "denied", site.BadImage)
	clustertest.Eventually(t, func(context.Context) error {
		if log := server.Log(); !strings.Contains(log, "Cannot write an event") || !strings.Contains(log, "in all namespaces") {
			return fmt.Errorf("the log does not say which right is missing: %s", log)
		}
		return nil
	})
	must(t, server.Stop())
}

func objectEventsSite(t *testing.T, edit func(*site.Shipped)) (*site.Site, *process.Server) {
	t.Helper()
	executable, err := binary()
	must(t, err)
	config := filepath.Join(t.TempDir(), "checks.yaml")
	must(t, os.WriteFile(config, []byte(configEvents), 0o600))
	s := site.New(t, shared, site.Options{Edit: edit})
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	server := startBinary(t, s, executable, "--config="+config, "--object-events", "--health-probe-bind-address="+health)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	return s, server
}

// objectEventsRules are those that the component adds.
func objectEventsRules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(site.Root(), "manifests", "components", "object-events", "clusterrole-patch.yaml"))
	must(t, err)
	var steps []struct {
		Value rbacv1.PolicyRule `json:"value"`
	}
	must(t, yaml.Unmarshal(data, &steps))
	var rules []rbacv1.PolicyRule
	for _, step := range steps {
		rules = append(rules, step.Value)
	}
	return rules
}

func ownedPod(owner string, uid types.UID, image string) *corev1.Pod {
	pod := site.Pod(image)
	pod.OwnerReferences = []metav1.OwnerReference{
		{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner, UID: uid, Controller: new(true)},
	}
	return pod
}

// replicaSet makes one whose Pods have an image.
func replicaSet(t *testing.T, s *site.Site, name, image string) *appsv1.ReplicaSet {
	t.Helper()
	labels := map[string]string{"app": name}
	made, err := s.Admin.AppsV1().ReplicaSets(s.Target).Create(t.Context(), &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: site.Pod(image).Spec},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	return made
}

func objectEvents(ctx context.Context, t *testing.T, s *site.Site, reason string) []corev1.Event {
	t.Helper()
	list, err := s.Admin.CoreV1().Events(s.Target).List(ctx, metav1.ListOptions{FieldSelector: "reason=" + reason})
	must(t, err)
	return list.Items
}

func awaitObjectEvent(t *testing.T, s *site.Site, server *process.Server, owner *appsv1.ReplicaSet, reason, text string) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		for _, event := range objectEvents(ctx, t, s, reason) {
			if event.InvolvedObject.UID == owner.UID && event.InvolvedObject.Kind == "ReplicaSet" &&
				strings.HasPrefix(event.Message, text) && event.Source.Component == "hookstrap" {
				return nil
			}
		}
		return fmt.Errorf("no event %s on ReplicaSet %s:\n%s", reason, owner.Name, server.Log())
	})
}
