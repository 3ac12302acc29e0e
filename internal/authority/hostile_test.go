// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/utils/ptr"
)

type hostile struct {
	name  string
	draft func(*requestDraft)
	want  string
}

func runHostile(t *testing.T, cases []hostile) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			d := goodDraft(t)
			tc.draft(d)
			checkReason(t, testPolicy(), d.object(t), tc.want)
		})
	}
}

func TestPolicyRefusesSpec(t *testing.T) {
	usages := func(usages ...certificatesv1.KeyUsage) func(*requestDraft) {
		return func(d *requestDraft) { d.spec.Usages = usages }
	}
	user := func(name string) func(*requestDraft) { return func(d *requestDraft) { d.spec.Username = name } }
	const (
		sign   = certificatesv1.UsageDigitalSignature
		server = certificatesv1.UsageServerAuth
	)
	runHostile(t, []hostile{
		{"another signer", func(d *requestDraft) { d.spec.SignerName = "kubernetes.io/kubelet-serving" }, ReasonWrongSigner},
		{"another service account", user("system:serviceaccount:shop:other"), ReasonRequesterNotAllowed},
		{"another namespace", user("system:serviceaccount:evil:hook"), ReasonRequesterNotAllowed},
		{"an administrator", user("system:admin"), ReasonRequesterNotAllowed},
		{"nobody", user(""), ReasonRequesterNotAllowed},
		{"a name that begins like the requester's", user("system:serviceaccount:shop:hook2"), ReasonRequesterNotAllowed},
		{"client auth", usages(sign, server, certificatesv1.UsageClientAuth), ReasonUsagesNotAllowed},
		{"cert sign", usages(sign, server, certificatesv1.UsageCertSign), ReasonUsagesNotAllowed},
		{"any", usages(sign, server, certificatesv1.UsageAny), ReasonUsagesNotAllowed},
		{"an unknown usage", usages(sign, server, "\x1b[31mfly"), ReasonUsagesNotAllowed},
		{"no server auth", usages(sign), ReasonUsagesNotAllowed},
		{"no digital signature", usages(server), ReasonUsagesNotAllowed},
		{"no usages", usages(), ReasonUsagesNotAllowed},
		{"599 seconds", func(d *requestDraft) { d.spec.ExpirationSeconds = ptr.To[int32](599) }, ReasonDurationTooShort},
		{"negative seconds", func(d *requestDraft) { d.spec.ExpirationSeconds = ptr.To[int32](-1) }, ReasonDurationTooShort},
	})
}

func TestPolicyRefusesEncoding(t *testing.T) {
	replace := func(with string) func(*requestDraft) {
		return func(d *requestDraft) { d.pem = func([]byte) []byte { return []byte(with) } }
	}
	around := func(before, after string) func(*requestDraft) {
		return func(d *requestDraft) {
			d.pem = func(b []byte) []byte { return bytes.Join([][]byte{[]byte(before), b, []byte(after)}, nil) }
		}
	}
	runHostile(t, []hostile{
		{"nothing", replace(""), ReasonRequestMalformed},
		{"garbage", replace("no PEM at all"), ReasonRequestMalformed},
		{"an empty block", replace("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"),
			ReasonRequestMalformed},
		{"text before", around("Certificate Request:\n", ""), ReasonRequestMalformed},
		{"text after", around("", "trailing"), ReasonRequestMalformed},
		{"two blocks", func(d *requestDraft) { d.pem = func(b []byte) []byte { return append(b, b...) } }, ReasonRequestMalformed},
		{"a broken block before", around("-----BEGIN CERTIFICATE REQUEST-----\n!\n", ""), ReasonRequestMalformed},
		{"another type", func(d *requestDraft) {
			d.pem = func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(" REQUEST"), nil) }
		}, ReasonRequestMalformed},
		{"PEM headers", func(d *requestDraft) {
			d.pem = func(b []byte) []byte { return bytes.Replace(b, []byte("-----\n"), []byte("-----\nA: b\n\n"), 1) }
		}, ReasonRequestMalformed},
		{"more DER after the request", func(d *requestDraft) {
			d.der = func(b []byte) []byte { return append(b, 5, 0) }
		}, ReasonRequestMalformed},
		{"DER cut short", func(d *requestDraft) { d.der = func(b []byte) []byte { return b[:len(b)-9] } }, ReasonRequestMalformed},
		{"too large", replace(strings.Repeat("x", MaxRequestBytes+1)), ReasonRequestMalformed},
		{"a flipped bit in the signature", func(d *requestDraft) {
			d.der = func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
		}, ReasonSignatureInvalid},
		{"somebody else's key", func(d *requestDraft) {
			d.der = withPublicKey(t, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t).Public())
		}, ReasonSignatureInvalid},
	})
}

func TestPolicyRefusesKeys(t *testing.T) {
	rsaBits := func(bits int) func(*requestDraft) {
		modulus := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
		return func(d *requestDraft) { d.der = withPublicKey(t, &rsa.PublicKey{N: modulus, E: 65537}) }
	}
	runHostile(t, []hostile{
		{"RSA 1024", rsaBits(1024), ReasonKeyNotAllowed},
		{"RSA 2047", rsaBits(2047), ReasonKeyNotAllowed},
		{"RSA 8193", rsaBits(8193), ReasonKeyNotAllowed},
		{"ECDSA P-224", func(d *requestDraft) {
			d.key = must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))(t)
		}, ReasonKeyNotAllowed},
		{"X25519", func(d *requestDraft) {
			d.der = withPublicKey(t, must(ecdh.X25519().GenerateKey(rand.Reader))(t).Public())
		}, ReasonKeyNotAllowed},
	})
}

func TestPolicyRefusesSubject(t *testing.T) {
	subject := func(name pkix.Name) func(*requestDraft) { return func(d *requestDraft) { d.template.Subject = name } }
	long := strings.Repeat("a", 60) + ".example"
	runHostile(t, []hostile{
		{"a foreign common name", subject(pkix.Name{CommonName: "kubernetes.default.svc"}), ReasonCommonNameNotAllowed},
		{"an allowed name that is not a SAN", subject(pkix.Name{CommonName: "hook"}), ReasonCommonNameNotAllowed},
		{"a common name beyond 64 characters", func(d *requestDraft) {
			d.template.Subject.CommonName, d.template.DNSNames = long, []string{long}
		}, ReasonCommonNameNotAllowed},
		{"an organization", subject(pkix.Name{CommonName: serverName, Organization: []string{"system:masters"}}),
			ReasonSubjectNotAllowed},
		{"only an organization", subject(pkix.Name{Organization: []string{"system:nodes"}}), ReasonSubjectNotAllowed},
		{"two common names", subject(pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: oidCommonName(), Value: "root"}, {Type: oidCommonName(), Value: serverName},
		}}), ReasonSubjectNotAllowed},
		{"a serial number", subject(pkix.Name{SerialNumber: "7"}), ReasonSubjectNotAllowed},
	})
}

func TestPolicyRefusesExtensions(t *testing.T) {
	extension := func(last int, value ...byte) func(*requestDraft) {
		return func(d *requestDraft) { d.extend(asn1.ObjectIdentifier{2, 5, 29, last}, value) }
	}
	san := func(value ...byte) func(*requestDraft) {
		return func(d *requestDraft) {
			d.template.DNSNames = nil
			d.extend(oidSubjectAltName(), value)
		}
	}
	runHostile(t, []hostile{
		{"basic constraints, CA", extension(19, 0x30, 3, 1, 1, 0xff), ReasonExtensionNotAllowed},
		{"basic constraints, not CA", extension(19, 0x30, 0), ReasonExtensionNotAllowed},
		{"key usage certificate signing", extension(15, 3, 2, 2, 4), ReasonExtensionNotAllowed},
		{"extended key usage any", extension(37, 0x30, 6, 6, 4, 0x55, 0x1d, 0x25, 0), ReasonExtensionNotAllowed},
		{"name constraints", extension(30, 0x30, 0), ReasonExtensionNotAllowed},
		{"an unknown extension", extension(99, 5, 0), ReasonExtensionNotAllowed},
		{"a SAN of kind otherName", san(0x30, 7, 0xa0, 5, 6, 1, 0x29, 0xa0, 0), ReasonSANTypeNotAllowed},
		{"a SAN of kind directoryName", san(0x30, 4, 0xa4, 2, 0x30, 0), ReasonSANTypeNotAllowed},
		{"a SAN of kind registeredID", san(0x30, 3, 0x88, 1, 0x29), ReasonSANTypeNotAllowed},
		{"a URI", func(d *requestDraft) {
			d.template.URIs = []*url.URL{{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/kube-system"}}
		}, ReasonSANTypeNotAllowed},
		{"an e-mail address", func(d *requestDraft) { d.template.EmailAddresses = []string{"root@example.com"} },
			ReasonSANTypeNotAllowed},
	})
}

func TestPolicyRefusesNames(t *testing.T) {
	names := func(names ...string) func(*requestDraft) {
		return func(d *requestDraft) { d.template.Subject, d.template.DNSNames = pkix.Name{}, names }
	}
	addresses := func(ips ...string) func(*requestDraft) {
		return func(d *requestDraft) {
			for _, ip := range ips {
				d.template.IPAddresses = append(d.template.IPAddresses, net.ParseIP(ip))
			}
		}
	}
	pod := func(ip, label string) func(*requestDraft) { return func(d *requestDraft) { d.addPod(ip, label) } }
	runHostile(t, []hostile{
		{"no names at all", names(), ReasonSANsMissing},
		{"addresses only", func(d *requestDraft) { names()(d); addresses("10.96.0.10")(d) }, ReasonSANsMissing},
		{"the API server's name", names(serverName, "kubernetes.default.svc"), ReasonDNSNameNotAllowed},
		{"another Service", names("other.shop.svc"), ReasonDNSNameNotAllowed},
		{"the same Service elsewhere", names("hook.evil.svc"), ReasonDNSNameNotAllowed},
		{"below an allowed name", names("a." + serverName), ReasonDNSNameNotAllowed},
		{"an allowed name with a trailing dot", names(serverName + "."), ReasonDNSNameNotAllowed},
		{"an allowed name in capitals", names("HOOK.shop.svc"), ReasonDNSNameNotAllowed},
		{"an allowed name and a NUL", names(serverName + "\x00.evil"), ReasonDNSNameNotAllowed},
		{"terminal controls", names("\x1b[2Jx"), ReasonDNSNameNotAllowed},
		{"an empty name", names(serverName, ""), ReasonDNSNameNotAllowed},
		{"a very long name", names(strings.Repeat("a.", 5000)), ReasonDNSNameNotAllowed},
		{"a wildcard", names("*.shop.svc"), ReasonWildcardNotAllowed},
		{"the bare wildcard", names("*"), ReasonWildcardNotAllowed},
		{"a pod's name without its address", names(serverName, "10-244-0-7.shop.pod.cluster.local"),
			ReasonDNSNameNotAllowed},
		{"a pod's name with another address", pod("10.244.0.8", "10-244-0-7"), ReasonDNSNameNotAllowed},
		{"a pod of another namespace", func(d *requestDraft) {
			names(serverName, "10-244-0-7.evil.pod.cluster.local")(d)
			addresses("10.244.0.7")(d)
		}, ReasonDNSNameNotAllowed},
		{"an address without its pod's name", addresses("10.244.0.7"), ReasonIPAddressNotAllowed},
		{"one good and one foreign address", addresses("10.96.0.10", "10.96.0.1"), ReasonIPAddressNotAllowed},
		{"loopback as a pod", pod("127.0.0.1", "127-0-0-1"), ReasonDNSNameNotAllowed},
		{"IPv6 loopback", addresses("::1"), ReasonIPAddressNotAllowed},
		{"unspecified as a pod", pod("0.0.0.0", "0-0-0-0"), ReasonDNSNameNotAllowed},
		{"multicast as a pod", pod("224.0.0.1", "224-0-0-1"), ReasonDNSNameNotAllowed},
		{"the metadata service as a pod", pod("169.254.169.254", "169-254-169-254"), ReasonDNSNameNotAllowed},
	})
}
