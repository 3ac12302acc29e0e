// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/identity"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// The parsers of the flags. Each judges one value by itself, with the code that will use it.

// validIn lets package identity judge a text that is one of its inputs, the others being good ones.
func validIn(in identity.Inputs, text string) (string, error) {
	_, err := identity.New(in)
	return text, err
}

func parseService(text string) (string, error) {
	return validIn(identity.Inputs{Service: text, Namespace: "namespace"}, text)
}

func parseNamespace(text string) (string, error) {
	return validIn(identity.Inputs{Service: "service", Namespace: text}, text)
}

func parseClusterDomain(text string) (string, error) {
	return validIn(identity.Inputs{Service: "service", Namespace: "namespace", ClusterDomain: text}, text)
}

func parseExtraSAN(text string) (string, error) {
	return validIn(identity.Inputs{Service: "service", Namespace: "namespace", ExtraSANs: []string{text}}, text)
}

func parsePodIP(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, fmt.Errorf("%q is not an IP address", text)
	}
	_, err = identity.New(identity.Inputs{Service: "service", Namespace: "namespace", PodIPs: []netip.Addr{ip}})
	return ip, err
}

// parseTarget reads the name of an object with a caBundle, or "none", which is the zero Target.
func parseTarget(text string) (trust.Target, error) {
	if text == "none" {
		return trust.Target{}, nil
	}
	return trust.ParseTarget(text)
}

// parseObjectName takes what a Secret, a ServiceAccount or a role may be called: a DNS subdomain.
func parseObjectName(text string) (string, error) {
	if len(validation.IsDNS1123Subdomain(text)) > 0 {
		return "", fmt.Errorf("%q is not the name of an object: use lower-case letters, digits, '-' and '.'", text)
	}
	return text, nil
}

func parseSignerName(text string) (string, error) {
	_, err := signer.Lookup(text)
	return text, err
}

func parseCertificateDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration: write it like 24h or 90m", text)
	case d != 0 && d < csr.MinDuration:
		return 0, fmt.Errorf("%s is too short: the API server takes %s and more", d, csr.MinDuration)
	case d > csr.MaxDuration:
		return 0, fmt.Errorf("%s is too long: a request can say %s and less", d, csr.MaxDuration)
	default:
		return d, nil
	}
}

func parseDelay(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration of 0s or more: write it like 10s", text)
	}
	return d, nil
}

func parseAuditInterval(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("%q is not a duration of 1s or more: write it like 10m", text)
	}
	return d, nil
}

func parseBindAddress(text string) (string, error) {
	if _, err := netip.ParseAddr(text); err != nil {
		return "", fmt.Errorf("%q is not an IP address: use 0.0.0.0 or :: for all interfaces", text)
	}
	return text, nil
}

func parsePort(text string) (int, error) {
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%q is not a port: use 1 to 65535", text)
	}
	return port, nil
}

// parseListenAddress takes host:port or :port; "0" turns the endpoint off, as in controller-runtime.
func parseListenAddress(text string) (string, error) {
	if text == "0" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q is not an address: write it like :8080 or 127.0.0.1:8080", text)
	}
	if _, err := parsePort(port); err != nil {
		return "", err
	}
	if host == "" {
		return text, nil
	}
	_, err = parseBindAddress(host)
	return text, err
}

// parseSelfAddress reads host:port; "" and "0" mean none.
func parseSelfAddress(text string) (string, error) {
	if text == "" || text == "0" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return "", fmt.Errorf("%q is not an address: write it like 127.0.0.1:9443", text)
	}
	_, err = parsePort(port)
	return text, err
}

func parseTimeout(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration of more than 0s: write it like 2m", text)
	}
	return d, nil
}

// parseSocketPath takes a path that fits into the address of a Unix socket, which has 104 bytes for it on some systems.
func parseSocketPath(text string) (string, error) {
	if !filepath.IsAbs(text) || len(text) > 103 {
		return "", fmt.Errorf("%q cannot be the path of a Unix socket: use an absolute path of 103 bytes at most", text)
	}
	return text, nil
}

func parseTLSVersion(text string) (uint16, error) {
	v, err := cliflag.TLSVersion(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("unknown TLS version %q: use VersionTLS12 or VersionTLS13", text)
	case v < tls.VersionTLS12:
		return 0, fmt.Errorf("TLS version %q is too old to be safe: use VersionTLS12 or VersionTLS13", text)
	default:
		return v, nil
	}
}

func parseCipherSuite(text string) (uint16, error) {
	suites, err := cliflag.TLSCipherSuites([]string{text})
	if err != nil {
		return 0, fmt.Errorf("unknown cipher suite %q: use one of %v", text, cliflag.PreferredTLSCipherNames())
	}
	return suites[0], nil
}

// parseFile takes a file that can be read now.
func parseFile(text string) (string, error) {
	file, err := os.Open(text) // #nosec G304 -- the flag's purpose.
	if err != nil {
		return "", err
	}
	return text, file.Close()
}

// parseBundleFile takes a file that holds CA certificates now.
func parseBundleFile(text string) (string, error) {
	pem, err := os.ReadFile(text) // #nosec G304 -- the flag's purpose.
	if err != nil {
		return "", err
	}
	bundle, err := trust.ParseText(pem)
	if err != nil {
		return "", err
	}
	if bundle.Empty() {
		return "", fmt.Errorf("%s holds no certificate", text)
	}
	return text, nil
}

// parseClientCAFile takes a file that holds client CAs now.
func parseClientCAFile(text string) (string, error) {
	_, err := serving.ReadClientAuth(text, nil)
	return text, err
}

func parseClientName(text string) (string, error) {
	if text == "" {
		return "", errors.New("a name is empty: write the common name or a DNS name of the client's certificate")
	}
	return text, nil
}
