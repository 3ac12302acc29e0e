// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/utils/ptr"
)

// proposal is a request in terms of what a policy is about, and valid in all other respects.
type proposal struct {
	user, signer, commonName, organization string

	usages      []certificatesv1.KeyUsage
	seconds     int32
	names       []string
	ips         []netip.Addr
	key         modelKey
	constraints bool
}

// modelKey is a key, and whether it may be certified.
type modelKey struct {
	crypto.Signer

	fine bool
}

func modelKeys(t testing.TB) []modelKey {
	t.Helper()
	onCurve := func(curve elliptic.Curve) crypto.Signer { return must(ecdsa.GenerateKey(curve, rand.Reader))(t) }
	rsaBits := func(bits int) crypto.Signer { return must(rsa.GenerateKey(rand.Reader, bits))(t) }
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	return []modelKey{
		{onCurve(elliptic.P256()), true}, {onCurve(elliptic.P384()), true}, {onCurve(elliptic.P521()), true},
		{must(edwards, err)(t), true}, {rsaBits(2048), true},
		{onCurve(elliptic.P224()), false}, {rsaBits(1024), false},
	}
}

// modelUsages are in the order of the bits that choose them; the first three are a server's.
func modelUsages() []certificatesv1.KeyUsage {
	return []certificatesv1.KeyUsage{
		certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth, certificatesv1.UsageKeyEncipherment,
		certificatesv1.UsageClientAuth, certificatesv1.UsageCertSign, certificatesv1.UsageAny, "unknown",
	}
}

// addresses reads as many as fit, of size 4 or 16.
func addresses(data []byte, size int) []netip.Addr {
	var all []netip.Addr
	for chunk := range slices.Chunk(data, size) {
		if addr, ok := netip.AddrFromSlice(chunk); ok && len(chunk) == size {
			all = append(all, addr.Unmap())
		}
	}
	return all
}

// object encodes the proposal; false says that it cannot be encoded.
func (p proposal) object() (*certificatesv1.CertificateSigningRequest, bool) {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: p.commonName}, DNSNames: p.names}
	if p.organization != "" {
		template.Subject.Organization = []string{p.organization}
	}
	for _, ip := range p.ips {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
	}
	if p.constraints {
		isCA := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Value: []byte{0x30, 3, 1, 1, 0xff}}
		template.ExtraExtensions = append(template.ExtraExtensions, isCA)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, p.key)
	obj := &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{
		Request:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		SignerName: p.signer, Username: p.user, Usages: p.usages,
	}}
	if p.seconds != 0 {
		obj.Spec.ExpirationSeconds = ptr.To(p.seconds)
	}
	return obj, err == nil && len(obj.Spec.Request) <= MaxRequestBytes
}

// allowed is the policy of [testPolicy], said once more and in other words.
func (p proposal) allowed() bool {
	server := slices.Contains(p.usages, certificatesv1.UsageDigitalSignature) &&
		slices.Contains(p.usages, certificatesv1.UsageServerAuth)
	for _, usage := range p.usages {
		server = server && slices.Contains(modelUsages()[:3], usage)
	}
	return p.user == "system:serviceaccount:shop:hook" && p.signer == "hookstrap.dev/serving" &&
		server && (p.seconds == 0 || p.seconds >= 600) &&
		p.key.fine && !p.constraints && p.organization == "" &&
		(p.commonName == "" || slices.Contains(p.names, p.commonName)) && p.namesAllowed()
}

func (p proposal) namesAllowed() bool {
	free := []string{"hook", "hook.shop", "hook.shop.svc", "hook.shop.svc.cluster.local"}
	for _, ip := range p.ips {
		elsewhere := ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast()
		own := strings.NewReplacer(".", "-", ":", "-").Replace(ip.String()) + ".shop.pod.cluster.local"
		if named := !elsewhere && slices.Contains(p.names, own); named {
			free = append(free, own)
		} else if ip.String() != "10.96.0.10" {
			return false
		}
	}
	foreign := func(name string) bool { return !slices.Contains(free, name) }
	return len(p.names) > 0 && !slices.ContainsFunc(p.names, foreign)
}

// FuzzPolicyModel: Check accepts what the policy allows, all of it and nothing else.
func FuzzPolicyModel(f *testing.F) {
	const user, signer, name = "system:serviceaccount:shop:hook", "hookstrap.dev/serving", "hook.shop.svc"
	pod := []byte{10, 244, 0, 7}
	f.Add(user, signer, byte(3), int32(0), name, "", "", []byte(nil), []byte(nil), byte(0), false)
	f.Add(user, signer, byte(7), int32(600), "hook hook.shop "+name, "hook", "", []byte{10, 96, 0, 10}, []byte(nil),
		byte(4), false)
	f.Add(user, signer, byte(3), int32(3600), name+" 10-244-0-7.shop.pod.cluster.local", "", "", pod, []byte(nil),
		byte(1), false)
	f.Add(user, signer, byte(3), int32(3600), name+" fd00--7.shop.pod.cluster.local", "", "", []byte(nil),
		append(append([]byte{0xfd}, make([]byte, 14)...), 7), byte(3), false)
	f.Add(user, signer, byte(3), int32(599), name, "", "", []byte(nil), []byte(nil), byte(0), false)
	f.Add(user, signer, byte(0x8b), int32(0), name, "", "", []byte(nil), []byte(nil), byte(2), false)
	f.Add(user, signer, byte(3), int32(0), "*.shop.svc", "", "", []byte(nil), []byte(nil), byte(0), false)
	f.Add(user, signer, byte(3), int32(0), name, "root", "", []byte(nil), []byte(nil), byte(0), false)
	f.Add(user, signer, byte(3), int32(0), name, "", "system:masters", []byte(nil), []byte(nil), byte(0), true)
	f.Add("system:admin", "kubernetes.io/kubelet-serving", byte(1), int32(0), name, "", "", pod, pod, byte(5), false)
	keys, policy := modelKeys(f), testPolicy()
	f.Fuzz(func(t *testing.T, user, signer string, usages byte, seconds int32, names, commonName, organization string,
		v4, v6 []byte, key byte, constraints bool,
	) {
		p := proposal{
			user: user, signer: signer, commonName: commonName, organization: organization, seconds: seconds,
			names: strings.Fields(names), ips: append(addresses(v4, 4), addresses(v6, 16)...),
			key: keys[int(key)%len(keys)], constraints: constraints,
		}
		for i, usage := range modelUsages() {
			if usages&(1<<i) != 0 {
				p.usages = append(p.usages, usage)
			}
		}
		obj, encodable := p.object()
		if !encodable {
			return
		}
		before := bytes.Clone(obj.Spec.Request)
		if _, err := policy.Check(obj); (err == nil) != p.allowed() {
			t.Errorf("Check says %v, and allowed is %t: %+v", err, p.allowed(), p)
		}
		if !bytes.Equal(obj.Spec.Request, before) {
			t.Error("Check changed the request")
		}
	})
}
