// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/identity"
)

// Source says where the serving certificate comes from.
type Source string

// The three sources.
const (
	// SourceCSR requests it through the CertificateSigningRequest API.
	SourceCSR Source = "csr"
	// SourceFiles reads what somebody else writes: a cert-manager Secret, a CSI driver, a projected volume.
	SourceFiles Source = "files"
	// SourcePodCertificate reads what the kubelet writes into a projected volume with the sources podCertificate and
	// clusterTrustBundle (KEP-4317 and KEP-3257, Kubernetes 1.37): credentialbundle.pem, and ca.crt, which has to verify
	// it. It takes no right and no token, so that RESTConfig may be nil, and there are no events. Without
	// WebhookConfigurations it implies ExternalTrust.
	SourcePodCertificate Source = "pod-certificate"
)

// reads says whether something else writes the certificate.
func (s Source) reads() bool { return s == SourceFiles || s == SourcePodCertificate }

// ParseSource reads "csr", "files" or "pod-certificate".
func ParseSource(s string) (Source, error) {
	switch source := Source(s); source {
	case SourceCSR, SourceFiles, SourcePodCertificate:
		return source, nil
	default:
		return "", fmt.Errorf("unknown certificate source %q: use %s, %s or %s", s, SourceCSR, SourceFiles,
			SourcePodCertificate)
	}
}

// DefaultSelfAddress is where the webhook server of controller-runtime listens by default, seen from inside the pod.
const DefaultSelfAddress = "127.0.0.1:9443"

// Options configures a [Server] or a [Bootstrapper]. RESTConfig and WebhookConfigurations are needed; Service,
// Namespace and ServiceAccount too, where the environment does not have them. Everything else has a default.
type Options struct {
	// RESTConfig reaches the API server. It is copied. It may be nil with SourceFiles or SourcePodCertificate, and
	// ExternalTrust: nothing is asked of the API server then, and there are no events.
	RESTConfig *rest.Config
	Environment

	// ClusterDomain is the cluster's DNS domain; the default is "cluster.local".
	ClusterDomain string
	// ExtraSANs are more DNS names or IP addresses for the certificate. Entries of WebhookConfigurations that call one of
	// them, by URL or by the Service of that name, are ours as well.
	ExtraSANs []string
	// WebhookConfigurations are the objects whose caBundle is kept right. None is an error without ExternalTrust.
	WebhookConfigurations []Target
	// ExternalTrust says that there are no WebhookConfigurations, because something else lets clients trust the CA. Ready
	// then does not mean that the API server trusts us, which the condition "trusted" says in a verbose report.
	ExternalTrust bool
	// SharedConfigurations says that WebhookConfigurations have entries of other Services as well. They are counted, but
	// no longer warned of: a thief of our ServiceAccount's token can add one.
	SharedConfigurations bool
	// InForceBinding is a ClusterRoleBinding without subjects. It gets its subject when the API server can call this
	// server for the first time, and keeps it: matchConditions of the entries ask for that, so that an install that never
	// starts denies nothing. See docs/authors.md for the condition and the ClusterRole, which has the same name. The
	// default is that of the environment variable IN_FORCE_BINDING, else none.
	InForceBinding string

	// Source is where the certificate comes from; the default is SourceCSR.
	Source Source
	// SignerName is the signer that is asked; the default is the built-in one.
	SignerName string
	// BuiltInSignerName is what the built-in signer is called, as DOMAIN/NAME in a domain of yours; the default is
	// [BuiltInSigner]. It tells your requests from those of other webhooks, and RBAC rules can then allow the
	// ServiceAccount to approve and sign for this name alone. All replicas must agree on it.
	BuiltInSignerName string
	// Approval says who approves the request; the default is [ApproveSelf].
	Approval Approval
	// CASecretName is the Secret of the built-in signer's CA; the default is "<service>-ca".
	CASecretName string
	// CAFile is a PEM file with the CA of an external signer, which is followed as it changes. Content that is no CA
	// leaves what it held before.
	CAFile string
	// PublishTrustBundle keeps the built-in signer's CA in a ClusterTrustBundle too, for
	// clients other than the API server. A cluster that serves no such object is left without.
	PublishTrustBundle bool
	// Duration is the lifetime asked for, between [MinDuration] and [MaxDuration]; 0 leaves it to the signer.
	Duration time.Duration
	// KeyAlgorithm is the key to make; the default is ECDSA P-256.
	KeyAlgorithm KeyAlgorithm
	// CertDir keeps the key pair across container restarts (SourceCSR; "" = memory only), or is where it is read from
	// (SourceFiles, SourcePodCertificate).
	CertDir string

	// TLS bounds protocol version and cipher suites.
	TLS TLSOptions
	// ClientCAFile is a PEM file of CAs: with it, only clients whose certificate one of them verifies get in. It is read
	// by [New] and again whenever it changes; one that becomes unreadable leaves the last good CAs in force. net/http
	// takes the handshakes of readiness for failures then: see [Bootstrapper.ErrorLog].
	ClientCAFile string
	// ClientAllowedNames are the common names and DNS SANs that a client of ClientCAFile may have; with none, it may have
	// any.
	ClientAllowedNames []string
	// SelfAddress is host:port of our own listener; readiness does a handshake with it. The default is where the [Server]
	// listens, [DefaultSelfAddress] without one, or no handshake at all with Sidecar.
	SelfAddress string
	// Sidecar says that this process is a sidecar: the server is another container of the pod, in any language, which
	// reads the files in CertDir and reads them again when they change. A certificate then counts as served once it is in
	// CertDir, and SelfAddress is that server's listener. It goes with a CertDir, and with SourceCSR, or with
	// SourcePodCertificate if the kubelet writes the files and only readiness is wanted.
	Sidecar bool
	// Registerer takes the metrics. Where it is nil a [Server] registers them with controller-runtime's, and a
	// Bootstrapper alone registers none.
	Registerer prometheus.Registerer
	// Logger takes the log; the default is the logger of the context that is passed to Start.
	Logger klog.Logger
	// Server is what only [NewServer] looks at.
	Server ServerOptions
}

func defaultCASecretName(service string) string { return service + "-ca" }

func (o Options) serviceName() types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: o.Service}
}

func (o Options) identityInputs() identity.Inputs {
	return identity.Inputs{
		Service:       o.Service,
		Namespace:     o.Namespace,
		PodName:       o.PodName,
		PodIPs:        o.PodIPs,
		ClusterDomain: o.ClusterDomain,
		ExtraSANs:     o.ExtraSANs,
	}
}

// logging is ctx with the logger of the options, if they have one.
func (o Options) logging(ctx context.Context) context.Context {
	if o.Logger.GetSink() == nil {
		return ctx
	}
	return klog.NewContext(ctx, o.Logger)
}
