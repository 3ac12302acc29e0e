// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/hookstrap/hookstrap/internal/pemtext"
)

// MaxBundleBytes is the size of the largest PEM bundle that is read or written: 1 MiB, somewhat less than the largest
// object which etcd takes by default (1.5 MiB).
const MaxBundleBytes = 1 << 20

const certificateBlock = "CERTIFICATE"

// ParseText is [ParseBundle] for text that no API server judges, such as a file or a ConfigMap: byte order marks are
// skipped as well. What ParseBundle returns of a caBundle has to be what the API server takes of it.
func ParseText(data []byte) (Bundle, error) {
	if pemtext.UTF16(data) {
		return Bundle{}, errors.New("the CA bundle is UTF-16 text: save it as UTF-8")
	}
	return ParseBundle(pemtext.Clean(data))
}

// ParseBundle reads a PEM bundle as the API server reads a caBundle: it takes every CERTIFICATE block without PEM
// headers. Text around the blocks is a comment (RFC 7468, section 5.2). Nothing at all is the empty bundle.
//
// What is not a certificate does not hide those which are: the good ones are returned beside an error which names
// each of the others, and the caller decides. Input above [MaxBundleBytes] is refused as a whole.
func ParseBundle(data []byte) (Bundle, error) {
	if len(data) > MaxBundleBytes {
		return Bundle{}, fmt.Errorf("the CA bundle has %d bytes, more than %d: keep only the CAs that sign for this webhook",
			len(data), MaxBundleBytes)
	}
	var certs []*x509.Certificate
	var problems []error
	blocks, rest := 0, data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks++
		cert, err := parseBlock(block)
		if err != nil {
			problems = append(problems, fmt.Errorf("PEM block %d of the CA bundle %w", blocks, err))
			continue
		}
		certs = append(certs, cert)
	}
	if err := undecoded(data, blocks); err != nil {
		problems = append(problems, err)
	}
	return NewBundle(certs...), errors.Join(problems...)
}

func parseBlock(block *pem.Block) (*x509.Certificate, error) {
	if block.Type != certificateBlock {
		return nil, fmt.Errorf("is a %q: only CERTIFICATE blocks belong there", block.Type)
	}
	if len(block.Headers) > 0 {
		return nil, errors.New("has PEM headers, and the API server skips such blocks: remove the headers")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("is not an X.509 certificate: %w", err)
	}
	return cert, nil
}

// undecoded finds what encoding/pem skips in silence: a block that does not begin on a line of its own, one cut short,
// or a file which is no PEM at all.
func undecoded(data []byte, blocks int) error {
	const begin = "-----BEGIN "
	begun := bytes.Count(data, []byte(begin))
	switch {
	case begun > blocks && bytes.Contains(data, []byte("\ufeff"+begin)):
		return fmt.Errorf("%d of the %d PEM blocks of the CA bundle are not read, because of a byte order mark in front "+
			"of -----BEGIN: save the text as UTF-8 without it", begun-blocks, begun)
	case begun > blocks && bytes.Contains(data, []byte("-----"+begin)):
		return fmt.Errorf("%d of the %d PEM blocks of the CA bundle are not read, because -----BEGIN is on the line on "+
			"which another block ends: put a line break in front of it", begun-blocks, begun)
	case begun > blocks:
		return fmt.Errorf("%d of the %d PEM blocks of the CA bundle are cut short or malformed: copy the bundle again",
			begun-blocks, begun)
	case blocks == 0 && len(bytes.TrimSpace(data)) > 0:
		return errors.New("the CA bundle has no PEM block: expected one or more CERTIFICATE blocks")
	}
	return nil
}

// PEM encodes the bundle: CERTIFICATE blocks without headers, nothing between them, always in the same order. Equal
// bundles give equal bytes; the empty bundle gives none.
func (b Bundle) PEM() []byte {
	texts := make([][]byte, 0, len(b.members))
	for _, m := range b.members {
		texts = append(texts, m.pem())
	}
	return bytes.Join(texts, nil)
}
