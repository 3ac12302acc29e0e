// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-logr/logr"
	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestMigrateFromCertController is with cert-controller itself, in the old Pod, and with its rights as the page has them.
func TestMigrateFromCertController(t *testing.T) {
	t.Parallel()
	m := newMigrationWithout(t, "my-webhook-cert")
	m.createSecret(t, nil)
	m.startRotator(t)
	m.run(t, "From cert-controller")
}

// startRotator starts the old Pod: the rotator fills the Secret, the kubelet mounts it, the server serves it, and the
// rotator writes its CA into the caBundle.
func (m *migration) startRotator(t *testing.T) {
	t.Helper()
	mounted, injected := t.TempDir(), make(chan struct{})
	m.oldEnds = m.startManager(t, &rotator.CertRotator{
		SecretKey: types.NamespacedName{Namespace: m.Namespace, Name: m.name(m.secret)}, CertDir: mounted, IsReady: injected,
		CAName: "rotator-ca", CAOrganization: "rotator", DNSName: site.Service + "." + m.Namespace + ".svc",
		Webhooks:       []rotator.WebhookInfo{{Name: m.Configuration, Type: rotator.Validating}},
		ControllerName: m.Namespace, // Each name once in a process.
	})
	var files map[string][]byte
	clustertest.Eventually(t, func(ctx context.Context) error {
		secret, err := m.Admin.CoreV1().Secrets(m.Namespace).Get(ctx, m.name(m.secret), metav1.GetOptions{})
		if err == nil && len(secret.Data["tls.crt"]) == 0 {
			err = errors.New("the rotator has not filled its Secret")
		}
		if err == nil {
			files = secret.Data
		}
		return err
	})
	m.serveOld(t, mounted, files)
	clustertest.Eventually(t, func(ctx context.Context) error {
		select {
		case <-injected:
		default:
			return errors.New("the rotator does not say that it has written its CA")
		}
		live, err := m.LiveConfiguration(ctx)
		if err == nil && !bytes.Equal(live.Webhooks[0].ClientConfig.CABundle, files["ca.crt"]) {
			err = errors.New("the caBundle is not the CA of the rotator")
		}
		return err
	})
}

// startManager runs a rotator with its rights until the function that it returns is called, or the test ends.
func (m *migration) startManager(t *testing.T, r *rotator.CertRotator) (stop func()) {
	t.Helper()
	mustApply(t, m.rotatorRights())
	cfg, err := shared.ServiceAccountConfig(t.Context(), m.Namespace, "rotator")
	must(t, err)
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"}, Logger: logr.Discard()})
	must(t, err)
	must(t, rotator.AddRotator(mgr, r))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stop = func() {
		if ctx.Err() != nil {
			return
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the manager with the rotator: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// rotatorRights are what cert-controller needs; test/peers has the same for a whole project.
func (m *migration) rotatorRights() string {
	name, subjects := m.name("my-webhook-rotator"), "[{kind: ServiceAccount, name: rotator, namespace: "+m.Namespace+"}]"
	return `
apiVersion: v1
kind: ServiceAccount
metadata: {name: rotator, namespace: ` + m.Namespace + `}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: rotator, namespace: ` + m.Namespace + `}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: rotator, namespace: ` + m.Namespace + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: rotator}
subjects: ` + subjects + `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ` + name + `}
rules:
- {apiGroups: [admissionregistration.k8s.io], resources: [validatingwebhookconfigurations], verbs: [get, list, watch]}
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames: [` + m.Configuration + `]
  verbs: [update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ` + name + `}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ` + name + `}
subjects: ` + subjects + `
`
}
