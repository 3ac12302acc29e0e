// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node && linux

package node

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestSidecarOfPython runs the Pod of docs/sidecar.md: `webhook issue` before and beside an HTTPS server of Python's standard library.
// The certificate is renewed, and its CA rotated, under a stream of admissions; none of them may fail, and no one starts
// the server again.
func TestSidecarOfPython(t *testing.T) {
	pod := startSidecar(t)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error { // Until kube-proxy leads there.
		err := askPython(ctx, t, "bad")
		switch {
		case err == nil:
			return errors.New("nobody asked Python")
		case strings.Contains(err.Error(), "Python says no"):
			return nil
		}
		return err
	})
	load := startLoad(t, func(ctx context.Context) error { return askPython(ctx, t, "good") })
	shown, err := leafOf(t.Context(), pod)
	must(t, err)
	for range 2 {
		pid, err := process1(pod, "certificate")
		must(t, err)
		must(t, syscall.Kill(pid, syscall.SIGHUP))
		shown = awaitOther(t, pod, func(now *x509.Certificate) bool { return !now.Equal(shown) })
	}
	_, err = shell(t.Context(), `kubectl -n kube-system annotate secret my-webhook-ca "hookstrap.dev/rotate=now"`)
	must(t, err)
	awaitOther(t, pod, func(now *x509.Certificate) bool { return !bytes.Equal(now.AuthorityKeyId, shown.AuthorityKeyId) })
	load.wantNoneFailed(t)
	now, err := client(t).CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
	must(t, err)
	if n := statusOf(now, "server").RestartCount; n != 0 || !podReady(now) {
		t.Errorf("the server was started %d times again; Ready %v", n, podReady(now))
	}
}

// askPython asks for a ConfigMap, which only the webhook in Python judges.
func askPython(ctx context.Context, t *testing.T, name string) error {
	t.Helper()
	_, err := client(t).CoreV1().ConfigMaps("sidecar-asks").Create(ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// leafOf is the certificate that the server in Python shows.
func leafOf(ctx context.Context, pod *corev1.Pod) (*x509.Certificate, error) {
	return site.Presented(ctx, net.JoinHostPort(pod.Status.PodIP, "9443"))
}

// awaitOther waits until the server in Python shows another certificate, and returns it.
func awaitOther(t *testing.T, pod *corev1.Pod, isOther func(*x509.Certificate) bool) *x509.Certificate {
	t.Helper()
	var leaf *x509.Certificate
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		var err error
		if leaf, err = leafOf(ctx, pod); err != nil {
			return err
		}
		if !isOther(leaf) {
			return errors.New("still the certificate of before")
		}
		return nil
	})
	return leaf
}
