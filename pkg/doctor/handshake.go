// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/hookstrap/hookstrap/internal/fault"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// handshakes judges what servers present.
type handshakes struct{ *examination }

// handshakes judges what the servers of an entry presented. Servers with the same fault are one finding.
func (x handshakes) handshakes(e *Entry) {
	shaken := x.facts.Handshakes[e.Destination()]
	for _, h := range shaken {
		switch h.Stage {
		case Unreached:
			x.unreached = append(x.unreached, h)
		case Refused:
			x.find(e, IDRefused, x.listen(e, h), "%s does not accept connections: %s", h.where(), sentence(h.Err))
		case Failed:
			x.failed(e, h)
		case Done:
			x.verify(e, h)
		}
	}
	if e.Unavailable != "" && len(shaken) == 0 {
		x.find(e, IDUnavailable, "kubectl describe apiservice "+e.Object.Name, "it is not available: %s", e.Unavailable)
	}
}

// mostUnreached is how many servers to which there was no way are named.
const mostUnreached = 3

// unjudged are the servers to which there was no way from here, each once. That says nothing about the API server's
// way.
func (x handshakes) unjudged() []Unread {
	var all []Unread
	named := map[string]bool{}
	for _, h := range x.unreached {
		if named[h.where()] {
			continue
		}
		if named[h.where()] = true; len(named) <= mostUnreached {
			all = append(all, Unread{Resource: "pods/portforward", Namespace: h.Pod.Namespace, Reason: fmt.Sprintf(
				"%s was not reached from here, so that its certificate is not judged: %s", h.where(), sentence(h.Err))})
		}
	}
	if more := len(named) - mostUnreached; more > 0 {
		all = append(all, Unread{Resource: "pods/portforward", Reason: fmt.Sprintf(
			"%d more servers were not reached from here", more)})
	}
	return all
}

// listen is the fix for a refused connection: the ports that the containers have are what the targetPort may be meant
// to be.
func (x handshakes) listen(e *Entry, h Handshake) string {
	if pod := x.index.pods[h.Pod]; pod != nil {
		var ports []string
		for _, p := range portsOfPod(&pod.Spec) {
			if fmt.Sprint(p.ContainerPort) != h.Address {
				ports = append(ports, fmt.Sprint(p.ContainerPort))
			}
		}
		name, port, _ := e.service()
		if len(ports) > 0 {
			return fmt.Sprintf("kubectl -n %s edit service %s # set the targetPort of port %d to the TLS port of the "+
				"container, which declares %s", name.Namespace, name.Name, port, strings.Join(ports, ", "))
		}
		return fmt.Sprintf("kubectl -n %s logs %s # have the server listen on %s, on all addresses of its Pod",
			h.Pod.Namespace, h.Pod.Name, h.Address)
	}
	return "start the server, or correct the address"
}

// failed judges a handshake that ended before a certificate was shown.
func (x handshakes) failed(e *Entry, h Handshake) {
	switch fault.Of(h.Err, x.facts.Now) {
	case IDNotTLS:
		x.find(e, IDNotTLS, "set the Service's targetPort to the server's TLS port, or give the server a certificate",
			"%s does not speak TLS: %s", h.where(), sentence(h.Err))
	case IDProtocol:
		x.find(e, IDProtocol, "have the server offer http/1.1 in ALPN (NextProtos in Go)",
			"%s refuses HTTP/1.1 in the handshake: %s", h.where(), sentence(h.Err))
	default:
		fix := "read the server's log: it may have no certificate yet, or speak no version that the API server speaks"
		if h.Pod.Name != "" {
			fix = fmt.Sprintf("kubectl -n %s logs %s # it may have no certificate yet", h.Pod.Namespace, h.Pod.Name)
		}
		x.find(e, IDHandshake, fix, "the TLS handshake with %s fails: %s", h.where(), sentence(h.Err))
	}
}

// verify does with the caBundle what the API server does.
func (x handshakes) verify(e *Entry, h Handshake) {
	if e.Insecure {
		return
	}
	if err := x.verified(e, h); err != nil {
		x.untrusted(e, h, err)
		return
	}
	expiries(x).expiry(e, h)
}

// verified verifies with the roots of this machine if there is no caBundle, as the API server does with its own.
func (x handshakes) verified(e *Entry, h Handshake) error {
	if len(e.ClientConfig.CABundle) > 0 {
		return trust.VerifyLive(e.ClientConfig.CABundle, h.Chain, e.ServerName(), x.facts.Now)
	}
	intermediates := x509.NewCertPool()
	for _, c := range h.Chain[1:] {
		intermediates.AddCert(c)
	}
	_, err := h.Chain[0].Verify(x509.VerifyOptions{
		DNSName: e.ServerName(), Intermediates: intermediates, CurrentTime: x.facts.Now,
	})
	return err
}

// untrusted sorts the errors of crypto/x509.
func (x handshakes) untrusted(e *Entry, h Handshake, err error) {
	var invalid x509.CertificateInvalidError
	errors.As(err, &invalid)
	leaf, restart := h.Chain[0], ""
	if h.Pod.Name != "" {
		restart = fmt.Sprintf("; if the server has not read a certificate that was renewed, restart it: kubectl -n %s "+
			"delete pod %s", h.Pod.Namespace, h.Pod.Name)
	}
	switch fault.Of(err, x.facts.Now) {
	case IDWrongName:
		x.find(e, IDWrongName, fmt.Sprintf("add the SAN %s to the certificate (if cert-manager issues it: to "+
			"spec.dnsNames of its Certificate)", e.ServerName()),
			"%s presents a certificate for %s, and the API server asks for %s", h.where(), names(leaf), e.ServerName())
	case IDUntrusted:
		x.find(e, IDUntrusted, cmp.Or(x.missingCA(e, h), "put the CA that signed it into the "+
			"caBundle: "+writeBundle(e))+restart,
			"%s presents %s, issued by %s, which the caBundle does not verify: it has %s%s%s", h.where(), describe(leaf),
			issuer(h.Chain), bundleText(e), namesake(e, h.Chain), writers(x).lastWriter(e))
	case IDNotYetValid:
		x.find(e, IDNotYetValid, "compare the clocks of the signer, of the node and of the API server",
			"%s presents a certificate that is valid from %s on", h.where(), day(invalid.Cert.NotBefore))
	case IDExpired:
		x.find(e, IDExpired, "renew the certificate"+restart, "%s presents a chain of which %s has expired", h.where(),
			describe(invalid.Cert))
	case IDUsage:
		x.find(e, IDUsage, "issue the certificate with the extended key usage server auth, and its CA with none or the same",
			"%s presents %s, which may not be used for servers", h.where(), describe(leaf))
	default:
		x.find(e, IDInvalid, "issue another certificate", "%s presents a certificate that does not verify: %s", h.where(),
			sentence(err))
	}
}

// missingCA is the fix if a CA in a Secret verifies what the caBundle does not.
func (x handshakes) missingCA(e *Entry, h Handshake) string {
	for _, stored := range x.storedOf(e) {
		if trust.VerifyLive(stored.CA, h.Chain, e.ServerName(), x.facts.Now) == nil {
			return fmt.Sprintf("the CA in Secret %s verifies it: have the controller that copies it into the caBundle run, or "+
				"copy it: %s", stored.Secret, copyBundle(e, stored))
		}
	}
	return ""
}

func bundleText(e *Entry) string {
	if len(e.ClientConfig.CABundle) == 0 {
		return "none, and the roots of this machine do not verify it either"
	}
	bundle, _ := trust.ParseBundle(e.ClientConfig.CABundle) // What cannot be read is a finding of its own.
	return bundle.Describe()
}

// namesake says that a CA of the caBundle has the name of the one that signed a chain, and is another.
func namesake(e *Entry, chain []*x509.Certificate) string {
	bundle, _ := trust.ParseBundle(e.ClientConfig.CABundle)
	for _, c := range bundle.Certificates() {
		if bytes.Equal(c.RawSubject, chain[len(chain)-1].RawIssuer) {
			return ", another CA of the same name"
		}
	}
	return ""
}

// issuer names who signed the last certificate of a chain.
func issuer(chain []*x509.Certificate) string {
	return cmp.Or(chain[len(chain)-1].Issuer.String(), "an issuer without a name")
}

// names are what a certificate is for.
func names(c *x509.Certificate) string {
	all := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name at all (SANs; the common name " + c.Subject.CommonName + " does not count)"
	}
	if len(all) > 5 {
		all = append(all[:5], "…")
	}
	return strings.Join(all, ", ")
}
