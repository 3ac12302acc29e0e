// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	foreignRequests     = 301
	foreignRequestBytes = 880_000
	// mostReceived is how many bytes the API server may send a server that starts and serves: its own few objects, many
	// times over, and less than three of the requests of others.
	mostReceived = 2 << 20
)

// TestForeignRequestsCostNothing: a user who may only create CertificateSigningRequests makes hundreds of large ones
// for the built-in signer, half of them with the labels of the server's own. Servers start, serve and start again as if
// they were not there.
func TestForeignRequestsCostNothing(t *testing.T) {
	t.Parallel()
	executable, err := binary()
	must(t, err)
	s := site.New(t, clustertest.Start(t), site.Options{})
	floodRequests(t, s)
	for _, approval := range []csr.Approval{csr.ApproveExternal, csr.ApproveSelf} {
		line := newMeteredLine(t, s.Config(t))
		kubeconfig, err := s.Cluster.WriteKubeconfig(line.config, s.Namespace+"-metered")
		must(t, err)
		server := startBinary(t, s, executable, "--kubeconfig="+kubeconfig, "--health-probe-bind-address=0",
			"--approve="+string(approval))
		if approval == csr.ApproveExternal {
			approveRequestOf(t, s, server)
		}
		awaitPhase(t, server, "ready", 1)
		staysCallable(t, s, server, 100)
		readRequests(t, s) // So has a server by then that wants to.
		staysCallable(t, s, server, 100)
		peak, err := server.PeakMemory()
		must(t, err)
		received := line.received.Load()
		t.Logf("--approve=%s: %d MiB of memory at most, %d KiB from the API server", approval, peak>>20, received>>10)
		if peak > mostMemory/2 || received > mostReceived {
			t.Errorf("--approve=%s: too much: %d of %d bytes of memory, %d bytes from the API server, want %d at most",
				approval, peak, mostMemory, received, mostReceived)
		}
		must(t, server.Stop())
	}
}

// meteredLine passes connections on to an API server, and counts what that sends.
type meteredLine struct {
	config   *rest.Config
	received atomic.Int64
}

// newMeteredLine returns a line whose config reaches what cfg reaches, as long as the test runs.
func newMeteredLine(t *testing.T, cfg *rest.Config) *meteredLine {
	t.Helper()
	target, err := url.Parse(cfg.Host)
	must(t, err)
	listener := clustertest.Listen(t)
	m := &meteredLine{config: rest.CopyConfig(cfg)}
	m.config.Host = "https://" + listener.Addr().String()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // The test has ended.
			}
			go m.pass(t.Context(), client, target.Host)
		}
	}()
	return m
}

func (m *meteredLine) pass(ctx context.Context, client net.Conn, target string) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(io.MultiWriter(client, m), server)
}

// Write implements [io.Writer] for what is received.
func (m *meteredLine) Write(p []byte) (int, error) {
	m.received.Add(int64(len(p)))
	return len(p), nil
}

// floodRequests creates the foreign requests, half of them with the labels of the site's own.
func floodRequests(t *testing.T, s *site.Site) {
	t.Helper()
	extension := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 3, 1}, Value: make([]byte, foreignRequestBytes*3/4)}
	_, _ = rand.Read(extension.Value) // Answers may come compressed.
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		DNSNames: []string{"foreign.example"}, ExtraExtensions: []pkix.Extension{extension},
	}, onCurve(elliptic.P256())(t))
	must(t, err)
	spec := certificatesv1.CertificateSigningRequestSpec{
		Request: encode("CERTIFICATE REQUEST", der), SignerName: signer.BuiltIn,
		Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
	}
	forged := map[string]string{csr.LabelManagedBy: csr.ManagedBy, csr.LabelService: site.Service,
		csr.LabelNamespace: s.Namespace, csr.LabelPod: "hookstrap-0"}
	var bodies [2][]byte
	for i, labels := range []map[string]string{nil, forged} {
		bodies[i], err = json.Marshal(&certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "foreign-", Labels: labels}, Spec: spec})
		must(t, err)
	}
	tenant := onlyCreatesRequests(t, s).CertificatesV1().RESTClient()
	var workers sync.WaitGroup
	turns := make(chan []byte)
	for range 4 {
		workers.Go(func() {
			for body := range turns {
				err := tenant.Post().Resource("certificatesigningrequests").Body(body).
					SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").Do(t.Context()).Error()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range foreignRequests {
		turns <- bodies[i%2]
	}
	close(turns)
	workers.Wait()
	t.Logf("%d requests of %d bytes created", foreignRequests, len(spec.Request))
}

// onlyCreatesRequests is a user who may create CertificateSigningRequests, and nothing else.
func onlyCreatesRequests(t *testing.T, s *site.Site) kubernetes.Interface {
	t.Helper()
	const name = "only-creates-requests"
	rule := rbacv1.PolicyRule{APIGroups: []string{certificatesv1.GroupName},
		Resources: []string{"certificatesigningrequests"}, Verbs: []string{"create"}}
	_, err := s.Admin.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{rule}}, metav1.CreateOptions{})
	must(t, err)
	_, err = s.Admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}, metav1.CreateOptions{})
	must(t, err)
	cfg := rest.CopyConfig(s.Cluster.Config())
	cfg.Impersonate.UserName, cfg.QPS = name, -1
	client := mustClient(t, cfg)
	clustertest.Eventually(t, func(ctx context.Context) error {
		_, err := client.CertificatesV1().CertificateSigningRequests().Create(ctx,
			&certificatesv1.CertificateSigningRequest{}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if apierrors.IsForbidden(err) {
			return err
		}
		return nil // It may, and this one is not valid.
	})
	return client
}

// approveRequestOf does what a person does who approves the request of a server, and no other.
func approveRequestOf(t *testing.T, s *site.Site, server *process.Server) {
	t.Helper()
	awaitPhase(t, server, "requested", 1)
	name := regexp.MustCompile(`"phase":"requested".*"csr":"([^"]+)"`).FindStringSubmatch(server.Log())
	if name == nil {
		t.Fatalf("the log does not name the request:\n%s", server.Log())
	}
	requests := s.Admin.CertificatesV1().CertificateSigningRequests()
	obj, err := requests.Get(t.Context(), name[1], metav1.GetOptions{})
	must(t, err)
	obj.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "by a test"}}
	_, err = requests.UpdateApproval(t.Context(), obj.Name, obj, metav1.UpdateOptions{})
	must(t, err)
}

// readRequests reads a third of the requests for the built-in signer, and keeps nothing.
func readRequests(t *testing.T, s *site.Site) {
	t.Helper()
	cfg := rest.CopyConfig(s.Cluster.Config())
	cfg.DisableCompression = true
	stream, err := mustClient(t, cfg).CertificatesV1().RESTClient().Get().Resource("certificatesigningrequests").
		Param("fieldSelector", "spec.signerName="+signer.BuiltIn).Param("limit", strconv.Itoa(foreignRequests/3)).
		SetHeader("Accept", runtime.ContentTypeProtobuf).Stream(t.Context())
	must(t, err)
	defer stream.Close()
	n, err := io.Copy(io.Discard, stream)
	must(t, err)
	if n < foreignRequests/3*foreignRequestBytes {
		t.Errorf("a third of the requests has %d bytes, want %d of %d", n, foreignRequests/3, foreignRequestBytes)
	}
}

// staysCallable wants the API server to get an answer from the server n times in a row.
func staysCallable(t *testing.T, s *site.Site, server *process.Server, n int) {
	t.Helper()
	for i := range n {
		if err := s.Admit(t.Context(), site.GoodImage); err != nil {
			t.Fatalf("admission %d of %d: %v\n%s", i, n, err, server.Log())
		}
	}
}
