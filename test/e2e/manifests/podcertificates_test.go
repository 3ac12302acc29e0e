// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestPodCertificatesTakeNoRights: of the overlay's rules one object is left, the binding that puts entries in force; the
// authority keeps the caBundle; and certificate and CA are of one signer, that of manifests/authority.
func TestPodCertificatesTakeNoRights(t *testing.T) {
	rendered, err := cluster.Kustomize(t.Context(), filepath.Join(site.Root(), "manifests", "overlays", "pod-certificates"))
	if err != nil {
		t.Fatal(err)
	}
	rules, seen := 0, map[string]bool{}
	for document := range bytes.SplitSeq(rendered, []byte("\n---\n")) {
		object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[kind.Kind] = true
		switch o := object.(type) {
		case *rbacv1.Role:
			rules += len(o.Rules)
		case *rbacv1.ClusterRole:
			for _, rule := range o.Rules {
				if rules++; o.Name != "hookstrap-in-force" && !slices.Equal(rule.ResourceNames, []string{"hookstrap-in-force"}) {
					t.Errorf("the rule %v of %s is about more than the binding", rule, o.Name)
				}
			}
		case *admissionv1.ValidatingWebhookConfiguration:
			if o.Labels[keeper.Key] != keeper.OptedIn {
				t.Errorf("the authority does not keep its caBundle: it has the labels %v", o.Labels)
			}
		case *appsv1.Deployment:
			fromOneSigner(t, o)
		}
	}
	if rules != 4 || !seen["Deployment"] || !seen["ValidatingWebhookConfiguration"] {
		t.Errorf("%d rules in objects of kinds %v, want 4", rules, seen)
	}
}

func fromOneSigner(t *testing.T, deployment *appsv1.Deployment) {
	t.Helper()
	pod := deployment.Spec.Template.Spec
	mount := pod.Containers[0].VolumeMounts[0]
	if !slices.Contains(pod.Containers[0].Args, "--cert-dir="+mount.MountPath) || !mount.ReadOnly {
		t.Errorf("the server with %v does not read %+v", pod.Containers[0].Args, mount)
	}
	for _, volume := range pod.Volumes {
		if volume.Name != mount.Name {
			continue
		}
		var signers, paths []string
		for _, source := range volume.Projected.Sources {
			if p := source.PodCertificate; p != nil {
				signers, paths = append(signers, p.SignerName), append(paths, p.CredentialBundlePath)
			}
			if b := source.ClusterTrustBundle; b != nil && b.SignerName != nil {
				signers, paths = append(signers, *b.SignerName), append(paths, b.Path)
			}
		}
		if !slices.Equal(signers, []string{authoritySigner, authoritySigner}) ||
			strings.Join(paths, " ") != "credentialbundle.pem ca.crt" {
			t.Errorf("the volume has %v of %v", paths, signers)
		}
		return
	}
	t.Errorf("the Pod has no volume %s", mount.Name)
}
