// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Source says where the serving certificate comes from.
type Source string

// The two sources.
const (
	// SourceCSR requests it through the CertificateSigningRequest API.
	SourceCSR Source = "csr"
	// SourceFiles reads what somebody else writes: a cert-manager Secret, a CSI driver, a projected volume.
	SourceFiles Source = "files"
)

// ParseSource reads "csr" or "files".
func ParseSource(s string) (Source, error) {
	switch source := Source(s); source {
	case SourceCSR, SourceFiles:
		return source, nil
	default:
		return "", fmt.Errorf("unknown certificate source %q: use %s or %s", s, SourceCSR, SourceFiles)
	}
}

// DefaultSelfAddress is where the webhook server of controller-runtime listens by default, seen from inside the pod.
const DefaultSelfAddress = "127.0.0.1:9443"

// Environment is what a pod knows of itself; [FromEnvironment] reads it from the downward API's variables.
type Environment struct {
	// Service is the Service in front of the webhook, Namespace its and our namespace. Both are needed.
	Service, Namespace string
	// ServiceAccount is the name of the ServiceAccount we run as. The built-in signer needs it.
	ServiceAccount string
	// PodName labels the requests; PodIPs become SANs. Both may be empty. Events are about the Pod of that name and UID:
	// without a name there are none, and without its UID `kubectl describe` may not show them.
	PodName string
	PodUID  types.UID
	PodIPs  []netip.Addr
}

// Options configures a [Bootstrapper]. Service, Namespace and RESTConfig are needed; everything else has a default.
type Options struct {
	// RESTConfig reaches the API server. It is copied. It may be nil with SourceFiles and ExternalTrust: nothing is asked
	// of the API server then, and there are no events.
	RESTConfig *rest.Config
	Environment

	// ClusterDomain is the cluster's DNS domain; the default is "cluster.local".
	ClusterDomain string
	// ExtraSANs are more DNS names or IP addresses for the certificate. Entries of WebhookConfigurations that call one of
	// them, by URL or by the Service of that name, are ours as well.
	ExtraSANs []string
	// WebhookConfigurations are the objects whose caBundle is kept right. None is an error without ExternalTrust.
	WebhookConfigurations []trust.Target
	// ExternalTrust says that there are no WebhookConfigurations, because something else lets clients trust the CA. Ready
	// then does not mean that the API server trusts us, which the condition "trusted" says in a verbose report.
	ExternalTrust bool
	// SharedConfigurations says that WebhookConfigurations have entries of other Services as well. They are counted, but
	// no longer warned of: whoever steals our ServiceAccount's token can add one.
	SharedConfigurations bool

	// Source is where the certificate comes from; the default is SourceCSR.
	Source Source
	// SignerName is the signer that is asked; the default is the built-in one.
	SignerName string
	// BuiltInSignerName is what the built-in signer is called, as DOMAIN/NAME in a domain of yours; the default is
	// [signer.BuiltIn]. It tells your requests from those of other webhooks, and RBAC rules can then allow the
	// ServiceAccount to approve and sign for this name alone. All replicas must agree on it.
	BuiltInSignerName string
	// Approval says who approves the request; the default is [csr.ApproveSelf].
	Approval csr.Approval
	// CASecretName is the Secret of the built-in signer's CA; the default is "<service>-ca".
	CASecretName string
	// CAFile is a PEM file with the CA of an external signer, which is followed as it changes. Content that is no CA
	// leaves what it held before.
	CAFile string
	// PublishTrustBundle keeps the built-in signer's CA in a ClusterTrustBundle too, named by [trust.BundleName],
	// for clients other than the API server. A cluster that serves no such object is left without.
	PublishTrustBundle bool
	// Duration is the lifetime asked for, between [csr.MinDuration] and [csr.MaxDuration]; 0 leaves it to the signer.
	Duration time.Duration
	// KeyAlgorithm is the key to make; the default is ECDSA P-256.
	KeyAlgorithm csr.KeyAlgorithm
	// CertDir keeps the key pair across container restarts (SourceCSR; "" = memory only), or is where it is read from
	// (SourceFiles).
	CertDir string

	// TLS bounds protocol version and cipher suites.
	TLS serving.TLSOptions
	// ClientCAFile is a PEM file of CAs: with it, only clients whose certificate one of them verifies get in. It is read
	// by [New] and again whenever it changes; one that becomes unreadable leaves the last good CAs in force. net/http
	// takes the handshakes of readiness for failures then: see [Bootstrapper.ErrorLog].
	ClientCAFile string
	// ClientAllowedNames are the common names and DNS SANs that a client of ClientCAFile may have; with none, it may have
	// any.
	ClientAllowedNames []string
	// SelfAddress is host:port of our own listener; readiness does a handshake with it. The default is where the [Server]
	// listens that [Bootstrapper.NewServer] makes, [DefaultSelfAddress] without one, or no handshake at all with Sidecar.
	SelfAddress string
	// Sidecar says that this process is a sidecar: the server is another container of the pod, in any language, which
	// reads the files in CertDir and reads them again when they change. A certificate then counts as served once it is in
	// CertDir, and SelfAddress is that server's listener. It goes with SourceCSR and a CertDir.
	Sidecar bool
	// Registerer takes the metrics; nil registers none.
	Registerer prometheus.Registerer
}

// withDefaults fills in what was left empty.
func (o Options) withDefaults() Options {
	if o.Source == "" {
		o.Source = SourceCSR
	}
	if o.BuiltInSignerName == "" {
		o.BuiltInSignerName = signer.BuiltIn
	}
	if o.SignerName == "" {
		o.SignerName = o.BuiltInSignerName
	}
	if o.Approval == "" {
		o.Approval = csr.ApproveSelf
	}
	if o.CASecretName == "" {
		o.CASecretName = defaultCASecretName(o.Service)
	}
	if o.SelfAddress == "" && !o.Sidecar {
		o.SelfAddress = DefaultSelfAddress
	}
	return o
}

func defaultCASecretName(service string) string { return service + "-ca" }

// validate finds all faults at once, before anything is contacted.
func (o Options) validate() error {
	var faults []error
	if o.RESTConfig == nil && (o.Source != SourceFiles || !o.ExternalTrust) {
		faults = append(faults, errors.New("RESTConfig is missing: it says how to reach the API server"))
	}
	if _, err := identity.New(o.identityInputs()); err != nil {
		faults = append(faults, err)
	}
	if _, err := ParseSource(string(o.Source)); err != nil {
		faults = append(faults, err)
	}
	if o.Source == SourceFiles && o.CertDir == "" {
		faults = append(faults, errors.New("CertDir is missing: the certificate source files reads from it"))
	}
	if o.Sidecar && (o.Source != SourceCSR || o.CertDir == "") {
		faults = append(faults, fmt.Errorf("the option Sidecar without CertDir or without the certificate source %s: the "+
			"server in the other container reads what we request and write there, set both", SourceCSR))
	}
	if o.Source == SourceCSR {
		faults = append(faults, o.validateRequest())
	}
	if len(o.ClientAllowedNames) > 0 && o.ClientCAFile == "" {
		faults = append(faults, errors.New("ClientAllowedNames without ClientCAFile: a name means nothing without a CA that "+
			"vouches for it, set both or neither"))
	}
	if slices.Contains(o.ClientAllowedNames, "") {
		faults = append(faults, errors.New("ClientAllowedNames has an empty name, which a certificate without a common name "+
			"would match: take it out"))
	}
	if o.PublishTrustBundle && (o.Source != SourceCSR || o.SignerName != o.BuiltInSignerName) {
		faults = append(faults, fmt.Errorf("PublishTrustBundle is for the CA of signer %s: whoever runs another one "+
			"publishes its CA", o.BuiltInSignerName))
	}
	return errors.Join(append(faults, o.validateTargets())...)
}

// validateTargets judges whether it is known who keeps the trust: without, the server would be ready and no client
// would trust it.
func (o Options) validateTargets() error {
	switch none := len(o.WebhookConfigurations) == 0; {
	case none && !o.ExternalTrust:
		return errors.New("WebhookConfigurations is missing: name the objects whose caBundle is to be kept right, or set " +
			"ExternalTrust if something else writes the caBundle")
	case !none && o.ExternalTrust:
		return errors.New("ExternalTrust and WebhookConfigurations do not go together: the one says that something else " +
			"writes the caBundle, the other that we do; set one of them")
	}
	return nil
}

// profile is what the signer that is asked demands.
func (o Options) profile() (signer.Profile, error) {
	switch o.SignerName {
	case o.BuiltInSignerName:
		return signer.LookupBuiltIn(o.SignerName)
	case signer.BuiltIn:
		return signer.Profile{}, fmt.Errorf("SignerName is %s, and BuiltInSignerName gives that signer the name %s: leave "+
			"one of them out", o.SignerName, o.BuiltInSignerName)
	default:
		return signer.Lookup(o.SignerName)
	}
}

func (o Options) validateRequest() error {
	var faults []error
	profile, err := o.profile()
	faults = append(faults, err)
	if err == nil && profile.BuiltIn() && o.ServiceAccount == "" {
		faults = append(faults, errors.New("ServiceAccount is missing: the built-in signer signs for it alone"))
	}
	if _, err := csr.ParseApproval(string(o.Approval)); err != nil {
		faults = append(faults, err)
	}
	if _, err := csr.ParseKeyAlgorithm(string(o.KeyAlgorithm)); err != nil {
		faults = append(faults, err)
	}
	if err == nil && profile.BuiltIn() && o.Duration > authority.DefaultCADuration {
		faults = append(faults, fmt.Errorf("the certificate duration %s is too long: the built-in signer's CA lives for %s",
			o.Duration, authority.DefaultCADuration))
	}
	if o.Duration != 0 && o.Duration < csr.MinDuration {
		faults = append(faults, fmt.Errorf("the certificate duration %s is too short: the API server takes %s and more",
			o.Duration, csr.MinDuration))
	}
	if o.Duration > csr.MaxDuration {
		faults = append(faults, fmt.Errorf("the certificate duration %s is too long: a request can say %s and less",
			o.Duration, csr.MaxDuration))
	}
	return errors.Join(faults...)
}

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
