// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseBundle(t *testing.T) {
	a := newCA(t, "a", noon().Add(time.Hour)).cert
	b := newCA(t, "b", noon().Add(time.Hour)).cert
	block := func(kind string, headers map[string]string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: der}))
	}
	goodA, goodB := block("CERTIFICATE", nil, a.Raw), block("CERTIFICATE", nil, b.Raw)
	none, onlyA, both := Bundle{}, NewBundle(a), NewBundle(a, b)

	for name, tc := range map[string]struct {
		data string
		want Bundle
		err  string // part of the error; "" for none
	}{
		"nothing":             {"", none, ""},
		"white space":         {" \n\t\n", none, ""},
		"one":                 {goodA, onlyA, ""},
		"two, twice":          {goodB + goodA + goodB, both, ""},
		"no final newline":    {strings.TrimSpace(goodA), onlyA, ""},
		"CRLF":                {strings.ReplaceAll(goodA, "\n", "\r\n"), onlyA, ""},
		"comments":            {"# CN=a\n" + goodA + "\n# CN=b\nsome text\n" + goodB, both, ""},
		"text alone":          {"not a bundle", none, "no PEM block"},
		"other block":         {block("EC PRIVATE KEY", nil, []byte{1}) + goodA, onlyA, `PEM block 1 of the CA bundle is a "EC PRIVATE KEY"`},
		"headers":             {goodA + block("CERTIFICATE", map[string]string{"Name": "b"}, b.Raw), onlyA, "PEM block 2 of the CA bundle has PEM headers"},
		"not X.509":           {block("CERTIFICATE", nil, []byte("x")) + goodA, onlyA, "is not an X.509 certificate"},
		"two in one block":    {block("CERTIFICATE", nil, slices.Concat(a.Raw, b.Raw)), none, "is not an X.509 certificate"},
		"cut short":           {goodA + goodB[:len(goodB)/2], onlyA, "1 of the 2 PEM blocks"},
		"cut in the middle":   {goodB[:len(goodB)/2] + "\n" + goodA, onlyA, "1 of the 2 PEM blocks"},
		"bad base64":          {strings.Replace(goodA, "MII", "!!!", 1) + goodB, NewBundle(b), "1 of the 2 PEM blocks"},
		"byte order mark":     {"\ufeff" + goodA, none, "a byte order mark in front of -----BEGIN"},
		"glued":               {strings.TrimSpace(goodA) + goodB, none, "put a line break in front of it"},
		"too large":           {goodA + strings.Repeat(" ", MaxBundleBytes), none, "more than 1048576"},
		"as large as allowed": {goodA + strings.Repeat(" ", MaxBundleBytes-len(goodA)), onlyA, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseBundle([]byte(tc.data))
			if !got.Equal(tc.want) {
				t.Errorf("got %s, want %s", got.Describe(), tc.want.Describe())
			}
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("error %v, want one with %q", err, tc.err)
			}
		})
	}
}

func TestParseBundleNamesEachProblem(t *testing.T) {
	bad := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("very secret")})
	_, err := ParseBundle(slices.Concat(bad, key, []byte("-----BEGIN CERTIFICATE-----\ncut")))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"block 1", "block 2", "1 of the 3"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not say %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("error has the content of a private key: %v", err)
	}
}

func TestPEMIsWhatTheAPIServerReads(t *testing.T) {
	bundle := NewBundle(fourCAs(t)...)
	rest := bundle.PEM()
	for range bundle.Len() {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			t.Fatalf("unexpected block %+v", block)
		}
	}
	if len(rest) > 0 {
		t.Errorf("bytes after the last block: %q", rest)
	}
	if got := (Bundle{}).PEM(); len(got) > 0 {
		t.Errorf("the empty bundle has bytes: %q", got)
	}
}

func FuzzParseBundle(f *testing.F) {
	a := NewBundle(newCA(f, "a", noon().Add(time.Hour)).cert)
	b := NewBundle(newCA(f, "b", noon().Add(time.Hour)).cert)
	f.Add([]byte(nil))
	f.Add([]byte("garbage"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nName: x\n\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add(a.PEM())
	f.Add(slices.Concat(b.PEM(), []byte("# comment\n"), a.PEM(), b.PEM()[:100]))
	f.Fuzz(func(t *testing.T, data []byte) {
		bundle, err := ParseBundle(data)
		if err == nil && bundle.Empty() && len(bytes.TrimSpace(data)) > 0 {
			t.Fatalf("neither a certificate nor an error in %q", data)
		}
		again, err := ParseBundle(bundle.PEM())
		if err != nil {
			t.Fatalf("does not read what it wrote: %v", err)
		}
		if !again.Equal(bundle) || !bytes.Equal(again.PEM(), bundle.PEM()) {
			t.Fatalf("read %s, wrote and read %s", bundle.Describe(), again.Describe())
		}
	})
}
