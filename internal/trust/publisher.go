// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/dynamic"
)

// PublisherOptions say which ClusterTrustBundle to keep.
type PublisherOptions struct {
	// Client needs the verbs create and patch on the ClusterTrustBundle, which may be limited by resourceNames, and the
	// verb attest on the signer. Its watch takes list and watch, which clusters grant to every ServiceAccount.
	Client dynamic.Interface

	// SignerName is the signer whose CAs these are.
	SignerName string

	// Service is whose certificates they verify. It gives the object its name: see [BundleName].
	Service types.NamespacedName

	// Observer is told of each write.
	Observer Observer
}

// Publisher keeps the CAs of a signer in a ClusterTrustBundle (certificates.k8s.io/v1, KEP-3257), for clients other
// than the API server: a Pod mounts it with a projected volume. The object is ours as a whole: it is created when it
// is missing, and put right by server-side apply when somebody alters it. Everything else is as with the [Injector]:
// the live object is watched by name, one that is right is never written, and of many replicas one writes.
//
// Nothing waits for a Publisher: where the API is not served, or a right is missing, it says so once and goes on
// trying. Its methods may be called by many goroutines at once.
type Publisher struct {
	injector *Injector
}

// BundleName is the name of a Service's ClusterTrustBundle: the signer's, as the API server demands it, and the
// name that the certificates are verified for. A colon could not come between namespace and Service: what follows the
// signer has to be a DNS subdomain.
func BundleName(signerName string, service types.NamespacedName) string {
	return strings.ReplaceAll(signerName, "/", ":") + ":" + service.Name + "." + service.Namespace + ".svc"
}

// NewPublisher checks the options. It makes no request.
func NewPublisher(opts PublisherOptions) (*Publisher, error) {
	if opts.Client == nil {
		return nil, errors.New("the trust bundle publisher has no client: set PublisherOptions.Client")
	}
	if domain, path, found := strings.Cut(opts.SignerName, "/"); !found || domain == "" || path == "" {
		return nil, fmt.Errorf("the trust bundle publisher has no signer (got %q): set one such as example.com/name",
			opts.SignerName)
	}
	for _, part := range []string{opts.Service.Name, opts.Service.Namespace} {
		if problems := validation.IsDNS1123Label(part); len(problems) > 0 {
			return nil, fmt.Errorf("the trust bundle publisher has no complete Service (got %q): %s", opts.Service,
				strings.Join(problems, "; "))
		}
	}
	injector, err := NewInjector(InjectorOptions{Client: opts.Client, Service: opts.Service, Observer: opts.Observer})
	if err != nil {
		return nil, err
	}
	target := Target{Kind: trustBundle, Name: BundleName(opts.SignerName, opts.Service)}
	injector.views = []*view{{target: target, changes: &injector.changes, now: injector.opts.Clock.Now}}
	return &Publisher{injector: injector}, nil
}

// Publish asks source what the live bundle has to be from now on: see [Injector.Publish].
func (p *Publisher) Publish(source PolicySource) { p.injector.Publish(source) }

// Run watches and writes until ctx ends, and then returns nil. Call it once.
func (p *Publisher) Run(ctx context.Context) error { return p.injector.Run(ctx) }

// Reason says what is wrong with the live object and what to do about it; "" when nothing is known to be.
func (p *Publisher) Reason() string {
	known := p.injector.views[0].get()
	if err := errors.Join(known.writeErr, known.watchErr); err != nil {
		return err.Error()
	}
	return ""
}
