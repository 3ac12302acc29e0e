// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	migrationPage = "docs/migrate.md"
	rolloutLine   = "kubectl -n shop rollout status deployment/my-webhook"
)

// migration is a webhook whose certificate comes from another program, under a stream of admissions.
type migration struct {
	*site.Site
	theirs   *testCA
	old      string // the address of the old Pod
	oldEnds  func() // what ends with the old Pod besides its server
	backends *backends
	secret   string
}

// newMigration starts the old server behind the Service: its certificate is in a Secret, and its CA in the caBundle.
func newMigration(t *testing.T, secret string) *migration {
	t.Helper()
	m := newMigrationWithout(t, secret)
	m.theirs = newTestCA(t, "theirs")
	certificate, key := m.theirs.issue(t, site.Service+"."+m.Namespace+".svc")
	files := map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": m.theirs.pem()}
	m.createSecret(t, files)
	m.serveOld(t, t.TempDir(), files)
	m.setBundle(t, m.theirs.pem())
	return m
}

// newMigrationWithout has no old server and no certificate yet.
func newMigrationWithout(t *testing.T, secret string) *migration {
	t.Helper()
	s := site.New(t, shared, site.Options{})
	s.Reconnect = true
	m := &migration{Site: s, old: freeAddress(t), oldEnds: func() {}, backends: &backends{}, secret: secret}
	m.backends.listen(t, address(s))
	m.backends.set(m.old)
	return m
}

func (m *migration) createSecret(t *testing.T, data map[string][]byte) {
	t.Helper()
	_, err := m.Admin.CoreV1().Secrets(m.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: m.name(m.secret)}, Data: data}, metav1.CreateOptions{})
	must(t, err)
}

// serveOld starts the old server with the files of the Secret in a directory, where the kubelet would mount them.
func (m *migration) serveOld(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	node := controlPlaneNode{dir: dir} // It writes files.
	for _, name := range []string{"tls.crt", "tls.key"} {
		node.write(t, name, files[name])
	}
	startFileServerAt(t, dir, m.old)
}

// setBundle writes the caBundle as the other program does.
func (m *migration) setBundle(t *testing.T, ca []byte) {
	t.Helper()
	text, err := json.Marshal(ca)
	must(t, err)
	patch := `[{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": ` + string(text) + `}]`
	_, err = m.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(t.Context(), m.Configuration,
		types.JSONPatchType, []byte(patch), metav1.PatchOptions{FieldManager: "theirs"})
	must(t, err)
}

// name is what an object of the page is called here.
func (m *migration) name(object string) string {
	return strings.ReplaceAll(object, "my-webhook", m.Namespace)
}

// run runs the commands of the page: those at its beginning, of one section, and at its end. The line that waits for the
// rollout becomes the rollout: a new Pod beside the old one, and then alone.
func (m *migration) run(t *testing.T, section string) {
	t.Helper()
	load := startStream(t, m.Site)
	load.atLeast(t, 5)
	names := strings.NewReplacer("validating/my-webhook", "validating/"+m.Configuration,
		"validatingwebhookconfiguration my-webhook", "validatingwebhookconfiguration "+m.Configuration,
		"--service-name my-webhook", "--service-name "+site.Service, "--service-account my-webhook",
		"--service-account "+site.ServiceAccount, "shop", m.Namespace, "my-webhook", m.Namespace)
	said := runPage(t, shared, pageRun{
		page: migrationPage, sections: []string{"", section, "Afterwards"}, rename: names.Replace,
		instead: map[string]func(){rolloutLine: func() { m.rollOut(t, load) }},
	})
	load.atLeast(t, 10)
	load.end(t)
	if !strings.Contains(said, "BEGIN CERTIFICATE") {
		t.Errorf("the last command shows no caBundle:\n%s", said)
	}
	_, err := m.Admin.CoreV1().Secrets(m.Namespace).Get(t.Context(), m.name(m.secret), metav1.GetOptions{})
	if err == nil {
		t.Errorf("the Secret %s is still there", m.name(m.secret))
	}
}

func (m *migration) rollOut(t *testing.T, load *stream) {
	t.Helper()
	options := m.BootstrapOptions(t)
	options.SelfAddress = freeAddress(t)
	server := m.Start(t, options)
	server.AwaitReady(t)
	untrusted := m.followTrust(t, server.Leaf())
	m.backends.set(m.old, options.SelfAddress)
	load.atLeast(t, 20)
	m.backends.set(options.SelfAddress)
	m.oldEnds()
	load.atLeast(t, 10)
	if n := untrusted(); n > 0 {
		t.Errorf("the caBundle did not verify the new server %d times after it was ready", n)
	}
}

// followTrust follows the configuration until the function that it returns is called, which says how many of its states
// did not verify a certificate.
func (m *migration) followTrust(t *testing.T, leaf *x509.Certificate) (untrusted func() int) {
	t.Helper()
	live, err := m.LiveConfiguration(t.Context())
	must(t, err)
	watcher, err := m.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Watch(t.Context(),
		metav1.ListOptions{FieldSelector: "metadata.name=" + m.Configuration, ResourceVersion: live.ResourceVersion})
	must(t, err)
	count, ended := 0, make(chan struct{})
	go func() {
		defer close(ended)
		for event := range watcher.ResultChan() {
			next, ok := event.Object.(*admissionv1.ValidatingWebhookConfiguration)
			roots := x509.NewCertPool()
			if !ok || roots.AppendCertsFromPEM(next.Webhooks[0].ClientConfig.CABundle) && verifiesLeaf(roots, leaf) {
				continue
			}
			count++
		}
	}()
	return func() int { watcher.Stop(); <-ended; return count }
}

func verifiesLeaf(roots *x509.CertPool, leaf *x509.Certificate) bool {
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots})
	return err == nil
}

func TestMigrateFromCertManager(t *testing.T) {
	t.Parallel()
	migrateFromCertManager(t, func(m *migration) { m.playInjector(t) })
}

// migrateFromCertManager has the objects of cert-manager that the page deletes, and the annotation by which cainjector, or
// what plays it, writes into the configuration.
func migrateFromCertManager(t *testing.T, inject func(*migration)) {
	t.Helper()
	m := newMigration(t, "my-webhook-tls")
	applyCertManagerKinds(t)
	ns, secret := m.Namespace, m.name(m.secret)
	mustApply(t, `{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: `+ns+`, namespace: `+ns+`}}`)
	mustApply(t, `{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: `+ns+`, namespace: `+ns+`}, `+
		`spec: {secretName: `+secret+`}}`)
	_, err := m.Admin.CoreV1().Secrets(ns).Patch(t.Context(), secret, types.MergePatchType,
		annotating("cert-manager.io/certificate-name", ns), metav1.PatchOptions{})
	must(t, err)
	configurations := m.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err = configurations.Patch(t.Context(), m.Configuration, types.MergePatchType, annotating(annotation, ns+"/"+ns),
		metav1.PatchOptions{})
	must(t, err)
	inject(m)
	m.run(t, "From cert-manager")
	live, err := configurations.Get(t.Context(), m.Configuration, metav1.GetOptions{})
	must(t, err)
	if live.Annotations[annotation] != "" {
		t.Errorf("the annotation is still there: %v", live.Annotations)
	}
}

func annotating(key, value string) []byte {
	return fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value)
}

func TestMigrateFromCertgen(t *testing.T) {
	t.Parallel()
	m := newMigration(t, "my-webhook-admission")
	labels := "{app.kubernetes.io/component: admission-webhook}"
	mustApply(t, `{apiVersion: v1, kind: ServiceAccount, metadata: {name: certgen, namespace: `+m.Namespace+`, labels: `+labels+`}}`)
	m.run(t, "From kube-webhook-certgen")
	_, err := m.Admin.CoreV1().ServiceAccounts(m.Namespace).Get(t.Context(), "certgen", metav1.GetOptions{})
	if err == nil {
		t.Error("the ServiceAccount of the Jobs is still there")
	}
}

// applyCertManagerKinds installs the kinds that the page deletes objects of, as far as kubectl needs them.
func applyCertManagerKinds(t *testing.T) {
	t.Helper()
	for plural, kind := range map[string]string{"certificates": "Certificate", "issuers": "Issuer"} {
		mustApply(t, `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: `+plural+`.cert-manager.io, annotations: {api-approved.kubernetes.io: unapproved}}
spec:
  group: cert-manager.io
  scope: Namespaced
  names: {plural: `+plural+`, kind: `+kind+`}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`)
		said, err := kubectl(t, "", "wait", "--for=condition=Established", "--timeout=30s", "crd/"+plural+".cert-manager.io")
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
}

// playInjector plays cert-manager's cainjector, which replaces the caBundle of an object with its annotation whenever that
// changes, until the test ends.
func (m *migration) playInjector(t *testing.T) {
	t.Helper()
	configurations := m.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	watch, err := configurations.Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + m.Configuration})
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range watch.ResultChan() {
			live, err := configurations.Get(t.Context(), m.Configuration, metav1.GetOptions{})
			if err != nil || live.Annotations[annotation] == "" ||
				string(live.Webhooks[0].ClientConfig.CABundle) == string(m.theirs.pem()) {
				continue
			}
			live.Webhooks[0].ClientConfig.CABundle = m.theirs.pem()
			_, _ = configurations.Update(t.Context(), live, metav1.UpdateOptions{FieldManager: "injector"}) // Or after the next change.
		}
	}()
	t.Cleanup(func() { watch.Stop(); <-ended })
}

// backends passes connections on to one address after the other; which ones may change.
type backends struct {
	addresses atomic.Pointer[[]string]
	turn      atomic.Uint64
}

func (b *backends) set(addresses ...string) { b.addresses.Store(&addresses) }

func (b *backends) listen(t *testing.T, address string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	must(t, err)
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // Closed: the test has ended.
			}
			all := *b.addresses.Load()
			go passOn(ctx, conn, all[b.turn.Add(1)%uint64(len(all))])
		}
	}()
}

// passOn copies both ways until either side ends.
func passOn(ctx context.Context, conn net.Conn, address string) {
	defer func() { _ = conn.Close() }()
	backend, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer func() { _ = backend.Close() }()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{conn, backend}, {backend, conn}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
}
