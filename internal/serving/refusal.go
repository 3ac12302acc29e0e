// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"time"

	"k8s.io/klog/v2"
)

// refusedError is why a handshake ended. It says that the log has the rest.
type refusedError struct{ reason error }

// refusedPrefix lets [ErrorLog] know what has been logged already, and better.
const refusedPrefix = "client certificate refused: "

func (e *refusedError) Error() string { return refusedPrefix + e.reason.Error() }
func (e *refusedError) Unwrap() error { return e.reason }

// guard returns the configuration of one handshake: c, with a decision about the client that also holds when a session
// is resumed, and one line in the log about each that is refused. The logger is taken from the handshake's context.
func guard(c *tls.Config, clients *ClientAuth, hello *tls.ClientHelloInfo, limit *limiter) *tls.Config {
	outer, now := c.VerifyConnection, time.Now
	if c.Time != nil {
		now = c.Time
	}
	c = c.Clone()
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if err := clients.verify(s.PeerCertificates, now()); err != nil {
			logRefusal(hello, s.PeerCertificates, err, limit)
			return &refusedError{err}
		}
		if outer != nil {
			return outer(s)
		}
		return nil
	}
	return c
}

// logRefusal says who was refused and why: all that the other side is told is "bad certificate".
func logRefusal(hello *tls.ClientHelloInfo, presented []*x509.Certificate, reason error, limit *limiter) {
	address, subject, issuer, names := "", "", "", []string(nil)
	if hello.Conn != nil {
		address = hello.Conn.RemoteAddr().String()
	}
	if len(presented) > 0 {
		leaf := presented[0]
		subject, issuer, names = clip(leaf.Subject.String()), clip(leaf.Issuer.String()), clipAll(leaf.DNSNames)
	}
	pass, before := limit.pass(hostOf(address)+"\x00"+subject+"\x00"+issuer, time.Now())
	if !pass {
		return
	}
	klog.FromContext(hello.Context()).Info("Refused a client", "client", address, "subject", subject, "issuer", issuer,
		"dnsNames", names, "reason", reason.Error(), "unlogged", before)
}

// What a client puts into its certificate is as long as it likes, and the log is not.
const (
	longestText = 256
	mostTexts   = 8
)

func clip(text string) string {
	if len(text) > longestText {
		return strings.ToValidUTF8(text[:longestText], "") + "…"
	}
	return text
}

func clipAll(texts []string) []string {
	clipped := make([]string, 0, mostTexts)
	for _, text := range texts[:min(len(texts), mostTexts)] {
		clipped = append(clipped, clip(text))
	}
	return clipped
}

// hostOf drops the port: a client has another one in each connection.
func hostOf(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}
