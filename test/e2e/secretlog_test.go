// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// fragment is how many bytes of a secret in a row are one too many in a log.
const fragment = 12

// TestNoSecretInTheLog: a server at a verbosity at which client-go prints bodies starts, renews, rotates its CA and
// restarts; its log holds no part of a CA's key, of the key it serves or of its token, in no form.
func TestNoSecretInTheLog(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"v=9": {"-v=9"}, "v=10": {"-v=10"}, "text, v=10": {"-v=10", "--logging-format=text"},
		"vmodule": {"--logging-format=text", "--vmodule=request=10,round_trippers=10,*=9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			directory := filepath.Join(t.TempDir(), "serving")
			cfg := s.Config(t)
			flags := append([]string{"--cert-dir=" + directory}, flags...)
			secrets := map[string][]byte{"the token": []byte(cfg.BearerToken)}
			first := startProcess(t, s, cfg, flags...)
			clustertest.Eventually(t, func(ctx context.Context) error { return s.Admit(ctx, site.GoodImage) })
			collectKeys(t, s, directory, secrets)
			before, err := signingCA(t.Context(), s)
			must(t, err)
			must(t, first.Signal(syscall.SIGHUP))
			askForRotation(t, s, "once")
			clustertest.Eventually(t, func(ctx context.Context) error {
				collectKeys(t, s, directory, secrets)
				if now, err := signingCA(ctx, s); err != nil || now.Equal(before) {
					return fmt.Errorf("the old CA still signs, or: %w", err)
				}
				return nil
			})
			must(t, first.Stop())
			second := startProcess(t, s, cfg, flags...)
			clustertest.Eventually(t, func(ctx context.Context) error { return s.Admit(ctx, site.GoodImage) })
			collectKeys(t, s, directory, secrets)
			must(t, second.Stop())
			wantURLs(t, first.Log())
			wantURLs(t, second.Log())
			wantSecretsKept(t, first.Log()+second.Log(), secrets, 4)
		})
	}
}

// TestNoSecretInTheLogOfIssue is the same for the command that writes a login.
func TestNoSecretInTheLogOfIssue(t *testing.T) {
	t.Parallel()
	login := filepath.Join(t.TempDir(), "kubeconfig")
	output, err := runRequest(t, "--kubeconfig="+shared.Kubeconfig(), "--usage=client-auth", "--common-name=tester",
		"--approve=self", "--write-kubeconfig="+login, "-v=10")
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	written, err := clientcmd.LoadFromFile(login)
	must(t, err)
	wantURLs(t, output)
	wantSecretsKept(t, output, map[string][]byte{"the key": written.AuthInfos["tester"].ClientKeyData}, 1)
}

// TestNoSecretInTheLogOfALibraryUser: the log is the author's own, and as verbose as it can be.
func TestNoSecretInTheLogOfALibraryUser(t *testing.T) {
	t.Parallel()
	s := site.New(t, shared, site.Options{})
	out := &lockedBuffer{}
	logger := textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(out), textlogger.Verbosity(10)))
	options := s.BootstrapOptions(t)
	options.CertDir = filepath.Join(t.TempDir(), "serving")
	boot, err := bootstrap.New(options)
	must(t, err)
	ctx, cancel := context.WithCancel(klog.NewContext(t.Context(), logger))
	ended := make(chan error, 1)
	go func() { ended <- boot.Start(ctx) }()
	clustertest.Eventually(t, func(context.Context) error {
		if boot.Leaf() == nil {
			return errors.New("no certificate yet")
		}
		_, err := os.Stat(filepath.Join(options.CertDir, "tls.key")) // It is stored a moment later.
		return err
	})
	secrets := map[string][]byte{"the token": []byte(options.RESTConfig.BearerToken)}
	collectKeys(t, s, options.CertDir, secrets)
	cancel()
	must(t, <-ended)
	if !strings.Contains(out.String(), "Bootstrap phase done") {
		t.Error("nothing is logged")
	}
	wantSecretsKept(t, out.String(), secrets, 3)
}

// wantURLs is an error unless client-go logs what it asks for: the verbosity has had an effect.
func wantURLs(t *testing.T, log string) {
	t.Helper()
	if !strings.Contains(log, "/apis/") {
		t.Error("client-go logs no URLs")
	}
}

// collectKeys adds the keys that there are now.
func collectKeys(t *testing.T, s *site.Site, directory string, secrets map[string][]byte) {
	t.Helper()
	secret, err := s.Admin.CoreV1().Secrets(s.Namespace).Get(t.Context(), site.Service+"-ca", metav1.GetOptions{})
	must(t, err)
	for name, value := range secret.Data {
		if strings.HasSuffix(name, ".key") {
			secrets[name+" of version "+secret.ResourceVersion] = value
		}
	}
	key, err := os.ReadFile(filepath.Join(directory, "tls.key"))
	if err == nil { // It is written after the first Secret.
		secrets["a key in the directory: "+string(key[len(key)/2:][:8])] = key
	}
}

// wantSecretsKept looks for every part of the secrets, in the forms that a log of an HTTP body may have: as they
// are, their PEM once more in base64 as JSON has it, and as a hex dump of the Secret in protobuf.
func wantSecretsKept(t *testing.T, log string, secrets map[string][]byte, atLeast int) {
	t.Helper()
	if len(secrets) < atLeast {
		t.Fatalf("%d secrets, want %d", len(secrets), atLeast)
	}
	haystack := map[string]string{"the log": log, "its hex dumps": hexDumps(log)}
	for name, secret := range secrets {
		for form, text := range formsOf(t, secret) {
			for place, hay := range haystack {
				for at := 0; at+fragment <= len(text); at += fragment / 2 {
					if strings.Contains(hay, text[at:at+fragment]) {
						t.Errorf("%s is in %s, %s, from byte %d on", name, place, form, at)
						break
					}
				}
			}
		}
	}
}

// formsOf is what is secret of a token, or of the PEM of an ECDSA key (its public half is in the certificate), in all
// the forms that a log may have it in.
func formsOf(t *testing.T, secret []byte) map[string]string {
	t.Helper()
	block, _ := pem.Decode(secret)
	if block == nil {
		return map[string]string{"signature": string(secret[bytes.LastIndexByte(secret, '.')+1:])}
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	number, err := key.(*ecdsa.PrivateKey).Bytes()
	must(t, err)
	at := bytes.Index(block.Bytes, number)
	// Where the number begins and ends in the text of the block, whose lines have 64 letters.
	offset := func(letter int) int { return bytes.IndexByte(secret, '\n') + 1 + letter + letter/64 }
	begin, end := offset((at+2)/3*4), offset((at+len(number))/3*4)
	lines := strings.SplitN(string(secret[begin:end]), "\n", 2)
	return map[string]string{
		"PEM, first line":   lines[0],
		"PEM, second line":  lines[len(lines)-1],
		"base64 of the PEM": base64.StdEncoding.EncodeToString(secret)[(begin+2)/3*4 : end/3*4],
		"bytes":             string(number),
		"hex":               hex.EncodeToString(number),
		"base64":            base64.StdEncoding.EncodeToString(number)[:40],
	}
}

// hexDumps undoes encoding/hex.Dump, as client-go logs a body in protobuf, in lines of a text or escaped in JSON.
func hexDumps(log string) string {
	var out strings.Builder
	dumped := regexp.MustCompile(`[0-9a-f]{8}  ((?:[0-9a-f]{2} {1,2}){1,16}) *\|`)
	for _, match := range dumped.FindAllStringSubmatch(log, -1) {
		line, _ := hex.DecodeString(strings.ReplaceAll(match[1], " ", "")) // The expression matches nothing else.
		out.Write(line)
	}
	return out.String()
}

// lockedBuffer is one that several goroutines write to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
