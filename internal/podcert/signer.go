// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package podcert

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/follow"
	"github.com/hookstrap/hookstrap/internal/refusal"
)

const (
	// workers is how many requests are answered at the same time. Nearly all of that time a worker waits for the API
	// server, which shares its processors among all requests in flight: with fewer workers than kubelets that ask at a
	// time, the requests are created faster than they are answered.
	workers = 32
	// grace is how long a request may wait before a person is told: Services are created after their Pods, or a watch is
	// behind.
	grace = 10 * time.Second
	// settling is how long a request waits for the other changes of a namespace in which something has changed.
	settling = 200 * time.Millisecond
	// firstRetry and longestRetry are the delays after an answer that could not be written.
	firstRetry   = 250 * time.Millisecond
	longestRetry = time.Minute
)

// Options of a [Signer].
type Options struct {
	// Kubernetes lists and watches pods, services and serviceaccounts in all namespaces, and certificatesigningrequests.
	Kubernetes kubernetes.Interface
	// Dynamic lists and watches podcertificaterequests in all namespaces.
	Dynamic dynamic.Interface
	// Metadata patches the status of podcertificaterequests, and the approval and status of certificatesigningrequests;
	// it may approve and sign for the signer of Policy. It should have no rate limit: few requests are in flight at a
	// time, and each is a Pod that waits.
	Metadata metadata.Interface
	// CA signs. Somebody else runs it.
	CA *authority.Authority
	// Policy says what is signed.
	Policy Policy
	// Published returns nil while clients can know the CA, which does not sign before. Nil asks nothing.
	Published func(ca *x509.Certificate) error
	// Waits, unless nil, is told why a request is not signed, once for as long as the reason stays; regarding is its
	// Pod. It must not block.
	Waits func(regarding corev1.ObjectReference, message string)
	// Registerer takes the metrics; nil registers none.
	Registerer prometheus.Registerer
}

// Signer answers PodCertificateRequests and CertificateSigningRequests. Make one with [New]; any number of replicas may
// run.
type Signer struct {
	options  Options
	cluster  *cluster
	requests store[*Request]
	csrs     store[*Request]
	// unserved says that the API server has no PodCertificateRequests.
	unserved atomic.Bool
	queue    workqueue.TypedRateLimitingInterface[types.NamespacedName]
	metrics  *metrics

	sayings sayings
}

// New asks nothing of the API server. It fails if the metrics cannot be registered.
func New(o Options) (*Signer, error) {
	s := &Signer{
		options: o, sayings: sayings{said: map[types.NamespacedName]told{}},
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](firstRetry, longestRetry)),
	}
	for store, keep := range map[*store[*Request]]func(any) (*Request, bool){
		&s.requests: s.keep, &s.csrs: keepCSR(o.Policy.SignerName),
	} {
		store.keep, store.known = keep, map[string]map[string]*Request{}
		store.equal = func(a, b *Request) bool { return a.ResourceVersion == b.ResourceVersion }
		store.changed = func(key types.NamespacedName) { s.queue.Add(key) }
	}
	s.csrs.counts, s.csrs.group = map[types.UID]int{}, func(r *Request) types.UID { return r.PodUID }
	s.cluster = newCluster(s.podChanged, s.namespaceChanged)
	var err error
	pending := func() float64 { return float64(s.requests.len() + s.csrs.len()) }
	s.metrics, err = newMetrics(o.Registerer, pending, func() float64 {
		if ca := o.CA.Signing(); ca != nil {
			return float64(ca.NotAfter.Unix())
		}
		return 0
	})
	return s, err
}

// keep keeps requests that have no answer.
func (s *Signer) keep(obj any) (*Request, bool) {
	object, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return nil, false
	}
	request, pending, err := read(object)
	return request, err == nil && pending && request.SignerName == s.options.Policy.SignerName
}

// of is where the requests of a kind are, which their keys tell.
func (s *Signer) of(key types.NamespacedName) *store[*Request] {
	if key.Namespace == "" {
		return &s.csrs
	}
	return &s.requests
}

// podChanged has the requests of a Pod looked at again.
func (s *Signer) podChanged(pod types.NamespacedName) {
	s.again(pod.Namespace, func(r *Request) bool { return r.PodName == pod.Name })
}

// namespaceChanged has all requests of a namespace looked at again, of which few wait at a time.
func (s *Signer) namespaceChanged(changed types.NamespacedName) {
	s.again(changed.Namespace, func(*Request) bool { return true })
}

func (s *Signer) again(namespace string, which func(*Request) bool) {
	look := func(_ string, r *Request) {
		if r.Namespace == namespace && which(r) {
			s.queue.AddAfter(r.key(), settling)
		}
	}
	s.requests.each(namespace, look)
	s.csrs.each("", look)
}

// Ready returns an error while requests cannot be answered.
func (s *Signer) Ready() error {
	ca := s.options.CA.Signing()
	if ca == nil {
		return errors.New("there is no CA yet: if this stays, see the log")
	}
	if s.options.Published != nil {
		if err := s.options.Published(ca); err != nil {
			return err
		}
	}
	if err := s.cluster.ready(); err != nil {
		return err
	}
	if !s.requests.complete() && !s.unserved.Load() || !s.csrs.complete() {
		return errors.New("the requests for certificates have not been read yet: if this stays, see the log")
	}
	return nil
}

// Run answers requests until ctx ends, and then returns nil. It is called once.
func (s *Signer) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { s.cluster.run(ctx, s.options.Kubernetes) })
	running.Go(func() { followCSRs(ctx, s.options.Kubernetes, s.options.Policy.SignerName, &s.csrs) })
	running.Go(func() {
		follow.Run(ctx, follow.Options{
			Name: "podcertificaterequests", Resource: s.options.Dynamic.Resource(resource()), Kind: kind(),
			Selector: fields.OneTermEqualSelector("spec.signerName", s.options.Policy.SignerName), Trim: trimRequest,
			Store: &s.requests, Report: s.unservedOr(ctx, complaint(ctx, "podcertificaterequests", resource().Group)),
		})
	})
	for range workers {
		running.Go(func() {
			for s.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	s.queue.ShutDown()
	running.Wait()
	return nil
}

// unservedOr notes that the API server does not serve PodCertificateRequests, before report is told.
func (s *Signer) unservedOr(ctx context.Context, report func(error)) func(error) {
	told := sync.OnceFunc(func() {
		klog.FromContext(ctx).Info("Signing CertificateSigningRequests alone: this cluster has no PodCertificateRequests, " +
			"which Kubernetes serves from 1.37 on")
	})
	return func(err error) {
		if s.unserved.Store(apierrors.IsNotFound(err)); s.unserved.Load() {
			told()
			return
		}
		report(err)
	}
}

// next answers one request.
func (s *Signer) next(ctx context.Context) bool {
	key, ended := s.queue.Get()
	if ended {
		return false
	}
	defer s.queue.Done(key)
	request, pending := s.of(key).get(key)
	switch {
	case !pending:
		s.queue.Forget(key)
		s.sayings.forget(key)
	case s.Ready() != nil: // What is not known yet is no reason to say anything.
		s.queue.AddAfter(key, time.Second)
	default:
		s.handle(ctx, request)
	}
	return true
}

func (s *Signer) handle(ctx context.Context, r *Request) {
	var answer status
	var outcome string
	r, err := whole(ctx, s.options.Kubernetes, r)
	if err == nil {
		answer, outcome, err = s.decide(r)
	}
	if refused := (*RefusalError)(nil); errors.As(err, &refused) {
		s.wait(ctx, r, refused)
		return
	}
	switch {
	case err != nil:
	case r.CSR != nil:
		err = writeCSR(ctx, s.options.Metadata, r, answer)
	default:
		err = write(ctx, s.options.Metadata, r, answer)
	}
	logger := klog.FromContext(ctx).WithValues("kind", r.kind(), "request", r.NamespacedName, "pod", r.PodName)
	switch {
	case err == nil:
		s.answered(r, outcome)
		logger.Info("Answered request", "outcome", outcome, "message", answer.Conditions[0].Message)
	case refusal.Conflict(err) || apierrors.IsNotFound(err): // Another replica was faster, or the request is gone.
		s.metrics.answered.WithLabelValues(outcomeConflict).Inc()
		s.queue.Forget(r.key())
	case ctx.Err() == nil:
		s.metrics.failures.Inc()
		logger.Error(err, "Cannot answer a request, will try again")
		s.queue.AddRateLimited(r.key())
	}
}

// decide returns the status to write and what it means. A [*RefusalError] that is not final is an error.
func (s *Signer) decide(r *Request) (status, string, error) {
	grant, err := s.options.Policy.Decide(r, s.cluster.facts(r))
	err = crowded(r, s.csrs.inGroup(r.PodUID), err)
	if refused := (*RefusalError)(nil); errors.As(err, &refused) && refused.Final {
		return status{Conditions: condition("Denied", refused.Reason, refused.Message, time.Now())}, outcomeDenied, nil
	}
	if err != nil {
		return status{}, "", err
	}
	answer, err := s.sign(grant)
	if errors.Is(err, authority.ErrNoCA) || errors.Is(err, authority.ErrCAExpired) {
		s.queue.AddAfter(r.key(), grace)
		return status{}, "", waiting(ReasonNoCA, "The signer cannot sign at this time: %v.", err)
	}
	return answer, outcomeIssued, err
}

// answered notes that a request has its answer, before the watch says so.
func (s *Signer) answered(r *Request, outcome string) {
	s.of(r.key()).forget(r.key())
	s.queue.Forget(r.key())
	s.sayings.forget(r.key())
	s.metrics.answered.WithLabelValues(outcome).Inc()
	if outcome == outcomeIssued {
		s.metrics.seconds.Observe(time.Since(r.Created).Seconds())
	}
}
