// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/trust"
	"github.com/hookstrap/hookstrap/test/pairs"
)

const byteOrderMark = "\ufeff"

// TestByteOrderMarks: every reader of PEM text reads all of it, and none leaves out a certificate without a word. A
// live caBundle is read as the API server does, which does not know the marks.
func TestByteOrderMarks(t *testing.T) {
	now := time.Now()
	root := pairs.Lasting(t, now.Add(-time.Hour), now.Add(time.Hour), []string{"root"})
	intermediate := pairs.Lasting(t, now.Add(-time.Hour), now.Add(time.Hour), []string{"intermediate"})
	marked := []byte(byteOrderMark + string(root.CertPEM()) + byteOrderMark + string(intermediate.CertPEM()))
	both := trust.NewBundle(root.Leaf(), intermediate.Leaf())
	write := func(content []byte) string {
		path := filepath.Join(t.TempDir(), "ca.crt")
		check(t, os.WriteFile(path, content, 0o600))
		return path
	}

	read, err := readBundle(write(marked))
	check(t, err)
	if !read.Equal(both) {
		t.Errorf("the CA file has %s, want %s", read.Describe(), both.Describe())
	}
	clients, err := serving.ReadClientAuth(write(marked), nil)
	check(t, err)
	if len(clients.CAs()) != 2 {
		t.Errorf("%d client CAs, want 2", len(clients.CAs()))
	}
	key, err := root.KeyPEM()
	check(t, err)
	pair, err := serving.ParsePair(slices.Concat([]byte(byteOrderMark), root.CertPEM()),
		slices.Concat([]byte(byteOrderMark), key), marked)
	check(t, err)
	if !pair.Leaf().Equal(root.Leaf()) || len(pair.CAs()) != 2 {
		t.Errorf("the pair is %s with %d CAs", pair, len(pair.CAs()))
	}

	if live, err := trust.ParseBundle(marked); live.Len() != 0 || err == nil {
		t.Errorf("a caBundle is said to have %s (%v), of which the API server takes nothing", live.Describe(), err)
	}
	// What does not begin its line is nothing to encoding/pem.
	text := slices.Concat([]byte("root: "), root.CertPEM(), intermediate.CertPEM())
	if _, err := readBundle(write(text)); err == nil || !strings.Contains(err.Error(), "1 of the 2") {
		t.Errorf("a certificate was left out, and the reading says %v", err)
	}
	text = []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(string(root.CertPEM()))) {
		text = append(text, byte(unit), byte(unit>>8))
	}
	if _, err := readBundle(write(text)); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("UTF-16 is read as %v", err)
	}
}

// TestSkippedBlocksAreNamed: what is no certificate is not used, and said with its position. Keys are expected.
func TestSkippedBlocksAreNamed(t *testing.T) {
	pair := pairs.SelfSigned(t, selfName)
	key, err := pair.KeyPEM()
	check(t, err)
	trusted := strings.ReplaceAll(string(pair.CertPEM()), "CERTIFICATE", "TRUSTED CERTIFICATE")
	parsed, err := serving.ParsePair(slices.Concat(pair.CertPEM(), key, []byte(trusted)), key, pair.CertPEM())
	check(t, err)
	want := `PEM block 3 of the certificate chain is a "TRUSTED CERTIFICATE"`
	if got := strings.Join(parsed.Skipped(), "; "); got != want {
		t.Errorf("skipped is %q, want %q", got, want)
	}
}
