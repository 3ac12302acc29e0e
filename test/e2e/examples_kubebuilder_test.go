// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// backups has what calls the project's program, and where each has its caBundle.
func backups() map[string]string {
	return map[string]string{
		"customresourcedefinition/backups.storage.example.com":                        "/spec/conversion/webhook/clientConfig",
		"mutatingwebhookconfiguration/kubebuilder-mutating-webhook-configuration":     "/webhooks/0/clientConfig",
		"validatingwebhookconfiguration/kubebuilder-validating-webhook-configuration": "/webhooks/0/clientConfig",
	}
}

// TestExampleKubebuilder: the project's own manifests and its program. Backups of both versions get a default, are refused
// when they are wrong, and are read in the other version, from which nothing is missing.
func TestExampleKubebuilder(t *testing.T) {
	t.Parallel()
	e := startKubebuilder(t)
	target := clustertest.Namespace(t, shared)
	const old, hub = "backups.v1beta1.storage.example.com", "backups.v1.storage.example.com"
	for _, version := range []string{"v1beta1", "v1"} {
		sample := filepath.Join(site.Root(), "examples/kubebuilder/config/samples/storage_"+version+"_backup.yaml")
		clustertest.Eventually(t, func(ctx context.Context) error { // Until the API server serves the new kind.
			_, err := e.tryKubectl(ctx, "", "-n", target, "create", "-f", sample)
			return err
		})
		for _, resource := range []string{old, hub} { // It is written back as it was read.
			e.kubectl(t, e.kubectl(t, "", "-n", target, "get", resource, "backup-sample", "-o", "yaml"), "replace", "-f", "-")
		}
		e.wantBackup(t, target, old, `1 kubebuilder {"at":"02:30","keepDays":7,"volume":"database"}`)
		e.wantBackup(t, target, hub, `1 kubebuilder {"at":{"hour":2,"minute":30},"keepDays":7,"volume":"database"}`)
		e.kubectl(t, "", "-n", target, "delete", hub, "backup-sample")
	}
	const backup = "{apiVersion: storage.example.com/%s, kind: Backup, metadata: {name: wrong}, spec: {volume: a, at: %s}}"
	for at, want := range map[string]string{
		`"24:00"`: "no day has the time 24:00 of spec.at", "{hour: 0, minute: 60}": "no day has the time 00:60 of spec.at",
		`"2:30"`: `spec.at of the Backup wrong is "2:30": write hours and minutes of two digits each`,
	} {
		version := "v1beta1"
		if strings.HasPrefix(at, "{") {
			version = "v1"
		}
		said, err := e.tryKubectl(t.Context(), fmt.Sprintf(backup, version, at), "-n", target, "create", "-f", "-")
		if err == nil || !strings.Contains(said, want) {
			t.Errorf("a Backup of version %s at %s: %v; want %q", version, at, err, want)
		}
	}
	for object, path := range backups() {
		e.wantBundleBack(t, object, path)
	}
}

// startKubebuilder returns when the program is ready.
func startKubebuilder(t *testing.T) *example {
	t.Helper()
	e := &example{cluster: shared, namespace: "kubebuilder-system", service: "kubebuilder-webhook-service",
		account: "kubebuilder-controller-manager"}
	const crd = "customresourcedefinition/backups.storage.example.com"
	applyExample(t, e, "kubebuilder/config/default", crd, backups()[crd]+"/service/port", unchanged)
	for object, path := range backups() {
		e.kubectl(t, "", "patch", object, "--type=json", "-p",
			fmt.Sprintf(`[{"op": "add", "path": "%s/service/port", "value": %d}]`, path, e.port))
	}
	health := freeAddress(t)
	inBackground(t, e.environment(), compiled(t, "examples/kubebuilder", "./cmd"),
		"--webhook-port="+strconv.Itoa(e.port), "--health-probe-bind-address="+health)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	return e
}

// wantBackup has the generation, a label and the spec. A generation of 1 says that no one has changed the spec.
func (e *example) wantBackup(t *testing.T, namespace, resource, want string) {
	t.Helper()
	got := e.kubectl(t, "", "-n", namespace, "get", resource, "backup-sample", "-o",
		`jsonpath={.metadata.generation} {.metadata.labels.app\.kubernetes\.io/name} {.spec}`)
	if got != want {
		t.Errorf("as one of %s the Backup is\n%s, want\n%s", resource, got, want)
	}
}

// wantBundleBack takes the caBundle of an object away. The program writes it again.
func (e *example) wantBundleBack(t *testing.T, object, path string) {
	t.Helper()
	fields := "jsonpath={" + strings.NewReplacer("/webhooks/0", ".webhooks[0]", "/", ".").Replace(path) + ".caBundle}"
	before := e.kubectl(t, "", "get", object, "-o", fields)
	e.kubectl(t, "", "patch", object, "--type=json", "-p", `[{"op": "remove", "path": "`+path+`/caBundle"}]`)
	clustertest.Eventually(t, func(ctx context.Context) error {
		now, err := e.tryKubectl(ctx, "", "get", object, "-o", fields)
		if err == nil && (now == "" || now != before) {
			err = fmt.Errorf("%s has the caBundle %q, want %q", object, now, before)
		}
		return err
	})
}
