// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// mostOfOneName is how many CAs of one subject are no reason to warn: crypto/x509 gives up after 100 signatures.
const mostOfOneName = 50

// bundles judges the caBundle of an entry.
type bundles struct{ *examination }

// bundle judges the caBundle as the API server reads it, and returns false if it verifies nothing.
func (x bundles) bundle(e *Entry) bool {
	data := e.ClientConfig.CABundle
	switch {
	case e.Insecure:
		x.find(e, IDUnverified, "set spec.caBundle to the CA of the server, and remove insecureSkipTLSVerify",
			"insecureSkipTLSVerify is true")
		return true
	case len(data) == 0:
		return x.noBundle(e)
	}
	bundle, err := trust.ParseBundle(data)
	if bundle.Empty() {
		text := "it has only white space"
		if err != nil {
			text = sentence(err)
		}
		x.find(e, IDBundleUnusable, writeBundle(e), "the caBundle has no certificate that the API server can read: %s", text)
		return false
	}
	if err != nil {
		x.find(e, IDBundlePartly, writeBundle(e), "the API server skips a part of the caBundle: %s", sentence(err))
	}
	if bundle.Prune(x.facts.Now).Empty() {
		x.find(e, IDBundleExpired, "make a new CA and a new certificate; "+writeBundle(e),
			"all CAs of the caBundle have expired: %s", bundle.Describe())
		return false
	}
	if x.facts.Offline {
		x.rendered(e, bundle)
	}
	if dead := bundle.Without(bundle.Prune(x.facts.Now)); !dead.Empty() {
		x.find(e, IDBundleSomeExpired, "leave the expired CAs out", "the caBundle has CAs that have expired: "+
			"%s", dead.Describe())
	}
	x.crowd(e, bundle)
	return true
}

// noBundle judges an entry without a caBundle. The API server verifies with the roots of its host then, which have the
// CA of a public URL at best.
func (x bundles) noBundle(e *Entry) bool {
	if _, _, ok := e.service(); !ok {
		return true
	}
	if x.facts.Offline {
		x.unfilled(e)
		return true
	}
	fix := writeBundle(e)
	if injected := e.injected(); injected != "" {
		fix = injected
	} else if e.Meta != nil {
		fix = "have a controller fill it, such as cert-manager with the annotation cert-manager.io/inject-ca-from; or " + fix
	}
	x.find(e, IDBundleMissing, fix, "it calls a Service and has no caBundle")
	return false
}

// isInjected says that an annotation tells cert-manager to fill the caBundle.
func (e *Entry) isInjected() bool {
	isSet := func(key string) bool { return e.Meta.Annotations[key] != "" }
	return e.Meta != nil && slices.ContainsFunc(injectors(), isSet)
}

// injected is the command that shows why cainjector does not fill a caBundle; empty if no annotation tells it to.
func (e *Entry) injected() string {
	if !e.isInjected() {
		return ""
	}
	for _, source := range []struct{ annotation, show string }{
		{injectors()[0], "get certificate %s # cainjector copies ca.crt of the Secret of this Certificate, once both exist"},
		{injectors()[1], "get secret %s -o yaml # cainjector copies its ca.crt, if it has the annotation " +
			"cert-manager.io/allow-direct-injection: \"true\""},
	} {
		if namespace, name, ok := strings.Cut(e.Meta.Annotations[source.annotation], "/"); ok {
			return fmt.Sprintf("kubectl -n %s "+source.show, namespace, name)
		}
	}
	return "kubectl -n cert-manager logs deploy/cert-manager-cainjector"
}

// unfilled judges a manifest without a caBundle, which is filled once it is in a cluster.
func (x bundles) unfilled(e *Entry) {
	switch {
	case e.EmptyBundle:
		x.find(e, IDBundleKeyEmpty, "remove the key caBundle from the "+
			"manifest", "the manifest has the key caBundle, and no value")
	case !e.isInjected():
		x.find(e, IDBundleLater, "have the server fill it, or annotate the object for cert-manager "+
			"(cert-manager.io/inject-ca-from)", "the manifest has no caBundle, and no annotation by which cert-manager fills it")
	}
}

// justMade is how old a CA is at most that was made when the manifests were rendered.
const justMade = time.Hour

// rendered judges the caBundle of a manifest: a template that makes a CA makes another one each time.
func (x bundles) rendered(e *Entry, bundle trust.Bundle) {
	for _, c := range bundle.Certificates() {
		if age := x.facts.Now.Sub(c.NotBefore); age >= 0 && age < justMade {
			x.find(e, IDBundleRendered, "have cert-manager or the server make the certificate, and leave caBundle out of the "+
				"template", "the caBundle has a CA that was made just now: %s, valid from %s on", describe(c), day(c.NotBefore))
			return
		}
	}
	x.find(e, IDByManifest, "have a controller write the caBundle, and leave the field out of the manifest",
		"the manifest has a caBundle: %s", bundle.Describe())
}

// injectors are the annotations by which cert-manager fills a caBundle.
func injectors() []string {
	return []string{
		"cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret", "cert-manager.io/inject-apiserver-ca",
	}
}

func (x bundles) crowd(e *Entry, bundle trust.Bundle) {
	count := map[string]int{}
	for _, c := range bundle.Certificates() {
		count[string(c.RawSubject)]++
	}
	for _, c := range bundle.Certificates() {
		if n := count[string(c.RawSubject)]; n > mostOfOneName {
			x.find(e, IDBundleCrowded, "write a caBundle with only those CAs whose certificates are served",
				"the caBundle has %d CAs of the name %s", n, c.Subject)
			return
		}
	}
}

// writeBundle is the command that writes a caBundle by hand.
func writeBundle(e *Entry) string {
	return patchBundle(e, "$(base64 -w0 ca.crt)") +
		" # ca.crt has the CA that signed the server's certificate, often that in the Secret of its Pod"
}

// copyBundle is the command that writes the CA of a Secret into a caBundle. Data of a Secret are base64 already.
func copyBundle(e *Entry, stored StoredCA) string {
	namespace, name, _ := strings.Cut(stored.Secret, "/")
	key := strings.ReplaceAll(cmp.Or(stored.Key, "ca.crt"), ".", `\.`)
	return patchBundle(e, fmt.Sprintf("$(kubectl -n %s get secret %s -o jsonpath='{.data.%s}')", namespace, name, key))
}

// patchBundle is the command that writes the output of another one, base64, into a caBundle. It writes nothing if there
// is none: an empty caBundle would be worse than a wrong one.
func patchBundle(e *Entry, value string) string {
	path := "/spec/caBundle"
	switch e.Object.Kind {
	case KindValidating, KindMutating:
		path = fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", e.Index)
	case KindCRD:
		path = "/spec/conversion/webhook/clientConfig/caBundle"
	}
	const patch = `ca="%s" && test -n "$ca" && ` +
		`kubectl patch %s %s --type=json -p '[{"op":"add","path":"%s","value":"'"$ca"'"}]'`
	return fmt.Sprintf(patch, value, strings.ToLower(e.Object.Kind), e.Object.Name, path)
}

// sentence is an error of several lines as one.
func sentence(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// describe names a certificate.
func describe(c *x509.Certificate) string { return trust.DescribeCertificate(c) }
