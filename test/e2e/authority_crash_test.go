// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
)

// reply is a kind of answer that `webhook authority` gives.
type reply struct {
	title string
	// writes are those of the answer, in their order.
	writes []string
	// ask makes a request that gets it, and returns what waits for it.
	ask func(t *testing.T) (await func(t *testing.T))
}

const (
	writesApproval  = "PATCH certificatesigningrequests/approval"
	writesStatus    = "PATCH certificatesigningrequests/status"
	writesPodStatus = "PATCH podcertificaterequests/status"
)

// answers are all kinds of them.
func (n *tenant) answers() []reply {
	unchanged := func(*certificatesv1.CertificateSigningRequestSpec, *x509.CertificateRequest) {}
	return []reply{
		{"signed", []string{writesApproval, writesStatus}, func(t *testing.T) func(*testing.T) {
			t.Helper()
			name := n.createCSR(t, n.withToken(t, n.account.Name, n.pod), unchanged)
			return func(t *testing.T) { t.Helper(); n.signedCSR(t, name) }
		}},
		{"denied", []string{writesApproval}, func(t *testing.T) func(*testing.T) {
			t.Helper()
			name := n.createCSR(t, n.admin.(*kubernetes.Clientset), unchanged)
			return func(t *testing.T) { t.Helper(); n.refusedCSR(t, "an administrator", name, csrRow{denied: "NoPod"}) }
		}},
		{"failed", []string{writesStatus}, n.askInVain},
		{"signed for a kubelet", []string{writesPodStatus}, func(t *testing.T) func(*testing.T) {
			t.Helper()
			request := n.request(t, ecKey(t, elliptic.P256()), func(*certificatesv1.PodCertificateRequestSpec) {})
			return func(t *testing.T) { t.Helper(); n.answered(t, request.Name, "Issued") }
		}},
	}
}

// askInVain makes a request that waits, is approved by a person, and can never be signed when its Pod has ended: it is
// approved, so that it cannot be denied.
func (n *tenant) askInVain(t *testing.T) (await func(*testing.T)) {
	t.Helper()
	pod := n.createPod(t, "ends-"+strings.ToLower(rand.Text()))
	name := n.createCSR(t, n.withToken(t, n.account.Name, pod),
		func(_ *certificatesv1.CertificateSigningRequestSpec, r *x509.CertificateRequest) {
			r.DNSNames = []string{"absent." + n.namespace + ".svc"}
		})
	requests := n.admin.CertificatesV1().CertificateSigningRequests()
	live, err := requests.Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	live.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "by a person"}}
	_, err = requests.UpdateApproval(t.Context(), name, live, metav1.UpdateOptions{})
	must(t, err)
	pod.Status.Phase = corev1.PodSucceeded
	_, err = n.admin.CoreV1().Pods(n.namespace).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	must(t, err)
	return func(t *testing.T) {
		t.Helper()
		clustertest.Eventually(t, func(ctx context.Context) error {
			live, err := requests.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if len(live.Status.Conditions) != 2 || failure(live) != "PodEnded" || len(live.Status.Certificate) > 0 {
				return fmt.Errorf("%d bytes of certificate and %v, want approved by a person and failed with PodEnded",
					len(live.Status.Certificate), live.Status.Conditions)
			}
			return nil
		})
	}
}

// survivesCrashes kills the authority at each write of each kind of answer, before the API server sees it, and before the
// authority sees what the API server says. The next one writes what is left of the answer, and nothing twice.
func (n *tenant) survivesCrashes(t *testing.T) {
	t.Helper()
	n.letRequest(t)
	cfg, err := n.ServiceAccountConfig(t.Context(), podSignerNamespace, "hookstrap-authority")
	must(t, err)
	p := newProxy(t, cfg)
	start := func() *process.Server {
		return runPodAuthority(t, n.Cluster, p.config(cfg), "--keep-ca-bundles=false")
	}
	server := start()
	for _, a := range n.answers() {
		for i, write := range a.writes {
			for _, at := range cuts([]string{write}) {
				left := a.writes[i:]
				if at.moment == afterIt {
					left = a.writes[i+1:]
				}
				await := a.killed(t, p, server, at)
				server = start()
				await(t)
				wrote := slices.DeleteFunc(p.recorded(), func(w string) bool { return !strings.Contains(w, "requests/") })
				if !slices.Equal(wrote, left) {
					t.Errorf("%s, killed %s: the next one has written %q, want %q", a.title, at, wrote, left)
				}
			}
		}
	}
}

// killed asks for the answer, has the authority killed at a write of it, and returns what waits for it.
func (a reply) killed(t *testing.T, p *proxy, server *process.Server, at cut) (await func(*testing.T)) {
	t.Helper()
	var victim atomic.Pointer[process.Server]
	victim.Store(server)
	started := make(chan struct{})
	close(started)
	p.killAt(&victim, started, at)
	await = a.ask(t)
	select {
	case <-server.Exited():
	case <-time.After(crashPatience):
		t.Fatalf("%s: there was no write %q to be killed at, only %v", a.title, at, p.recorded())
	}
	p.intervene(nil)
	return await
}
