// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
)

const (
	// DefaultSecretName is the Secret that holds the CA unless [Options] name another.
	DefaultSecretName = "hookstrap-ca"
	// DefaultCADuration is how long a new CA is valid: ten years of 365 days.
	DefaultCADuration = 10 * 365 * 24 * time.Hour
)

// ErrNoCA says that the CA has not been read yet: [Authority.Ensure] has not succeeded.
var ErrNoCA = errors.New("the CA is not there yet")

// Options says where an [Authority] keeps its CA and what it signs.
type Options struct {
	// Client talks to the API server, as a ServiceAccount that may get, list, watch, create and update the Secret,
	// update certificatesigningrequests/status, and sign for the signer that Policy names.
	Client kubernetes.Interface
	// Namespace and SecretName say which Secret holds the CA; the name's default is [DefaultSecretName].
	Namespace, SecretName string
	// Service is the Service that the certificates are for. Here it only names the CA.
	Service string
	// Policy says which requests are signed; its Requester is required.
	Policy Policy
	// CADuration is how long a new CA is valid; the default, and the most, is [DefaultCADuration].
	CADuration time.Duration
	// Now is the wall clock; nil means [time.Now].
	Now func() time.Time
	// OnChange, unless nil, is called after the bundle or the signing CA has changed, also by the first Ensure. It
	// must not block.
	OnChange func()
	// AwaitTrust blocks until every client trusts the CA, and then returns nil; or until ctx ends. A successor signs
	// only after that. With nil that is unknown, and a successor signs a day after it was published.
	AwaitTrust func(ctx context.Context, ca *x509.Certificate) error
	// OnStep, unless nil, is told of every change of the Secret by this process. It must not block.
	OnStep func(Step)
	// OnWarning, unless nil, is told what a person should look at, once for as long as it lasts. It must not block.
	OnWarning func(Warning)
	// OnFailure, unless nil, is told of every attempt of [Authority.Run] that failed and is made again, and with nil when
	// one succeeds after that. It must not block.
	OnFailure func(error)
	// Serving returns the certificate that this process serves, nil for none. A distrusted CA waits for that to be
	// replaced, though not for long. With a nil function it waits for nothing.
	Serving func() *x509.Certificate
}

// How often one process writes the CA's Secret: far more often than any life of a CA needs, and far less often than a
// fight with another writer could make it.
const (
	writesPerSecond = 0.5
	writesAtOnce    = 20
)

// Authority is the built-in signer. Its methods are safe for concurrent use, by any number of replicas.
type Authority struct{ keeper }

// keeper keeps the CA as its Secret has it, and the Secret as it has to be.
type keeper struct {
	options Options // complete
	secret  types.NamespacedName
	policy  atomic.Pointer[Policy]
	// current is nil until there is a CA.
	current atomic.Pointer[state]
	// trusted is the successor that every client was seen to trust.
	trusted atomic.Pointer[x509.Certificate]

	// mu is held from reading the Secret until its contents are current, so that an older reading does not follow a
	// newer. It guards what follows.
	mu sync.Mutex
	// retired are the CAs that this process has taken out of the bundle, and pace bounds how often it writes.
	retired map[string]bool
	pace    flowcontrol.PassiveRateLimiter
	// notes are when this process has first seen what is distrusted.
	notes notes
	// warned are the subjects of what was warned of and goes on, by name.
	warned map[string]string
	// seen is the revision of the Secret that current comes from.
	seen struct {
		uid     types.UID
		version string
	}
}

// New returns an Authority without a CA: call [Authority.Ensure] next. It asks nothing of the API server. The error
// lists every option that is missing or wrong.
func New(options Options) (*Authority, error) {
	options.SecretName = cmp.Or(options.SecretName, DefaultSecretName)
	options.CADuration = cmp.Or(options.CADuration, DefaultCADuration)
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.OnChange == nil {
		options.OnChange = func() {}
	}
	if options.OnFailure == nil {
		options.OnFailure = func(error) {}
	}
	if options.Serving == nil {
		options.Serving = func() *x509.Certificate { return nil }
	}
	a := &Authority{keeper{
		options: options, secret: types.NamespacedName{Namespace: options.Namespace, Name: options.SecretName},
		retired: map[string]bool{}, notes: notes{}, warned: map[string]string{},
		pace: flowcontrol.NewTokenBucketPassiveRateLimiter(writesPerSecond, writesAtOnce),
	}}
	a.SetPolicy(options.Policy)
	return a, options.validate()
}

func (o Options) validate() error {
	var problems []error
	complain := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf("authority: "+format, args...))
		}
	}
	shortest, longest := o.Policy.minDuration(), o.Policy.maxDuration()
	fault := signer.CheckName(o.Policy.signerName())
	complain(fault != nil, "Policy.SignerName is wrong: %w", fault)
	complain(o.Client == nil, "Client is missing: set it to a Kubernetes client")
	complain(o.Namespace == "", "Namespace is empty: set it to the namespace of the CA's Secret")
	complain(o.Service == "", "Service is empty: set it to the name of the webhook's Service")
	complain(o.Policy.Requester == "", "Policy.Requester is empty: set it to the user whose requests may be signed")
	complain(shortest < DefaultMinDuration, "Policy.MinDuration is %s: the API server allows no less than %s",
		shortest, DefaultMinDuration)
	complain(longest < shortest, "Policy.MaxDuration (%s) is shorter than Policy.MinDuration (%s): raise it",
		longest, shortest)
	complain(o.CADuration > DefaultCADuration, "CADuration (%s) is longer than %s: lower it, for a CA in the Secret that "+
		"lives longer is refused", o.CADuration, DefaultCADuration)
	complain(o.CADuration < longest, "CADuration (%s) is shorter than Policy.MaxDuration (%s): raise it, or no "+
		"certificate can last as long as it may", o.CADuration, longest)
	return errors.Join(problems...)
}

// SetPolicy replaces the policy: who we are has changed, for instance because the Service has another cluster IP. A
// request that is being judged during that time is judged by the one or by the other. A policy that [New] would not
// take signs nothing.
func (a *Authority) SetPolicy(policy Policy) { a.policy.Store(&policy) }

// state is what the Secret was last seen to hold; an empty one before the first [Authority.Ensure].
func (a *Authority) state() *state {
	if current := a.current.Load(); current != nil {
		return current
	}
	return &state{}
}

// Bundle returns the CAs to be trusted at this time. It is empty until [Authority.Ensure] has succeeded. It follows
// from the Secret alone and from no clock, so that all replicas publish the same bytes.
func (a *Authority) Bundle() trust.Bundle { return a.state().bundle }

// TrustPolicy is what every client has to trust: [Authority.Bundle] and nothing else, and never again what is
// distrusted and has left. Its bundle is empty until [Authority.Ensure] has succeeded.
func (a *Authority) TrustPolicy() trust.Policy {
	current := a.state()
	return trust.Policy{Bundle: current.bundle, Exact: true, Distrusted: current.expelledNow()}
}

// Lasting returns the CAs of [Authority.Bundle] that are not about to leave because they are distrusted: what to store
// beside a certificate.
func (a *Authority) Lasting() trust.Bundle {
	current := a.state()
	return current.bundle.WithoutFingerprints(slices.Collect(maps.Keys(current.record.Distrusted)))
}

// Foreign returns how many CAs are in the Secret that no step of ours made.
func (a *Authority) Foreign() int { return len(a.state().foreign()) }

// Signing returns the certificate of the CA that signs, nil until [Authority.Ensure] has succeeded. While a rotation is
// under way its successor is in the bundle already.
func (a *Authority) Signing() *x509.Certificate { return a.state().cert }

// Approvable returns nil if [Authority.Sign] would sign the request once it is approved, or the [*PolicyError]. An
// approver that asks it approves nothing that is bound to fail.
func (a *Authority) Approvable(obj *certificatesv1.CertificateSigningRequest) error {
	_, err := a.policy.Load().Check(obj)
	return err
}
