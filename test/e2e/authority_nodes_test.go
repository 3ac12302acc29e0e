// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/elliptic"
	"fmt"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// asNodes: with the certificate of its kubelet, a node gets a certificate for a Pod that runs on it. The API server
// refuses what it asks for a Pod of another node, whichever node it says that the Pod is on, and what it asks for a
// signer that the Pod does not name. What is refused is no request, so that nothing is there to be signed.
func (n *tenant) asNodes(t *testing.T) {
	t.Helper()
	other, err := n.admin.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "authority-"}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = n.admin.CoreV1().Nodes().Delete(context.WithoutCancel(t.Context()), other.Name, metav1.DeleteOptions{})
	})
	mounting := n.createMounting(t, "mounting")
	of := func(pod *corev1.Pod, node *corev1.Node) func(*certificatesv1.PodCertificateRequestSpec) {
		return func(s *certificatesv1.PodCertificateRequestSpec) {
			s.PodName, s.PodUID, s.NodeName, s.NodeUID = pod.Name, pod.UID, types.NodeName(node.Name), node.UID
		}
	}
	own, away := n.nodeClient(t, n.node.Name), n.nodeClient(t, other.Name)
	key := ecKey(t, elliptic.P256())
	var made *certificatesv1.PodCertificateRequest
	clustertest.Eventually(t, func(ctx context.Context) (err error) { // The admission plugin has to hear of the Pod first.
		made, err = own.CertificatesV1().PodCertificateRequests(n.namespace).Create(ctx,
			n.draft(t, key, of(mounting, n.node)), metav1.CreateOptions{})
		return err
	})
	n.answered(t, made.Name, "Issued")
	for title, row := range map[string]struct {
		as     *kubernetes.Clientset
		alter  func(*certificatesv1.PodCertificateRequestSpec)
		reason string
	}{
		"another node, as itself":        {away, of(mounting, other), "is not running on node"},
		"another node, as the Pod's":     {away, of(mounting, n.node), "is not the requesting node"},
		"the Pod's node, as another one": {own, of(mounting, other), "is not the requesting node"},
		"a Pod without such a volume":    {own, of(n.pod, n.node), "does not mount a podCertificate"},
	} {
		clustertest.Eventually(t, func(ctx context.Context) error { // Or of the node.
			_, err := row.as.CertificatesV1().PodCertificateRequests(n.namespace).Create(ctx, n.draft(t, key, row.alter),
				metav1.CreateOptions{})
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), row.reason) {
				return fmt.Errorf("%s: %w, want it forbidden because it %s", title, errOrNil(err), row.reason)
			}
			return nil
		})
	}
}

// nodeClient is the kubelet of a node, as far as the API server can tell.
func (n *tenant) nodeClient(t *testing.T, node string) *kubernetes.Clientset {
	t.Helper()
	cfg, err := n.AddUser("system:node:"+node, "system:nodes")
	must(t, err)
	client, err := kubernetes.NewForConfig(cfg)
	must(t, err)
	return client
}

// createMounting creates a Pod on the node that has a certificate of the signer in a volume.
func (n *tenant) createMounting(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	pod, err := n.admin.CoreV1().Pods(n.namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{NodeName: n.node.Name, Containers: []corev1.Container{{Name: "web", Image: "web"}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Volumes: []corev1.Volume{{Name: "certificate", VolumeSource: corev1.VolumeSource{
				Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
					PodCertificate: &corev1.PodCertificateProjection{SignerName: podSigner, KeyType: "ECDSAP256",
						CredentialBundlePath: "bundle.pem"}}}}}}}},
	}, metav1.CreateOptions{})
	must(t, err)
	return pod
}
