// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"path/filepath"
	"testing"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// certController are situations of OPA's cert-controller, which makes the CA, the Secret and the caBundle, in front of
// controller-runtime's webhook server.
func certController() []row {
	by := func(then func(t testing.TB, r *rotated)) func(*testing.T, *place) {
		return func(_ *testing.T, p *place) {
			p.webhook.ClientConfig.CABundle = nil
			r := &rotated{place: p, secretName: "web-tls"}
			r.mounts(r.secretName)
			p.program = program{denial: "controller-runtime says no", start: startControllerRuntime,
				after: func(_ testing.TB, _ *place, dir string) { r.dir = dir }}
			p.built = func(t testing.TB) {
				t.Helper()
				then(t, r)
			}
		}
	}
	return []row{
		{"healthy, cert-controller", by(func(t testing.TB, r *rotated) {
			t.Helper()
			r.start(t)
		}), nil},
		// The Secret was emptied, for instance by an installer, and the Pod mounts it with subPath.
		{"cert-controller: another CA, and files that the kubelet does not replace", by(func(t testing.TB, r *rotated) {
			t.Helper()
			r.start(t)
			r.empty(t)
		}), []string{"certificate-untrusted"}},
		// A rotator that may not write the webhook configuration, for instance after the configuration was renamed.
		{"cert-controller: it writes another webhook configuration", by(func(t testing.TB, r *rotated) {
			t.Helper()
			r.target = "renamed"
			r.start(t)
		}), []string{"ca-bundle-missing"}},
	}
}

// rotated is a place with cert-controller.
type rotated struct {
	*place
	secretName string
	dir        string // of the server's files
	target     string // the webhook configuration, if it is not that of the place
}

// start runs the rotator, and waits until its certificate is served and its CA is in the caBundle.
func (r *rotated) start(t testing.TB) {
	t.Helper()
	target := r.target
	if target == "" {
		target = r.meta.Name
	}
	mgr, err := ctrl.NewManager(shared.plane.Config(), ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"}})
	must(t, err)
	must(t, rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey: types.NamespacedName{Namespace: r.ns, Name: r.secretName}, CertDir: r.dir, IsReady: make(chan struct{}),
		CAName: "rotator-ca", CAOrganization: "rotator", DNSName: r.host(), ControllerName: r.ns, // Each name once in a process.
		Webhooks: []rotator.WebhookInfo{{Name: target, Type: rotator.Validating}},
	}))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the manager with the rotator ended: %v", err)
		}
	})
	r.mount(t)
}

// mount has the server read the files of the Secret, once the rotator has filled it, and waits until it does, and until
// the CA is in the caBundle.
func (r *rotated) mount(t testing.TB) {
	t.Helper()
	files := r.awaitFiles(t, nil)
	replace(t, filepath.Join(r.dir, "tls.key"), files["tls.key"])
	replace(t, filepath.Join(r.dir, "tls.crt"), files["tls.crt"])
	pair, err := tls.X509KeyPair(files["tls.crt"], files["tls.key"])
	must(t, err)
	r.awaitBundle(t, files["ca.crt"])
	awaitPresented(t, r.address, pair.Leaf)
}

// empty takes what the Secret has, and waits until the rotator has made another CA.
func (r *rotated) empty(t testing.TB) {
	t.Helper()
	secrets := shared.admin.CoreV1().Secrets(r.ns)
	old, err := secrets.Get(t.Context(), r.secretName, metav1.GetOptions{})
	must(t, err)
	emptied := old.DeepCopy()
	emptied.Data = nil
	_, err = secrets.Update(t.Context(), emptied, metav1.UpdateOptions{})
	must(t, err)
	r.awaitBundle(t, r.awaitFiles(t, old.Data["ca.crt"])["ca.crt"])
}

// awaitFiles waits until the Secret has another CA than an old one.
func (r *rotated) awaitFiles(t testing.TB, old []byte) (files map[string][]byte) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		secret, err := shared.admin.CoreV1().Secrets(r.ns).Get(ctx, r.secretName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		files = secret.Data
		if len(files["tls.crt"]) == 0 || bytes.Equal(files["ca.crt"], old) {
			return errors.New("the rotator has not filled its Secret")
		}
		return nil
	})
	return files
}

// awaitBundle waits until the caBundle is a CA, unless the rotator writes another object.
func (r *rotated) awaitBundle(t testing.TB, ca []byte) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		live, err := shared.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, r.meta.Name, metav1.GetOptions{})
		if err == nil && r.target == "" && !bytes.Equal(live.Webhooks[0].ClientConfig.CABundle, ca) {
			err = errors.New("the caBundle is not the CA of the rotator")
		}
		return err
	})
}

// mounts has the Pod mount a Secret, from which its server reads. It is empty.
func (p *place) mounts(secret string) {
	p.secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret}}
	p.pod.Spec.Volumes = []corev1.Volume{{Name: "serving", VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: secret}}}}
}
