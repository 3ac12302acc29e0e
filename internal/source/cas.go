// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/authority"
	"github.com/hookstrap/hookstrap/internal/report"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/timing"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// finder finds the CA that verifies a signer's certificates: which one that is cannot be asked of the API
// (kubernetes#82952), so the candidates are tried in the order of the signer's profile. It belongs to one goroutine.
type finder struct {
	Options
	own *authority.Authority
	// good is what each source held when it could last be read.
	good map[signer.CASource]*lastGood
	// stuck is closed when nothing verified a certificate for the first time.
	stuck    chan struct{}
	getStuck func()
}

func newFinder(o Options, own *authority.Authority) *finder {
	stuck := make(chan struct{})
	return &finder{
		Options: o, own: own,
		good:  map[signer.CASource]*lastGood{},
		stuck: stuck, getStuck: sync.OnceFunc(func() { close(stuck) }),
	}
}

// find returns what to publish for the chain. It fails with [*trust.UnverifiedError] when no candidate verifies, and
// with another error when one could not be read, for that may be the one.
func (f *finder) find(ctx context.Context, chain []*x509.Certificate) (trust.Policy, error) {
	var tried []string
	var unread []error
	for _, source := range f.Profile.CASources() {
		bundle, err := f.latest(ctx, source, chain)
		switch {
		case absent(err):
			tried = append(tried, fmt.Sprintf("%s: %s", source, err))
		case err != nil:
			unread = append(unread, fmt.Errorf("%s: %w", source, err))
		case bundle.Empty():
			tried = append(tried, fmt.Sprintf("%s: nothing there", source))
		default:
			err = bundle.Verify(chain, f.Inputs.ServerName(), timing.JudgedAt(chain[0], time.Now()))
			if err == nil {
				return trust.Policy{Bundle: bundle, Exact: source == signer.SourceAuthority}, nil
			}
			tried = append(tried, fmt.Sprintf("%s: %s", source, err))
		}
	}
	f.getStuck()
	unverified := &trust.UnverifiedError{Signer: f.Profile.Name(), Tried: tried}
	if len(unread) > 0 {
		return trust.Policy{}, fmt.Errorf("%s; and could not read: %w", unverified.Error(), errors.Join(unread...))
	}
	return trust.Policy{}, unverified
}

// latest is what the source holds, or held when it could last be read. That a source is absent is an answer, and not a
// failure to read it.
func (f *finder) latest(
	ctx context.Context, source signer.CASource, chain []*x509.Certificate,
) (trust.Bundle, error) {
	bundle, err := f.read(ctx, source, chain)
	if absent(err) || ctx.Err() != nil {
		return bundle, err
	}
	if f.good[source] == nil {
		f.good[source] = &lastGood{}
	}
	return f.good[source].keep(bundle, err, func(err error) { f.complain(ctx, string(source), err) })
}

// complain counts and logs that a place where CAs are found could not be read, or with nil that it can be again.
func (o Options) complain(ctx context.Context, source string, err error) {
	if err == nil {
		if source == string(signer.SourceFile) {
			o.Report.Files.Over(ctx, report.FilesCA)
		}
		return
	}
	reading := fmt.Errorf("reading the CAs of %s: %w", source, err)
	if source == string(signer.SourceFile) {
		o.Report.Files.Failed(report.FilesCA, reading)
	} else {
		o.Report.Failed(report.TaskReload, reading)
	}
	klog.FromContext(ctx).Error(err, "Cannot read CAs, going by what was read last", "source", source)
}

// absent tells an answer (there is none: an older cluster, or not granted) from a failure that may pass.
func absent(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err)
}

func (f *finder) read(
	ctx context.Context,
	source signer.CASource,
	chain []*x509.Certificate,
) (trust.Bundle, error) {
	switch source {
	case signer.SourceAuthority:
		return f.own.Bundle(), nil
	case signer.SourceChain:
		return trust.NewBundle(authorities(chain)...), nil
	case signer.SourceFile:
		if f.CAFile == "" {
			return trust.Bundle{}, nil
		}
		return readBundle(f.CAFile)
	case signer.SourceRootCAConfigMap:
		return f.rootCAConfigMap(ctx)
	case signer.SourceTrustBundle:
		return f.trustBundles(ctx)
	default:
		return trust.Bundle{}, fmt.Errorf("unknown CA source %q", source)
	}
}

// authorities are the CA certificates that came behind the leaf.
func authorities(chain []*x509.Certificate) []*x509.Certificate {
	var cas []*x509.Certificate
	for _, certificate := range chain[1:] {
		if certificate.IsCA {
			cas = append(cas, certificate)
		}
	}
	return cas
}

// readBundle reads a PEM file of CA certificates.
func readBundle(path string) (trust.Bundle, error) {
	pem, err := os.ReadFile(path) // #nosec G304 -- the path is an option of the user who starts the server.
	if err != nil {
		return trust.Bundle{}, err
	}
	bundle, err := trust.ParseText(pem)
	if err != nil {
		return trust.Bundle{}, fmt.Errorf("%s: %w", path, err)
	}
	return bundle, nil
}

// rootCAConfigMap reads the CA bundle that kube-controller-manager publishes in every namespace.
func (f *finder) rootCAConfigMap(ctx context.Context) (trust.Bundle, error) {
	namespace := f.Inputs.Namespace
	configMaps := f.Kubernetes.CoreV1().ConfigMaps(namespace)
	configMap, err := configMaps.Get(ctx, signer.RootCAConfigMapName, metav1.GetOptions{})
	if err != nil {
		return trust.Bundle{}, fmt.Errorf("reading ConfigMap %s/%s: %w", namespace, signer.RootCAConfigMapName, err)
	}
	return trust.ParseText([]byte(configMap.Data["ca.crt"]))
}

// trustBundles reads the ClusterTrustBundles of the signer (KEP-3257), where the cluster serves v1.
func (f *finder) trustBundles(ctx context.Context) (trust.Bundle, error) {
	resource := certificatesv1.SchemeGroupVersion.WithResource("clustertrustbundles")
	list, err := f.Dynamic.Resource(resource).List(ctx, metav1.ListOptions{
		FieldSelector: "spec.signerName=" + f.Profile.Name(),
	})
	if err != nil {
		return trust.Bundle{}, fmt.Errorf("listing ClusterTrustBundles of signer %s: %w", f.Profile.Name(), err)
	}
	var all trust.Bundle
	for _, item := range list.Items {
		text, _, err := unstructured.NestedString(item.Object, "spec", "trustBundle")
		if err != nil {
			return trust.Bundle{}, fmt.Errorf("ClusterTrustBundle %s: %w", item.GetName(), err)
		}
		bundle, err := trust.ParseText([]byte(text))
		if err != nil {
			return trust.Bundle{}, fmt.Errorf("ClusterTrustBundle %s: %w", item.GetName(), err)
		}
		all = all.Union(bundle)
	}
	return all, nil
}

// lastGood remembers the CAs that a place held when it could last be read: bad content loses nothing. It belongs to one
// goroutine.
type lastGood struct {
	bundle trust.Bundle
	said   timing.News
}

// keep takes the outcome of a reading and returns what to go by. Where the place cannot be read now, that is what it
// held before, if that is known, and complain is called: once for each complaint, and with nil when that is over.
func (g *lastGood) keep(read trust.Bundle, err error, complain func(error)) (trust.Bundle, error) {
	if err == nil {
		if g.said.Any() {
			complain(nil)
		}
		g.bundle, g.said = read, timing.News{}
		return read, nil
	}
	if g.said.Is(err) {
		complain(err)
	}
	if g.bundle.Empty() {
		return trust.Bundle{}, err
	}
	return g.bundle, nil
}
