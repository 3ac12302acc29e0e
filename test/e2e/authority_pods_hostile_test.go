// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// hostile makes requests of which none may be signed: each is denied, or waits and says why in an event of the Pod.
func (n *tenant) hostile(t *testing.T) {
	t.Helper()
	annotated := func(key, value string) func(*certificatesv1.PodCertificateRequestSpec) {
		return func(s *certificatesv1.PodCertificateRequestSpec) {
			s.UnverifiedUserAnnotations = map[string]string{key: value}
		}
	}
	n.createService(t, "other", "other")
	relabelled, replaced := n.createPod(t, "relabelled"), n.createPod(t, "replaced")
	of := func(s *certificatesv1.PodCertificateRequestSpec, pod *corev1.Pod) {
		s.PodName, s.PodUID = pod.Name, pod.UID
	}
	late := n.request(t, ecKey(t, elliptic.P256()), func(s *certificatesv1.PodCertificateRequestSpec) {
		of(s, relabelled)
		annotated("hookstrap.dev/services", "late")(s)
	})
	// The Service would select the Pod as it was when the request was made.
	_, err := n.admin.CoreV1().Pods(n.namespace).Patch(t.Context(), relabelled.Name, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"app":"none"}}}`), metav1.PatchOptions{})
	must(t, err)
	n.createService(t, "late", "web")
	must(t, n.admin.CoreV1().Pods(n.namespace).Delete(t.Context(), replaced.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0))}))
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := n.admin.CoreV1().Pods(n.namespace).Get(ctx, replaced.Name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the Pod is still there: %w", errOrNil(err))
		}
		return nil
	})
	n.createPod(t, "replaced")
	rows := map[string]struct {
		alter  func(*certificatesv1.PodCertificateRequestSpec)
		denied bool
		reason string
	}{
		"a Service of another namespace": {annotated("hookstrap.dev/services", "web.default"), true,
			"InvalidUnverifiedUserAnnotations"},
		"names by annotation":   {annotated("example.com/names", "kubernetes"), true, "InvalidUnverifiedUserAnnotations"},
		"another Pod's Service": {annotated("hookstrap.dev/services", "other"), false, "ServiceNotSelecting"},
		"a Pod that was made again": {func(s *certificatesv1.PodCertificateRequestSpec) { of(s, replaced) }, false,
			"PodUnknown"},
		"another node's Pod": {func(s *certificatesv1.PodCertificateRequestSpec) { s.NodeName = "other" }, false, "OtherNode"},
		"a ServiceAccount made again": {func(s *certificatesv1.PodCertificateRequestSpec) { s.ServiceAccountUID = "old" }, false,
			"ServiceAccountUnknown"},
	}
	made := map[string]*certificatesv1.PodCertificateRequest{}
	for name, row := range rows {
		made[name] = n.request(t, ecKey(t, elliptic.P256()), row.alter)
	}
	for name, row := range rows {
		request := made[name]
		if row.denied {
			if live := n.answered(t, request.Name, "Denied"); live.Status.Conditions[0].Reason != row.reason {
				t.Errorf("%s: denied with %v, want %s", name, live.Status.Conditions, row.reason)
			}
			continue
		}
		n.waits(t, name, request.Name, row.reason)
	}
	n.waits(t, "a label that was changed after the request", late.Name, "ServiceNotSelecting")
}

// waits wants a request without an answer, and an event that says why.
func (n *tenant) waits(t *testing.T, what, request, reason string) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error { return n.toldWhy(ctx, request, reason) })
	live, err := n.admin.CertificatesV1().PodCertificateRequests(n.namespace).Get(t.Context(), request, metav1.GetOptions{})
	must(t, err)
	if len(live.Status.Conditions) > 0 {
		t.Errorf("%s: %v, want a request that waits", what, live.Status.Conditions)
	}
}

// toldWhy wants an event that says why a request waits.
func (n *tenant) toldWhy(ctx context.Context, request, reason string) error {
	events, err := n.admin.CoreV1().Events(n.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=PodCertificateWaits"})
	if err != nil {
		return err
	}
	for _, event := range events.Items {
		if strings.Contains(event.Message, request) && strings.Contains(event.Message, "("+reason+")") {
			return nil
		}
	}
	return errors.New("no event says that " + request + " waits: " + reason)
}
