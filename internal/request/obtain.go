// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package request

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Obtain requests the certificate and waits for it until ctx ends. The CAs of the pair are those that verify it, none
// if no place that is known holds one. What is being waited for is logged.
func Obtain(ctx context.Context, client kubernetes.Interface, options Options) (*serving.Pair, error) {
	spec, err := options.Spec()
	if err != nil {
		return nil, err
	}
	ctx = logcap.NewContext(ctx)
	logger := klog.FromContext(ctx)
	requester := &csr.Requester{
		Client:   client.CertificatesV1().CertificateSigningRequests(),
		Approval: options.Approval,
		Waiting: func(err *csr.OutcomeError) {
			logger.Info("Still waiting for the certificate", "outcome", err.Outcome, "reason", err.Error())
		},
		Observe: func(phase csr.Phase, took time.Duration, keysAndValues ...any) {
			logger.Info("Phase done", append([]any{"phase", phase, "took", took}, keysAndValues...)...)
		},
	}
	issued, err := requester.Obtain(ctx, spec)
	if err != nil {
		return nil, err
	}
	cas, err := options.authorities(ctx, client, spec.Profile, issued.Chain)
	if err != nil {
		return nil, err
	}
	return serving.NewPair(issued.Chain, issued.Key, cas)
}

// authorities finds the CAs that verify the chain: in the file that was named, which then has to, or where they usually
// are. None is no error then: most signers keep them elsewhere.
func (o Options) authorities(
	ctx context.Context, client kubernetes.Interface, profile signer.Profile, chain []*x509.Certificate,
) ([]*x509.Certificate, error) {
	if o.CAFile != "" {
		content, err := os.ReadFile(o.CAFile) // #nosec G304 -- the option's purpose.
		if err != nil {
			return nil, fmt.Errorf("reading the CA file: %w", err)
		}
		cas, err := verifying(content, profile, chain)
		if err != nil {
			return nil, fmt.Errorf("CA file %s does not verify the certificate of signer %q, name the signer's CA: %w",
				o.CAFile, profile.Name(), err)
		}
		return cas, nil
	}
	candidates, unread := [][]byte{trust.NewBundle(chain[1:]...).PEM()}, ""
	if profile.Usage() == signer.ServerAuth && o.Namespace != "" {
		found, err := client.CoreV1().ConfigMaps(o.Namespace).Get(ctx, signer.RootCAConfigMapName, metav1.GetOptions{})
		if err == nil {
			candidates = append(candidates, []byte(found.Data["ca.crt"]))
		} else {
			unread = refusal.Explain("reading ConfigMap "+signer.RootCAConfigMapName, err,
				"grant {apiGroups: [\"\"], resources: "+
					"[configmaps], resourceNames: ["+signer.RootCAConfigMapName+"], verbs: [get]}", "").Error()
		}
	}
	for _, candidate := range candidates {
		if cas, err := verifying(candidate, profile, chain); err == nil {
			return cas, nil
		}
	}
	klog.FromContext(ctx).Info("No CA was found that verifies the certificate, so that no ca.crt is written; name it "+
		"with --ca-file", "signer", profile.Name(), "unread", unread)
	return nil, nil
}

// verifying are the CAs of a PEM file, if they verify the chain.
func verifying(content []byte, profile signer.Profile, chain []*x509.Certificate) ([]*x509.Certificate, error) {
	bundle, err := trust.ParseText(content)
	if err != nil {
		return nil, err
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, ca := range bundle.Certificates() {
		roots.AddCert(ca)
	}
	for _, ca := range chain[1:] {
		intermediates.AddCert(ca)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{profile.ExtKeyUsage()},
	})
	if err != nil {
		return nil, err
	}
	return bundle.Certificates(), nil
}
