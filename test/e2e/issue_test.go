// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// issueArgs are the arguments of `webhook issue` for the site's Service.
func issueArgs(t *testing.T, s *site.Site, more ...string) []string {
	t.Helper()
	kubeconfig, err := s.Cluster.WriteKubeconfig(s.Config(t), s.Namespace)
	must(t, err)
	return append([]string{"--kubeconfig=" + kubeconfig, "--webhook-configuration=" + s.Configuration,
		"--service-name=" + site.Service, "--namespace=" + s.Namespace, "--service-account=" + site.ServiceAccount}, more...)
}

// runIssue runs `webhook issue --once` to its end, and returns what it said.
func runIssue(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return runToEnd(t, append([]string{"issue", "--once"}, args...)...)
}

// runRequest runs `webhook request` to its end, and returns what it said.
func runRequest(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return runToEnd(t, append([]string{"request"}, args...)...)
}

func runToEnd(t *testing.T, args ...string) (string, error) {
	t.Helper()
	executable, err := binary()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), executable, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err = cmd.Run()
	if strings.Contains(output.String(), "PRIVATE KEY") {
		t.Errorf("the output has a private key:\n%s", &output)
	}
	return output.String(), err
}

func wantExit(t *testing.T, output string, err error, code int, says string) {
	t.Helper()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if !failed || exit.ExitCode() != code || !strings.Contains(output, says) {
		t.Errorf("%v, want exit code %d and %q:\n%s", err, code, says, output)
	}
}

// wantFiles reads a pair that its owner alone may read.
func wantFiles(t *testing.T, dir string, names ...string) *x509.Certificate {
	t.Helper()
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, mode)
		}
	}
	certificates, err := cert.CertsFromFile(filepath.Join(dir, "tls.crt"))
	must(t, err)
	return certificates[0]
}

func wantNothing(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "tls.crt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a certificate in %s: %v", dir, err)
	}
}

// TestIssueSidecar runs the binary as people do, beside a server that it knows nothing of.
func TestIssueSidecar(t *testing.T) {
	t.Parallel()
	s, dir := site.New(t, shared, site.Options{}), t.TempDir()
	executable, err := binary()
	must(t, err)
	health := fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	issuer, err := process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable, Command: "issue",
		Args: issueArgs(t, s, "--cert-dir="+dir, fmt.Sprintf("--self-address=127.0.0.1:%d", s.Port),
			"--health-probe-bind-address="+health, "--metrics-bind-address=0"),
	})
	must(t, err)
	t.Cleanup(issuer.Kill)
	_, err = issuer.AwaitPhase(t.Context(), "trusted", 1)
	must(t, err)
	if err := readyz(t.Context(), health); err == nil {
		t.Error("ready, and nobody listens")
	}
	startFileServer(t, dir, s.Port)
	clustertest.Eventually(t, func(ctx context.Context) error { return readyz(ctx, health) })
	awaitAdmission(t, s) // With failurePolicy Fail.
	before := wantFiles(t, dir, "tls.crt", "tls.key", "ca.crt")
	must(t, issuer.Signal(syscall.SIGHUP))
	clustertest.Eventually(t, func(ctx context.Context) error {
		if now, err := presented(ctx, s.Port); err != nil || now.Equal(before) {
			return fmt.Errorf("still the old certificate: %w", errOrNil(err))
		}
		return nil
	})
	must(t, s.Admit(t.Context(), site.GoodImage)) // With failurePolicy Fail.
	must(t, issuer.Stop())
	if strings.Contains(issuer.Log(), "PRIVATE KEY") {
		t.Error("the log has a private key")
	}
}

// TestIssueOnceForAService: nothing is written before the live caBundle verifies it, and a good pair is kept.
func TestIssueOnceForAService(t *testing.T) {
	t.Parallel()
	s, dir := site.New(t, shared, site.Options{WithoutConfiguration: true}), t.TempDir()
	output, err := runIssue(t, issueArgs(t, s, "--cert-dir="+dir, "--timeout=10s")...)
	wantExit(t, output, err, 1, "does not exist yet")
	wantNothing(t, dir)
	s.CreateConfiguration(t)
	output, err = runIssue(t, issueArgs(t, s, "--cert-dir="+dir)...)
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	leaf := wantFiles(t, dir, "tls.crt", "tls.key", "ca.crt")
	startFileServer(t, dir, s.Port)
	awaitAdmission(t, s) // With failurePolicy Fail.
	requests := len(requestsOf(t, s))
	if output, err = runIssue(t, issueArgs(t, s, "--cert-dir="+dir)...); err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	if !wantFiles(t, dir).Equal(leaf) || len(requestsOf(t, s)) != requests {
		t.Error("a good certificate was replaced")
	}
	output, err = runIssue(t, issueArgs(t, s, "--cert-dir="+dir, "--extra-san=hooks.example.com")...)
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	must(t, wantFiles(t, dir).VerifyHostname("hooks.example.com"))
	must(t, s.Admit(t.Context(), site.GoodImage)) // With failurePolicy Fail.
}

// TestRequestByHosts is what people do by hand with cfssl and kubectl, on the real signer.
func TestRequestByHosts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	output, err := runRequest(t, "--kubeconfig="+shared.Kubeconfig(), "--host=web.example.com,10.0.0.7", "--host=web",
		"--signer-name="+signer.KubeletServing, "--organizational-unit=Web, shop", "--country=DE", "--key-algorithm=rsa-2048",
		"--certificate-duration=1h", "--namespace=default", "--cert-dir="+dir)
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	leaf := wantFiles(t, dir, "tls.crt", "tls.key", "ca.crt")
	for _, host := range []string{"web.example.com", "10.0.0.7", "web"} {
		must(t, leaf.VerifyHostname(host))
	}
	want := "CN=system:node:web.example.com,OU=Web\\, shop,O=system:nodes,C=DE"
	if got := leaf.Subject.String(); got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
	if rest := time.Until(leaf.NotAfter); rest > time.Hour || leaf.PublicKeyAlgorithm != x509.RSA {
		t.Errorf("%s are left of an %s certificate, want an hour and RSA", rest, leaf.PublicKeyAlgorithm)
	}
	ca, err := cert.NewPool(filepath.Join(dir, "ca.crt"))
	must(t, err)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: ca, DNSName: "web.example.com"})
	must(t, err)
}

// TestRequestWaitsForAPerson: with an approver and a signer of somebody else, and a CA that is told or wrong.
func TestRequestWaitsForAPerson(t *testing.T) {
	t.Parallel()
	for name, right := range map[string]bool{"the signer's CA": true, "another CA": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca, other, dir := newTestCA(t, "right"), newTestCA(t, "wrong"), t.TempDir()
			file, host := ca.file(t), "right.example.com"
			if !right {
				file, host = other.file(t), "wrong.example.com"
			}
			answered := answerNobody(t, func(asked *x509.CertificateRequest) bool { return slices.Contains(asked.DNSNames, host) },
				ca.signer(t))
			output, err := runRequest(t, "--kubeconfig="+shared.Kubeconfig(), "--host="+host, "--signer-name="+unattendedSigner,
				"--approve=external", "--ca-file="+file, "--cert-dir="+dir)
			answered()
			if !right {
				wantExit(t, output, err, 1, "does not verify")
				wantNothing(t, dir)
				return
			}
			if err != nil {
				t.Fatalf("%v:\n%s", err, output)
			}
			must(t, wantFiles(t, dir, "tls.crt", "tls.key", "ca.crt").CheckSignatureFrom(ca.certificate))
		})
	}
	dir := t.TempDir()
	output, err := runRequest(t, "--kubeconfig="+shared.Kubeconfig(), "--host=nobody.example.com", "--signer-name="+unattendedSigner,
		"--approve=external", "--timeout=5s", "--cert-dir="+dir)
	wantExit(t, output, err, 1, "kubectl certificate approve")
	wantNothing(t, dir)
}

// answerNobody approves and signs in the background, as the unattended signer, the one request that is wanted. The
// result waits until that is done.
func answerNobody(
	t *testing.T, wanted func(*x509.CertificateRequest) bool, sign func(*x509.CertificateRequest) ([]byte, error),
) (done func()) {
	t.Helper()
	var answering sync.WaitGroup
	answering.Go(func() { answerOnce(t, wanted, sign) })
	return answering.Wait
}

func answerOnce(
	t *testing.T, wanted func(*x509.CertificateRequest) bool, sign func(*x509.CertificateRequest) ([]byte, error),
) {
	t.Helper()
	s := &site.Site{Admin: mustClient(t, shared.Config())}
	clustertest.Eventually(t, func(ctx context.Context) error {
		list, err := s.Admin.CertificatesV1().CertificateSigningRequests().List(ctx, metav1.ListOptions{
			FieldSelector: "spec.signerName=" + unattendedSigner})
		if err != nil {
			return err
		}
		for i := range list.Items {
			if len(list.Items[i].Status.Certificate) > 0 {
				continue // Of an earlier run of the test.
			}
			block, _ := pem.Decode(list.Items[i].Spec.Request)
			if asked, err := x509.ParseCertificateRequest(block.Bytes); err == nil && wanted(asked) {
				return answerOne(t, s, &list.Items[i], sign)
			}
		}
		return errors.New("nobody asks for the certificate")
	})
}

// TestRequestLogsIn obtains a client certificate of the real signer and logs in with the kubeconfig.
func TestRequestLogsIn(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"ecdsa-p256", "rsa-2048"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "jane.kubeconfig")
			must(t, os.WriteFile(path, []byte("old"), 0o644)) // Which it must not keep.
			output, err := runRequest(t, "--kubeconfig="+shared.Kubeconfig(), "--usage=client-auth", "--common-name=jane",
				"--organization=developers", "--organization=Shop, Inc.", "--locality=Berlin", "--approve=self",
				"--key-algorithm="+algorithm, "--write-kubeconfig="+path)
			if err != nil {
				t.Fatalf("%v:\n%s", err, output)
			}
			info, err := os.Stat(path)
			must(t, err)
			if mode := info.Mode().Perm(); mode != 0o600 {
				t.Errorf("mode %o, want 600", mode)
			}
			wantUser(t, path, "jane", []string{"Shop, Inc.", "developers", "system:authenticated"})
		})
	}
}

func wantUser(t *testing.T, kubeconfig, user string, groups []string) {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(t, err)
	review, err := mustClient(t, cfg).AuthenticationV1().SelfSubjectReviews().Create(t.Context(),
		&authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	must(t, err)
	if got := review.Status.UserInfo.Username; got != user {
		t.Errorf("logged in as %q, want %q", got, user)
	}
	if diff := cmp.Diff(groups, slices.Sorted(slices.Values(review.Status.UserInfo.Groups))); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// TestRequestRefusesTheUseless: a certificate of a CA that the API server does not know is no login, and replaces no
// pair that may be one.
func TestRequestRefusesTheUseless(t *testing.T) {
	t.Parallel()
	ca, dir := newTestCA(t, "clients"), t.TempDir()
	path := filepath.Join(dir, "kubeconfig")
	answered := answerNobody(t, func(asked *x509.CertificateRequest) bool { return asked.Subject.CommonName == "stranger" },
		func(asked *x509.CertificateRequest) ([]byte, error) {
			template := leafTemplate(t, nil)
			template.Subject, template.ExtKeyUsage = asked.Subject, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			return ca.leaf(template, asked)
		})
	output, err := runRequest(t, "--kubeconfig="+shared.Kubeconfig(), "--usage=client-auth", "--common-name=stranger",
		"--signer-name="+unattendedSigner, "--approve=external", "--write-kubeconfig="+path, "--cert-dir="+dir)
	answered()
	wantExit(t, output, err, 1, "logging in with the new certificate")
	wantNothing(t, dir)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a kubeconfig all the same: %v", err)
	}
}
