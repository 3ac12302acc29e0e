// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && kubebuilder && linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	kubebuilderNamespace  = "kubebuilder-system"
	kubebuilderDeployment = "deployment/kubebuilder-controller-manager"
	kubebuilderImage      = "registry.example/kubebuilder:v1"
)

// TestKubebuilderRollout rolls out the project of examples/kubebuilder again and again, as it is, and with three replicas.
// While it does, Backups of both versions are made, which are defaulted, validated and converted, and are read in the other one.
// As a control, a rollout that ends the old Pod before it starts the new one loses some.
func TestKubebuilderRollout(t *testing.T) {
	installKubebuilder(t)
	for _, replicas := range []int{1, 3} {
		t.Run(fmt.Sprintf("replicas %d", replicas), func(t *testing.T) {
			kubebuilderCommand(t, "scale", fmt.Sprintf("--replicas=%d", replicas), kubebuilderDeployment)
			awaitKubebuilder(t, replicas)
			s := startStreamOf(t, func() asker { return backupAsker(t) })
			kubebuilderCommand(t, "rollout", "restart", kubebuilderDeployment)
			awaitKubebuilder(t, replicas)
			s.wantNoneFailed(t)
		})
	}
	t.Run("with a gap", func(t *testing.T) {
		kubebuilderCommand(t, "scale", "--replicas=1", kubebuilderDeployment)
		awaitKubebuilder(t, 1)
		kubebuilderCommand(t, "patch", kubebuilderDeployment, "-p", `'{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}'`)
		s := startStreamOf(t, func() asker { return backupAsker(t) })
		kubebuilderCommand(t, "rollout", "restart", kubebuilderDeployment)
		awaitKubebuilder(t, 1)
		if f := s.stop(t); len(f.failed) == 0 {
			t.Error("none failed: the stream does not see what is lost")
		}
	})
}

// installKubebuilder applies the project as its page says, with an image that is on the node, and removes it afterwards.
func installKubebuilder(t *testing.T) {
	t.Helper()
	importKubebuilder(t)
	const project = " -k examples/kubebuilder/config/default"
	t.Cleanup(func() {
		_, err := shell(context.WithoutCancel(t.Context()), "kubectl delete --ignore-not-found --wait=false"+project)
		must(t, err)
	})
	_, err := shell(t.Context(), "kubectl apply"+project)
	must(t, err)
	awaitKubebuilder(t, 1)
	ask := backupAsker(t)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error { // Until kube-proxy leads there, for both versions.
		return errors.Join(ask(ctx, true).err, ask(ctx, true).err)
	})
}

func importKubebuilder(t *testing.T) {
	t.Helper()
	dir, err := imageDir(shared)
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, file := filepath.Join(dir, "manager"), filepath.Join(dir, "manager.tar")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd")
	build.Dir = filepath.Join(site.Root(), "examples", "kubebuilder")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building examples/kubebuilder: %v: %s", err, out)
	}
	_, err = node.Image{Name: kubebuilderImage, Binary: binary, Path: "/manager", User: "65532:65532"}.Write(file)
	must(t, err)
	must(t, shared.ImportImage(t.Context(), file))
}

func kubebuilderCommand(t *testing.T, args ...string) {
	t.Helper()
	_, err := shell(t.Context(), "kubectl -n "+kubebuilderNamespace+" "+strings.Join(args, " "))
	must(t, err)
}

// awaitKubebuilder waits until the rollout is complete, and those who had to leave have ended.
func awaitKubebuilder(t *testing.T, replicas int) {
	t.Helper()
	kubebuilderCommand(t, "rollout", "status", "--timeout=240s", kubebuilderDeployment)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		list, err := client(t).CoreV1().Pods(kubebuilderNamespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) != replicas {
			err = fmt.Errorf("there are %d Pods of the project, want %d", len(list.Items), replicas)
		}
		return err
	})
}

// backupAsker makes Backups of the two versions in turns.
func backupAsker(t *testing.T) asker {
	t.Helper()
	client, err := dynamic.NewForConfig(ownConfig())
	must(t, err)
	versions := []string{"v1beta1", "v1"}
	return func(ctx context.Context, bad bool) admission {
		slices.Reverse(versions)
		a := admission{began: time.Now(), denied: bad}
		a.err = askBackup(ctx, client, versions[0], versions[1], bad)
		a.ended = time.Now()
		return a
	}
}

// askBackup makes a Backup of one version and reads it in the other one, with what the defaulter sets. A bad one has to be
// refused by the validator.
func askBackup(ctx context.Context, client dynamic.Interface, version, other string, bad bool) error {
	made, err := backupsOf(client, version).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "storage.example.com/" + version, "kind": "Backup",
		"metadata": map[string]any{"generateName": "a-"}, "spec": backupSpec(version, bad),
	}}, metav1.CreateOptions{})
	if bad {
		if err == nil || !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "no day has the time 24:30") {
			return fmt.Errorf("a bad Backup of version %s was not refused as such: %w", version, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("making a Backup of version %s: %w", version, err)
	}
	read, err := backupsOf(client, other).Get(ctx, made.GetName(), metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading a Backup in version %s: %w", other, err)
	}
	want := backupSpec(other, false)
	want["keepDays"] = int64(7)
	if !reflect.DeepEqual(read.Object["spec"], any(want)) {
		return fmt.Errorf("a Backup of version %s is read in %s as %v, want %v", version, other, read.Object["spec"], want)
	}
	return nil
}

func backupsOf(client dynamic.Interface, version string) dynamic.ResourceInterface {
	return client.Resource(schema.GroupVersionResource{
		Group: "storage.example.com", Version: version, Resource: "backups"}).Namespace(metav1.NamespaceDefault)
}

// backupSpec is of 02:30, or of a time that no day has.
func backupSpec(version string, bad bool) map[string]any {
	hour := int64(2)
	if bad {
		hour = 24
	}
	if version == "v1" {
		return map[string]any{"volume": "a", "at": map[string]any{"hour": hour, "minute": int64(30)}}
	}
	return map[string]any{"volume": "a", "at": fmt.Sprintf("%02d:30", hour)}
}
