// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestExampleConversion: Boxes are read in the version that they are not stored in, through the webhook. The schema
// admits none that cannot be converted. The conversions are counted, and the caBundle of the CustomResourceDefinition comes back.
func TestExampleConversion(t *testing.T) {
	t.Parallel()
	const name, crd, client = "example-conversion", "customresourcedefinition/boxes.example.com", "/spec/conversion/webhook/clientConfig"
	e := &example{cluster: shared, namespace: name, service: name, account: name}
	applyExample(t, e, "conversion", crd, client+"/service/port", unchanged)
	metrics := freeAddress(t)
	inBackground(t, e.environment(), compiled(t, ".", "./examples/conversion"), "--bind-address=127.0.0.1",
		"--secure-port="+strconv.Itoa(e.port), "--health-probe-bind-address=0", "--metrics-bind-address="+metrics)
	target := clustertest.Namespace(t, shared)
	box := "{apiVersion: example.com/v1, kind: Box, metadata: {name: a, namespace: " + target + "}, spec: {size: %s}}"
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := e.tryKubectl(ctx, fmt.Sprintf(box, "3x4"), "apply", "-f", "-")
		return err
	})
	e.wantBox(t, target, "v2", "{.spec.width} {.spec.height}", "3 4")
	e.kubectl(t, "", "-n", target, "patch", "boxes.v2.example.com", "a", "--type=merge", "-p", `{"spec":{"width":5}}`)
	e.wantBox(t, target, "v1", "{.spec.size}", "5x4")
	said, err := e.tryKubectl(t.Context(), fmt.Sprintf(box, "99999999999999999999x1"), "apply", "-f", "-")
	if err == nil || !strings.Contains(said, "spec.size in body should match") {
		t.Errorf("the schema admits what cannot be converted: kubectl has printed %q", said)
	}
	for _, labels := range []string{`from="v1",kind="Box.example.com",result="converted",to="v2"`,
		`from="v2",kind="Box.example.com",result="converted",to="v1"`} {
		must(t, hasText(t.Context(), "http://"+metrics+"/metrics", "\nhookstrap_conversion_objects_total{"+labels+"} "))
	}
	e.wantBundleBack(t, crd, client)
}

func (e *example) wantBox(t *testing.T, namespace, version, fields, want string) {
	t.Helper()
	got := e.kubectl(t, "", "-n", namespace, "get", "boxes."+version+".example.com", "a", "-o", "jsonpath="+fields)
	if got != want {
		t.Errorf("the Box in version %s has %q, want %q", version, got, want)
	}
}

// TestExampleAPIService: kubectl reads what the example has, through the API server, and other clients do not.
func TestExampleAPIService(t *testing.T) {
	t.Parallel()
	ca := newTestCA(t, "front-proxy")
	node := controlPlaneNode{dir: t.TempDir()}
	node.certificate(t, ca)
	authority := node.write(t, "ca.crt", encode("CERTIFICATE", ca.certificate.Raw))
	c := clustertest.StartWith(t, cluster.Options{APIServerArgs: map[string][]string{
		"proxy-client-cert-file": {filepath.Join(node.dir, "client.crt")},
		"proxy-client-key-file":  {filepath.Join(node.dir, "client.key")}, "requestheader-client-ca-file": {authority},
		"requestheader-allowed-names": {apiServerName}, "requestheader-username-headers": {"X-Remote-User"},
		"requestheader-group-headers": {"X-Remote-Group"},
	}})
	const name = "example-apiservice"
	e := &example{cluster: c, namespace: name, service: name, account: name}
	applyExample(t, e, "apiservice", "apiservice/v1.hello.example.com", "/spec/service/port", unchanged)
	inBackground(t, e.environment("TMPDIR="+t.TempDir()), compiled(t, ".", "./examples/apiservice"),
		"--bind-address="+e.address, "--health-probe-bind-address=0")
	clustertest.Eventually(t, func(ctx context.Context) error {
		said, err := e.tryKubectl(ctx, "", "get", "greetings.hello.example.com", "world", "-o", "jsonpath={.text}")
		if err == nil && said != "Hello, world" {
			err = fmt.Errorf("it says %q", said)
		}
		return err
	})
	direct := &site.Site{Port: e.port}
	must(t, call(t.Context(), direct, tls.VersionTLS13, ca.caller(t, apiServerName)))
	for who, certificate := range map[string]*tls.Certificate{"no CA": nil, "another name": ca.caller(t, "mallory"),
		"another CA": newTestCA(t, "other").caller(t, apiServerName)} {
		if call(t.Context(), direct, tls.VersionTLS13, certificate) == nil {
			t.Errorf("a client with the certificate of %s was answered", who)
		}
	}
}

// TestExamplesPassOurChecks: what the examples install breaks none of the checks that it is likely to meet.
func TestExamplesPassOurChecks(t *testing.T) {
	t.Parallel()
	checks := filepath.Join(t.TempDir(), "checks.yaml")
	must(t, os.WriteFile(checks, []byte("apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks:\n"+
		"  podSecurity: {level: restricted}\n  imageTag: {}\n  serviceAccountToken: {}\n  readOnlyRootFilesystem: {}\n"), 0o600))
	for _, directory := range []string{"python", "python-pod-certificate", "nginx", "apiservice", "conversion", "kubebuilder/config/default"} {
		rendered, err := shared.Kubectl(t.Context(), "kustomize", filepath.Join(site.Root(), "examples", directory)).Output()
		must(t, err)
		executable, err := binary()
		must(t, err)
		args := []string{"check", "-f", "-"}
		if directory != "kubebuilder/config/default" { // As it is scaffolded, its token is mounted as any other.
			args = append(args, "--config="+checks)
		}
		cmd := exec.CommandContext(t.Context(), executable, args...)
		cmd.Stdin = bytes.NewReader(rendered)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), " 0 denied, 0 warnings") {
			t.Errorf("%s: %v\n%s", directory, err, out)
		}
	}
}

// TestExamplesHaveThePrintedRules: the RBAC rules of the examples are what `webhook rbac` prints, to the byte.
func TestExamplesHaveThePrintedRules(t *testing.T) {
	t.Parallel()
	for file, flags := range map[string]string{
		"python/rbac.yaml":     "--service-name=example-python --namespace=example-python --webhook-configuration=example-python",
		"nginx/rbac.yaml":      "--service-name=example-nginx --namespace=example-nginx --webhook-configuration=example-nginx",
		"apiservice/rbac.yaml": "--service-name=example-apiservice --namespace=example-apiservice --webhook-configuration=apiservice/v1.hello.example.com",
		"conversion/rbac.yaml": "--service-name=example-conversion --namespace=example-conversion --webhook-configuration=crd/boxes.example.com",
		"kubebuilder/config/rbac/hookstrap.yaml": "--name=webhook --namespace=kubebuilder-system --service-name=kubebuilder-webhook-service " +
			"--service-account=kubebuilder-controller-manager --webhook-configuration=validating/kubebuilder-validating-webhook-configuration " +
			"--webhook-configuration=mutating/kubebuilder-mutating-webhook-configuration --webhook-configuration=crd/backups.storage.example.com",
	} {
		printed, err := runToEnd(t, append([]string{"rbac"}, strings.Fields(flags)...)...)
		must(t, err)
		has, err := os.ReadFile(filepath.Join(site.Root(), "examples", file))
		must(t, err)
		if string(has) != printed {
			t.Errorf("examples/%s is not what `webhook rbac %s` prints", file, flags)
		}
	}
}
