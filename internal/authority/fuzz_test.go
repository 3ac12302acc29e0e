// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"
)

// FuzzParseState: whatever is in the Secret, parseState does not panic, and what it accepts can sign and is trusted.
func FuzzParseState(f *testing.F) {
	good := testState(f).data
	f.Add(good[dataVersion], good[dataCert], good[dataKey], good[dataBundle], good[dataRecord])
	f.Add(good[dataVersion], good[dataCert], testState(f).data[dataKey], []byte(nil), []byte(`{"leafSeconds":1}`))
	f.Add([]byte("2"), []byte("x"), []byte("y"), []byte("z"), []byte("{"))
	f.Fuzz(func(t *testing.T, version, cert, key, bundle, record []byte) {
		read, err := parseState(map[string][]byte{
			dataVersion: version, dataCert: cert, dataKey: key, dataBundle: bundle, dataRecord: record,
		})
		if err != nil {
			return
		}
		if !read.cert.IsCA || !read.bundle.Contains(read.cert) {
			t.Errorf("accepted a CA that is none, or is not trusted: %s", read.bundle.Describe())
		}
		if err := read.check(); err != nil {
			t.Errorf("accepted a pair that cannot sign: %v", err)
		}
	})
}

// FuzzCorrect: whatever is in the Secret, what it is corrected to is sound, keeps what is in memory trusted, and needs
// no further correction.
func FuzzCorrect(f *testing.F) {
	good, memory := testState(f).data, testState(f)
	f.Add(good[dataVersion], good[dataCert], good[dataKey], good[dataBundle], good[dataRecord])
	f.Add([]byte(nil), good[dataCert], []byte("x"), good[dataBundle], []byte("{}"))
	f.Add([]byte("1"), good[dataCert], good[dataKey], []byte("x"), []byte(`{"retired":{"a":"2026-01-01T00:00:00Z"}}`))
	fresh := testCA(f)
	m := moment{now: start(), newCA: func() (*keyPair, error) { return fresh, nil }}
	f.Fuzz(func(t *testing.T, version, cert, key, bundle, record []byte) {
		made, _, err := correct(map[string][]byte{
			dataVersion: version, dataCert: cert, dataKey: key, dataBundle: bundle, dataRecord: record,
		}, memory, DefaultMaxDuration, m)
		if err != nil {
			return // Written by another release.
		}
		read, err := parseState(made.data)
		if err != nil {
			t.Fatalf("what it was corrected to cannot be read: %v", err)
		}
		if !read.bundle.Contains(memory.cert) && !read.record.distrusts(memory.cert) {
			t.Error("a CA whose certificates are in use is no longer trusted")
		}
		if _, step, err := correct(made.data, made, DefaultMaxDuration, m); err != nil || step != nil {
			t.Errorf("it needs another correction: %v, %v", step, err)
		}
	})
}

// FuzzPolicyCheck: whatever the request, Check does not panic, and what it accepts has only names that the policy
// allows and becomes a leaf that verifies under the CA.
func FuzzPolicyCheck(f *testing.F) {
	good, pod := goodDraft(f), goodDraft(f)
	pod.addPod("10.244.0.7", "10-244-0-7")
	pod.addPod("fd00::7", "fd00--7")
	for _, d := range []*requestDraft{good, pod} {
		f.Add(d.object(f).Spec.Request)
	}
	f.Add(bytes.Repeat(good.object(f).Spec.Request, 2))
	ca, policy := testCA(f), testPolicy()
	obj := good.object(f)
	f.Fuzz(func(t *testing.T, request []byte) {
		obj := obj.DeepCopy()
		obj.Spec.Request = request
		parsed, err := policy.Check(obj)
		if err != nil {
			return
		}
		for _, name := range parsed.DNSNames {
			if !slices.Contains(policy.DNSNames, name) && !slices.Contains(policy.podNames(parsed.IPAddresses), name) {
				t.Errorf("accepted the name %q", name)
			}
		}
		encoded, err := issue(ca, grant{request: parsed, usages: obj.Spec.Usages, lifetime: policy.maxDuration()}, start())
		if err != nil {
			t.Fatalf("accepted a request that cannot be signed: %v", err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(ca.cert)
		leaf := must(x509.ParseCertificate(firstBlock(t, encoded)))(t)
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: start()}); err != nil {
			t.Errorf("the leaf does not verify: %v", err)
		}
	})
}

func firstBlock(t *testing.T, encoded []byte) []byte {
	t.Helper()
	i := bytes.Index(encoded, []byte("-----END"))
	j := bytes.IndexByte(encoded[i:], '\n')
	return must(onlyBlock(encoded[:i+j+1], certificatePEMType))(t).Bytes
}
