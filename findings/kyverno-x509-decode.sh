#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# github.com/kyverno/kyverno v1.19.1 with github.com/kyverno/sdk v0.0.0-20260825082632-68d74afcb07a, and Go 1.26
#
# The documentation says that x509_decode "can be used to check and validate attributes within a certificate such as subject,
# issuer, SAN fields, and expiration time", and names x509.decode as what it becomes in policies in CEL. The two about the
# same certificate:
#
#   of the certificate               x509_decode (JMESPath)     x509.decode (CEL)
#   Subject                          the name                   "no such key: Subject"
#   URIs, SubjectKeyId, Version,     as they are                "no such key"
#   SignatureAlgorithm
#   SerialNumber 1                   1                          1
#   SerialNumber 2^64+5              1.8446744073709552e+19     5
#   SerialNumber 2^63                9.223372036854776e+18      -9.223372036854776e+18
#   key of ECDSA                     "certificate should use    the same
#                                    rsa algorithm"
#
# So a rule on the subject can only be an error, and the number of a certificate (of 64 bits and more with most issuers)
# is another one, that of another certificate, or negative: the lower 64 bits of it. Of a certificate with an ECDSA key,
# which many issuers make, neither of them says anything: not even the expiry, for which no key is asked.
#
# It needs Go, a gigabyte of disk for modules, and takes two minutes. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.6

require (
	github.com/kyverno/kyverno v1.19.1
	github.com/kyverno/sdk v0.0.0-20260825082632-68d74afcb07a
)
MOD

cat >main.go <<'GO'
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/kyverno/kyverno/pkg/config"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
	celx509 "github.com/kyverno/sdk/extensions/cel/libs/x509"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// issue makes a certificate, in PEM.
func issue(key crypto.Signer, serial *big.Int) string {
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "web"},
		NotBefore: time.Now(), NotAfter: time.Date(2099, time.May, 4, 3, 2, 1, 0, time.UTC),
		SubjectKeyId: []byte{1, 2, 3}, DNSNames: []string{"web.default.svc"},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/web"}},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func show(value any, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return fmt.Sprint(value)
}

// ask has both functions say a field of a certificate.
func ask(what, certificate, field string) {
	arguments := map[string]any{"pem": certificate}
	query := jmespath.New(config.NewDefaultConfiguration(false))
	old := show(query.Search("x509_decode(pem)."+field, arguments))

	env := must(cel.NewEnv(celx509.Lib(celx509.Latest()), cel.Variable("pem", cel.StringType)))
	ast, issues := env.Compile("x509.decode(pem)." + field)
	if issues.Err() != nil {
		panic(issues.Err())
	}
	value, _, err := must(env.Program(ast)).Eval(arguments)
	fmt.Printf("%s, %s: JMESPath %s; CEL %s\n", what, field, old, show(value, err))
}

func main() {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	certificate := issue(key, big.NewInt(1))
	for _, field := range []string{"NotAfter", "DNSNames[0]", "Subject.CommonName", "URIs[0].Host", "SubjectKeyId", "Version", "SignatureAlgorithm", "SerialNumber"} {
		ask("RSA", certificate, field)
	}
	large := new(big.Int).Lsh(big.NewInt(1), 64)
	ask("RSA, 2^64+5", issue(key, large.Add(large, big.NewInt(5))), "SerialNumber")
	ask("RSA, 2^63", issue(key, new(big.Int).Lsh(big.NewInt(1), 63)), "SerialNumber")
	ask("ECDSA", issue(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), big.NewInt(1)), "NotAfter")
}
GO

go run -mod=mod . 2>errors | tee seen || { cat errors >&2; exit 1; }
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'RSA, NotAfter: JMESPath 2099-05-04T03:02:01Z; CEL 2099-05-04T03:02:01Z'
expect 'RSA, DNSNames[0]: JMESPath web.default.svc; CEL web.default.svc'
expect 'RSA, Subject.CommonName: JMESPath web; CEL error: no such key: Subject'
expect 'RSA, URIs[0].Host: JMESPath example.com; CEL error: no such key: URIs'
expect 'RSA, SubjectKeyId: JMESPath AQID; CEL error: no such key: SubjectKeyId'
expect 'RSA, Version: JMESPath 3; CEL error: no such key: Version'
expect 'RSA, SignatureAlgorithm: JMESPath 4; CEL error: no such key: SignatureAlgorithm'
expect 'RSA, SerialNumber: JMESPath 1; CEL 1'
expect 'RSA, 2^64+5, SerialNumber: JMESPath 1.8446744073709552e+19; CEL 5'
expect 'RSA, 2^63, SerialNumber: JMESPath 9.223372036854776e+18; CEL -9.223372036854776e+18'
expect 'ECDSA, NotAfter: JMESPath error: certificate should use rsa algorithm; CEL error: certificate should use rsa algorithm'
echo 'as described'
