// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build authority

package e2e

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// mostFloodMemory is what `webhook authority` may take while others flood it, of which 40 MB are its own.
const mostFloodMemory = 100 << 20

// TestMeasureAuthorityFlood has a user make 150 (FLOOD_REQUESTS) CertificateSigningRequests of 880 kB for the signer of
// `webhook authority`, and prints the most memory that it takes to deny them, and to start again beside them. With
// KUBE_FEATURE_WatchListClient=false it lists them as it does where the API server is older than 1.34.
func TestMeasureAuthorityFlood(t *testing.T) {
	cfg := shared.Config()
	cfg.QPS, cfg.ContentType = -1, runtime.ContentTypeProtobuf
	client := mustClient(t, cfg)
	own := podAuthorityConfig(t, shared)
	server := runPodAuthority(t, shared, own)
	names := floodAuthority(t, client, atoi(t, "FLOOD_REQUESTS", 150))
	for _, name := range names {
		clustertest.Eventually(t, func(ctx context.Context) error { return denied(ctx, client, name) })
	}
	denying, err := server.PeakMemory()
	must(t, err)
	must(t, server.Stop())
	began := time.Now()
	server = runPodAuthority(t, shared, own)
	took := time.Since(began)
	starting, err := server.PeakMemory()
	must(t, err)
	t.Logf("%d requests of %d bytes: %d MB to deny them, %d MB to start again, which took %s", len(names),
		foreignRequestBytes, denying/1e6, starting/1e6, took.Round(time.Millisecond))
	if denying > mostFloodMemory || starting > mostFloodMemory {
		t.Errorf("it took %d and %d bytes of memory, want %d at most", denying, starting, mostFloodMemory)
	}
}

// floodAuthority creates the requests, and returns their names.
func floodAuthority(t *testing.T, client kubernetes.Interface, count int) (names []string) {
	t.Helper()
	extension := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 3, 1}, Value: make([]byte, foreignRequestBytes*3/4)}
	_, _ = rand.Read(extension.Value) // Answers may come compressed.
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		DNSNames: []string{"foreign.example"}, ExtraExtensions: []pkix.Extension{extension}}, ecKey(t, elliptic.P256()))
	must(t, err)
	requests := client.CertificatesV1().CertificateSigningRequests()
	label := map[string]string{"flood": "authority"}
	t.Cleanup(func() {
		_ = requests.DeleteCollection(context.WithoutCancel(t.Context()), metav1.DeleteOptions{},
			metav1.ListOptions{LabelSelector: "flood=authority"})
	})
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(4)
	for i := range count {
		obj := &certificatesv1.CertificateSigningRequest{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("flood-%d", i), Labels: label},
			Spec: certificatesv1.CertificateSigningRequestSpec{Request: encode("CERTIFICATE REQUEST", der), SignerName: podSigner,
				Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth}},
		}
		names = append(names, obj.Name)
		group.Go(func() error {
			_, err := requests.Create(ctx, obj, metav1.CreateOptions{})
			return err
		})
	}
	must(t, group.Wait())
	return names
}

// denied wants the condition Denied, with the labels of the request as they were.
func denied(ctx context.Context, client kubernetes.Interface, name string) error {
	live, err := client.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if len(live.Status.Conditions) != 1 || live.Status.Conditions[0].Type != certificatesv1.CertificateDenied {
		return errors.New("a request has not been denied yet")
	}
	if live.Labels["flood"] == "" || len(live.Spec.Request) < foreignRequestBytes {
		return fmt.Errorf("the request %s became another one by its answer", name)
	}
	return nil
}
