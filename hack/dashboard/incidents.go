// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/authority"
)

// incidents are what happens while the load runs, and when, in shares of the whole time.
func (s *stage) incidents(ctx context.Context, length time.Duration) error {
	began := time.Now()
	var rights *rbacv1.ClusterRole
	for _, incident := range []struct {
		at float64
		do func() error
	}{
		{.08, func() error { return s.renew(0) }},
		{.16, func() error { return s.spoilBundle(ctx, "helm") }},
		{.24, func() error { return s.configure("wran") }},
		{.34, func() (err error) { rights, err = s.forbidWrites(ctx); return err }},
		{.35, func() error { return s.rotate(ctx, "first") }},
		{.41, func() error { return s.configure("audit") }},
		{.46, func() error { return s.allowWrites(ctx, rights) }},
		{.56, func() error { return s.renew(1) }},
		{.64, func() error { return s.spoilBundle(ctx, "helm") }},
		{.74, func() (err error) { rights, err = s.forbidWrites(ctx); return err }},
		{.75, func() error { return s.spoilBundle(ctx, "kubectl-edit") }},
		{.79, func() error { return s.allowWrites(ctx, rights) }},
		{.88, func() error { return s.rotate(ctx, "second") }},
	} {
		select {
		case <-time.After(time.Until(began.Add(time.Duration(incident.at * float64(length))))):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := incident.do(); err != nil {
			return fmt.Errorf("causing the incident at %.0f %%: %w", 100*incident.at, err)
		}
	}
	return nil
}

// renew asks a server for a new certificate.
func (s *stage) renew(server int) error { return s.servers[server].Signal(syscall.SIGHUP) }

// configure writes the checks' configuration at once, as a mounted ConfigMap changes. A mode that does not exist is
// refused.
func (s *stage) configure(mode string) error {
	content := fmt.Sprintf(`apiVersion: hookstrap.dev/v1alpha1
kind: CheckConfiguration
checks:
  podSecurity:
    mode: deny
    exempt: {namespaces: [%s]}
  imageTag:
    mode: deny
    exempt: {images: ["registry.example/legacy/*"]}
  requiredLabels:
    mode: %s
    labels: [{key: team}]
`, exempt, mode)
	if err := os.MkdirAll(filepath.Dir(s.config), 0o700); err != nil {
		return fmt.Errorf("writing the configuration of the checks: %w", err)
	}
	if err := os.WriteFile(s.config+".new", []byte(content), 0o600); err != nil {
		return fmt.Errorf("writing the configuration of the checks: %w", err)
	}
	return os.Rename(s.config+".new", s.config)
}

// spoilBundle does what a careless upgrade does, under the name of a field manager.
func (s *stage) spoilBundle(ctx context.Context, manager string) error {
	_, err := s.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(ctx, name, types.JSONPatchType,
		[]byte(`[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":"Z2FyYmFnZQ=="}]`),
		metav1.PatchOptions{FieldManager: manager})
	return err
}

// rotate asks for a new CA, as the README says.
func (s *stage) rotate(ctx context.Context, value string) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, authority.RotateAnnotation, value)
	_, err := s.admin.CoreV1().Secrets(namespace).Patch(ctx, name+"-ca", types.MergePatchType, []byte(patch),
		metav1.PatchOptions{})
	return err
}

// forbidWrites takes the right to write a caBundle away, and returns the rights there were.
func (s *stage) forbidWrites(ctx context.Context) (*rbacv1.ClusterRole, error) {
	roles := s.admin.RbacV1().ClusterRoles()
	before, err := roles.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	less := before.DeepCopy()
	for i, rule := range less.Rules {
		if len(rule.Resources) == 1 && rule.Resources[0] == "validatingwebhookconfigurations" {
			less.Rules[i].Verbs = []string{"get", "list", "watch"}
		}
	}
	_, err = roles.Update(ctx, less, metav1.UpdateOptions{})
	return before, err
}

func (s *stage) allowWrites(ctx context.Context, rights *rbacv1.ClusterRole) error {
	roles := s.admin.RbacV1().ClusterRoles()
	live, err := roles.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	live.Rules = rights.Rules
	_, err = roles.Update(ctx, live, metav1.UpdateOptions{})
	return err
}
