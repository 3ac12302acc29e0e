// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/timing"
)

// Attempt is one request with its key, from [Requester.Begin]. It must not be used concurrently.
type Attempt struct {
	requester *Requester
	spec      Spec
	key       crypto.Signer
	// requested is the object as the API server has first stored it, nil before.
	requested *certificatesv1.CertificateSigningRequest
	// certificate is what the signer answered, nil before; chain is its content, once that is what was asked for.
	certificate []byte
	chain       []*x509.Certificate
	resumable   bool

	// begun is when the wait for an answer began, and last is where the request was last seen to stand in it.
	begun time.Time
	last  Outcome
	// synced is true once the API server has answered the watch.
	synced bool
}

// Begin prepares an attempt to obtain a certificate. It makes no request.
func (r *Requester) Begin(spec Spec) *Attempt { return &Attempt{requester: r, spec: spec} }

// Finish takes the attempt to its end, like [Requester.Obtain]. If it fails and [Attempt.Resumable] is true then, it
// may be called again, with the same key and the same CertificateSigningRequest: that is read again, approved if it
// still is not, and waited for. Once it has succeeded, more calls return the same certificate and make no request.
func (a *Attempt) Finish(ctx context.Context) (*Issued, error) {
	if a.requester.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.requester.Timeout)
		defer cancel()
	}
	if a.certificate == nil {
		if err := a.issue(ctx); err != nil {
			return nil, err
		}
	}
	return a.verify()
}

// Resumable tells, after a failure of [Attempt.Finish], whether another call may succeed: the request is neither denied
// nor failed, deleted or altered, and its certificate, if there is one, is as asked for.
func (a *Attempt) Resumable() bool { return a.resumable }

// Leaf is the certificate that was issued, also one that is not valid yet; nil before.
func (a *Attempt) Leaf() *x509.Certificate {
	if len(a.chain) == 0 {
		return nil
	}
	return a.chain[0]
}

// issue sets the certificate.
func (a *Attempt) issue(ctx context.Context) error {
	obj, err := a.stored(ctx)
	if err != nil {
		return err
	}
	ctx = klog.NewContext(ctx, klog.FromContext(ctx).WithValues("csr", obj.Name))
	a.certificate, err = a.settle(ctx, obj)
	a.resumable = !ended(err)
	return err
}

// settle takes the stored request, as fresh as the last answer of the API server, to its certificate: approve, sign,
// wait, as far as each is ours to do. When there is nothing to wait for (self-approved and signed by this process) no
// watch is opened.
func (a *Attempt) settle(ctx context.Context, obj *certificatesv1.CertificateSigningRequest) ([]byte, error) {
	var err error
	a.begun, a.last, a.synced = time.Now(), "", false
	if a.requester.Approval == ApproveSelf {
		if obj, err = a.requester.approve(ctx, obj); err != nil {
			return nil, err
		}
	}
	if certificate, err := a.look(ctx, obj); certificate != nil || err != nil {
		return certificate, err
	}
	return a.watch(ctx)
}

// stored is the request as the API server has it now. The first call makes the key and creates it.
func (a *Attempt) stored(ctx context.Context) (*certificatesv1.CertificateSigningRequest, error) {
	a.resumable = false
	if a.requested != nil {
		obj, err := a.requester.reread(ctx, a.requested)
		a.resumable = timing.Outage(err)
		return obj, err
	}
	started := time.Now()
	var err error
	if a.key, err = a.spec.Algorithm.Generate(); err != nil {
		return nil, fmt.Errorf("generating a %s key: %w", a.spec.Algorithm, err)
	}
	a.requester.observe(PhaseKey, started, "algorithm", cmp.Or(a.spec.Algorithm, ECDSAP256))
	a.requested, err = a.requester.create(ctx, a.spec, a.key)
	return a.requested, err
}

// ended tells whether a request with that failure can come to nothing any more.
func ended(err error) bool {
	if outcome, ok := OutcomeOf(err); ok {
		return outcome == Denied || outcome == Failed || outcome == Deleted
	}
	return errors.As(err, new(alteredError))
}

func (a *Attempt) verify() (*Issued, error) {
	name, started, first := a.requested.Name, time.Now(), a.chain == nil
	chain, err := Verify(a.certificate, a.key.Public(), a.spec, started)
	early := errors.As(err, new(*NotValidYetError))
	a.resumable = err == nil || early
	if a.resumable {
		a.chain = chain
	}
	if err != nil {
		return nil, fmt.Errorf("CertificateSigningRequest %q: %w", name, err)
	}
	if first {
		a.requester.observe(PhaseVerified, started, "notAfter", chain[0].NotAfter, "dnsNames", chain[0].DNSNames)
	}
	return &Issued{Name: name, Key: a.key, Chain: chain}, nil
}

// alteredError says that the stored object is not the one that was sent.
type alteredError string

func (e alteredError) Error() string { return string(e) }
