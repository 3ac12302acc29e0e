// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && coldstart

package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/doctor"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/node"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// guarded are the namespaces of three webhooks for Pods, and which namespaces each is asked about: one guards its own
// Pods, one the others', and one is guarded by that.
var guarded = map[string][]string{
	"cold-self": {"cold-self"}, "cold-first": {"cold-second", "cold-else"}, "cold-second": {"cold-else"},
}

const guardManifest = `
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: Secret
metadata: {name: serving, namespace: %[1]s}
stringData: {tls.crt: %[2]q, tls.key: %[3]q}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: %[1]s}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: hookstrap.test/admit:1
        imagePullPolicy: Never
        ports: [{containerPort: 9443}]
        readinessProbe: {tcpSocket: {port: 9443}, periodSeconds: 1}
        volumeMounts: [{name: serving, mountPath: /serving}]
      volumes: [{name: serving, secret: {secretName: serving}}]
`

const guardConfiguration = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %[1]s}
webhooks:
- name: pods.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  timeoutSeconds: 3
  clientConfig: {caBundle: %[2]s, service: {namespace: %[1]s, name: web}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [%[3]s]}]}
`

// TestColdStart cuts the cluster with three webhooks in it, all of whose Pods are gone. The command has said before which
// one does not come back, and the line that it prints brings it back.
func TestColdStart(t *testing.T) {
	dir := t.TempDir()
	program := startGuards(t, dir)
	fixes := map[string]string{}
	for _, f := range examined(t, program).Findings {
		if f.ID == doctor.IDColdCycle {
			fixes[f.Object.Name] = f.Fix
		}
	}
	if len(fixes) != 1 || fixes["cold-self"] == "" {
		t.Fatalf("found before the cut: %v, want a cycle of cold-self alone", fixes)
	}

	must(t, shared.StopControllerManager()) // It would replace Pods while their servers are there.
	for ns := range guarded {
		must(t, client(t).CoreV1().Pods(ns).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	}
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		for ns := range guarded {
			left, err := client(t).CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
			if err != nil || len(left.Items) > 0 {
				return fmt.Errorf("%d Pods are left in %s: %w", len(left.Items), ns, err)
			}
		}
		return nil
	})
	must(t, shared.PowerOff())
	began := time.Now()
	must(t, shared.PowerOn(t.Context()))
	awaitGuard(t, "cold-first")
	awaitGuard(t, "cold-second")
	t.Logf("two of three are back %s after the cut", since(began))
	awaitLocked(t, "cold-self")

	_, line, _ := strings.Cut(fixes["cold-self"], "namespaceSelector: ")
	patch := "webhooks: [{name: pods.example.com, namespaceSelector: " + line + "}]"
	if out, err := shared.Kubectl(t.Context(), "patch", "validatingwebhookconfiguration", "cold-self", "-p", patch).CombinedOutput(); err != nil {
		t.Fatalf("applying %s: %v: %s", patch, err, out)
	}
	applied := time.Now()
	awaitGuard(t, "cold-self")
	t.Logf("the third is back %s after the line was applied", since(applied))
}

// awaitLocked waits until the ReplicaSet has been refused a Pod by the webhook whose server the Pod would be.
func awaitLocked(t *testing.T, ns string) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		sets, err := client(t).AppsV1().ReplicaSets(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, set := range sets.Items {
			for _, c := range set.Status.Conditions {
				if c.Type == appsv1.ReplicaSetReplicaFailure && strings.Contains(c.Message, "failed calling webhook") &&
					set.Status.Replicas == 0 {
					return nil
				}
			}
		}
		return fmt.Errorf("no Pod of %s was refused by its own webhook", ns)
	})
}

// awaitGuard waits until a server is ready.
func awaitGuard(t *testing.T, ns string) {
	t.Helper()
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		d, err := client(t).AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		pods, err := client(t).CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if podReady(&pod) && d.Status.ReadyReplicas == 1 {
				return nil
			}
		}
		return fmt.Errorf("%s/web is not ready", ns)
	})
}

// startGuards starts the servers, then puts their configurations in force, and returns the command.
func startGuards(t *testing.T, dir string) string {
	t.Helper()
	ctx := t.Context()
	uninstall(t)
	binary := filepath.Join(dir, "admit")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./testdata/admit")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file := filepath.Join(dir, "admit.tar")
	_, err := node.Image{Name: "hookstrap.test/admit:1", Binary: binary, Path: "/admit", User: "65532:65532"}.Write(file)
	must(t, err)
	must(t, shared.ImportImage(ctx, file))
	bundles := map[string]string{}
	for ns := range guarded {
		cert, key, bundle := selfSigned(t, "web."+ns+".svc")
		bundles[ns] = bundle
		apply(t, fmt.Sprintf(guardManifest, ns, cert, key))
	}
	for ns, about := range guarded {
		awaitGuard(t, ns)
		apply(t, fmt.Sprintf(guardConfiguration, ns, bundles[ns], strings.Join(about, ", ")))
	}
	program, err := process.Build(ctx, site.Root(), dir)
	must(t, err)
	return program
}

func examined(t *testing.T, program string) doctor.Report {
	t.Helper()
	args := []string{"doctor", "-o=json", "--kubeconfig=" + shared.Kubeconfig()}
	for ns := range guarded {
		args = append(args, "--webhook-configuration=validating/"+ns)
	}
	out, err := exec.CommandContext(t.Context(), program, args...).Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report doctor.Report
	must(t, json.Unmarshal(out, &report))
	if report.Handshakes != len(guarded) {
		t.Errorf("%d handshakes, want %d: %s", report.Handshakes, len(guarded), out)
	}
	return report
}

// apply makes objects, and deletes them when the test is over: the configurations come last, and go first.
func apply(t *testing.T, manifest string) {
	t.Helper()
	for _, verb := range []string{"apply", "delete"} {
		run := func(ctx context.Context) {
			cmd := shared.Kubectl(ctx, verb, "-f", "-")
			cmd.Stdin = strings.NewReader(manifest)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("kubectl %s: %v: %s", verb, err, out)
			}
		}
		if verb == "delete" {
			t.Cleanup(func() { run(context.WithoutCancel(t.Context())) })
			continue
		}
		run(t.Context())
	}
}

// selfSigned is a certificate that is its own CA, its key, and the caBundle.
func selfSigned(t *testing.T, name string) (cert, key, bundle string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return string(block), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		base64.StdEncoding.EncodeToString(block)
}
