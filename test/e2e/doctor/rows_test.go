// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func unchanged(*testing.T, *place) {}

// healthy are situations in which nothing is wrong.
func healthy() []row {
	return []row{
		{"healthy", unchanged, nil},
		{"healthy, a chain with an intermediate", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, isCA, subject("intermediate")).signed(t, named(p.host())), true)
		}, nil},
		{"healthy, a leaf that is its own root", func(t *testing.T, p *place) {
			leaf := (*authority)(nil).signed(t, named(p.host()))
			p.serves(leaf, true)
			p.webhook.ClientConfig.CABundle = leaf.pem()
		}, nil},
		{"healthy, two CAs of one name, one expired", func(t *testing.T, p *place) {
			old := (*authority)(nil).signed(t, isCA, valid(-9*day, -day))
			p.webhook.ClientConfig.CABundle = append(old.pem(), p.ca.pem()...)
		}, nil},
		{"healthy, text around the blocks", func(_ *testing.T, p *place) {
			p.webhook.ClientConfig.CABundle = bytes.ReplaceAll(append([]byte("# our CA\r\n"), p.ca.pem()...), []byte("\n"), []byte("\r\n"))
		}, nil},
		{"healthy, client certificates are asked for", func(_ *testing.T, p *place) {
			p.tls.ClientAuth = tls.RequestClientCert
		}, nil},
		{"healthy, TLS 1.2", func(_ *testing.T, p *place) { p.tls.MaxVersion = tls.VersionTLS12 }, nil},
		{"healthy, HTTP/2 alone is offered", func(_ *testing.T, p *place) { p.tls.NextProtos = []string{"h2"} }, nil},
		{"healthy, a NetworkPolicy for the Pod's port", func(_ *testing.T, p *place) {
			p.policy = policy(networkingv1.NetworkPolicyIngressRule{Ports: ports(podPort)})
		}, nil},
		{"healthy, a policy for egress", func(_ *testing.T, p *place) {
			p.policy = policy()
			p.policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
		}, nil},
		{"healthy, a named targetPort", func(_ *testing.T, p *place) {
			p.service.Spec.Ports[0].TargetPort = intstr.FromString("https")
		}, nil},
		{"healthy, a certificate of a day", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, named(p.host()), valid(-12*time.Hour, 12*time.Hour)), true)
		}, nil},
		{"healthy, it fails open", func(_ *testing.T, p *place) {
			p.webhook.FailurePolicy = new(admissionregistrationv1.Ignore)
		}, nil},
	}
}

// onTheWay are faults before the server.
func onTheWay() []row {
	return []row{
		{"no Service", func(_ *testing.T, p *place) { p.service = nil }, []string{"service-missing"}},
		{"headless", func(_ *testing.T, p *place) { p.service.Spec.ClusterIP = "None" }, []string{"service-headless"}},
		{"another port", func(_ *testing.T, p *place) { p.webhook.ClientConfig.Service.Port = ptr.To[int32](443) },
			[]string{"service-port-missing"}},
		{"UDP", func(_ *testing.T, p *place) {
			p.service.Spec.Ports[0].Protocol, p.slice = corev1.ProtocolUDP, nil
		}, []string{"service-port-not-tcp"}},
		{"it selects no Pod", func(_ *testing.T, p *place) {
			p.service.Spec.Selector, p.slice = map[string]string{"app": "wed"}, nil
		}, []string{"endpoints-missing"}},
		{"no selector and no endpoints", func(_ *testing.T, p *place) {
			p.service.Spec.Selector, p.slice = nil, nil
		}, []string{"endpoints-missing"}},
		{"no Pod", func(_ *testing.T, p *place) { p.pod, p.slice = nil, nil }, []string{"endpoints-missing"}},
		{"the Pod is not ready", func(_ *testing.T, p *place) {
			p.slice.Endpoints[0].Conditions.Ready = new(false)
			p.pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "web", RestartCount: 7, State: corev1.ContainerState{
				Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}
		}, []string{"endpoints-not-ready"}},
		{"the named targetPort is no port", func(_ *testing.T, p *place) {
			p.service.Spec.Ports[0].TargetPort, p.slice = intstr.FromString("webhook"), nil
		}, []string{"target-port-missing"}},
		{"the targetPort is another one", func(_ *testing.T, p *place) {
			p.service.Spec.Ports[0].TargetPort, p.slice.Ports[0].Port = intstr.FromInt32(8080), ptr.To[int32](8080)
		}, []string{"connection-refused"}},
		{"a policy for the Service's port", func(_ *testing.T, p *place) {
			p.policy = policy(networkingv1.NetworkPolicyIngressRule{Ports: ports(443)})
		}, []string{"network-policy-port"}},
		{"a policy that allows nothing", func(_ *testing.T, p *place) { p.policy = policy() }, []string{"network-policy-port"}},
		{"a policy for Pods", func(_ *testing.T, p *place) {
			p.policy = policy(networkingv1.NetworkPolicyIngressRule{Ports: ports(podPort), From: []networkingv1.NetworkPolicyPeer{{
				NamespaceSelector: &metav1.LabelSelector{}}}})
		}, []string{"network-policy-source"}},
	}
}

// bundles are faults of a caBundle.
func bundles() []row {
	set := func(bundle func(ca []byte) []byte) func(*testing.T, *place) {
		return func(_ *testing.T, p *place) { p.webhook.ClientConfig.CABundle = bundle(p.ca.pem()) }
	}
	unusable := []string{"ca-bundle-unusable"}
	return []row{
		{"no caBundle", set(func([]byte) []byte { return nil }), []string{"ca-bundle-missing"}},
		{"a line break", set(func([]byte) []byte { return []byte("\n") }), unusable},
		{"glued", set(func(ca []byte) []byte { return append(bytes.TrimSpace(ca), ca...) }), unusable},
		{"PEM headers", set(func(ca []byte) []byte {
			return bytes.Replace(ca, []byte("CERTIFICATE-----\n"), []byte("CERTIFICATE-----\nOwner: us\n\n"), 1)
		}), unusable},
		{"a byte order mark", set(func(ca []byte) []byte { return append([]byte("\ufeff"), ca...) }), unusable},
		{"a text", set(func([]byte) []byte { return []byte("<no value>") }), unusable},
		{"base64 of base64", set(func([]byte) []byte { return []byte("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t") }), unusable},
		{"another block", set(func(ca []byte) []byte { return bytes.ReplaceAll(ca, []byte("CERTIFICATE"), []byte("PUBLIC KEY")) }), unusable},
		{"cut short", set(func(ca []byte) []byte { return ca[:len(ca)-40] }), unusable},
		{"no DER in it", set(func([]byte) []byte { return []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") }), unusable},
		{"one good and one cut short", set(func(ca []byte) []byte { return append(ca, ca[:len(ca)-40]...) }), []string{"ca-bundle-partly-read"}},
		{"expired", func(t *testing.T, p *place) {
			p.webhook.ClientConfig.CABundle = (*authority)(nil).signed(t, isCA, valid(-9*day, -day)).pem()
		}, []string{"ca-bundle-expired"}},
		{"many of one name", func(t *testing.T, p *place) {
			for range 60 {
				p.webhook.ClientConfig.CABundle = append(p.webhook.ClientConfig.CABundle, (*authority)(nil).signed(t, isCA).pem()...)
			}
		}, []string{"ca-bundle-crowded"}},
	}
}

// connections are faults of a handshake.
func connections() []row {
	return []row{
		{"no TLS", func(_ *testing.T, p *place) { p.plain = true }, []string{"server-speaks-no-tls"}},
		{"no certificate yet", func(_ *testing.T, p *place) {
			p.tls = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }}
		}, []string{"handshake-failed"}},
		{"TLS 1.1", func(_ *testing.T, p *place) { p.tls.MinVersion, p.tls.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
			[]string{"handshake-failed"}},
		{"another protocol in ALPN", func(_ *testing.T, p *place) { p.tls.NextProtos = []string{"acme-tls/1"} },
			[]string{"no-http-1-1"}},
		{"a URL where no process listens", func(_ *testing.T, p *place) {
			p.webhook.ClientConfig.Service, p.webhook.ClientConfig.URL = nil, new("https://127.0.0.1:1/")
		}, []string{"connection-refused"}},
		{"a URL with another certificate", func(t *testing.T, p *place) {
			p.webhook.ClientConfig.Service = nil
			p.webhook.ClientConfig.URL = new("https://" + p.serve(t) + "/")
		}, []string{"certificate-wrong-name"}},
	}
}

// certificates are faults of what a server presents.
func certificates() []row {
	leaf := func(changes ...func(*x509.Certificate)) func(*testing.T, *place) {
		return func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, append([]func(*x509.Certificate){named(p.host())}, changes...)...), true)
		}
	}
	return []row{
		{"another CA of the same name", func(t *testing.T, p *place) {
			p.serves((*authority)(nil).signed(t, isCA).signed(t, named(p.host())), true)
		}, []string{"certificate-untrusted"}},
		{"the intermediate is left out", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, isCA, subject("intermediate")).signed(t, named(p.host())), false)
		}, []string{"certificate-untrusted"}},
		{"a CA that may not sign", func(t *testing.T, p *place) {
			ca := (*authority)(nil).signed(t, isCA, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
			p.serves(ca.signed(t, named(p.host())), true)
			p.webhook.ClientConfig.CABundle = ca.pem()
		}, []string{"certificate-untrusted"}},
		{"the name of the cluster domain alone", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, named(p.host()+".cluster.local")), true)
		}, []string{"certificate-wrong-name"}},
		{"a common name alone", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, subject(p.host()), usable(x509.ExtKeyUsageServerAuth)), true)
		}, []string{"certificate-wrong-name"}},
		{"another namespace", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, named("web.other.svc")), true)
		}, []string{"certificate-wrong-name"}},
		{"an expired leaf", leaf(valid(-9*day, -day)), []string{"certificate-expired"}},
		{"a leaf of tomorrow", leaf(valid(day, 9*day)), []string{"certificate-not-yet-valid"}},
		{"a leaf for clients", leaf(usable(x509.ExtKeyUsageClientAuth)), []string{"certificate-wrong-usage"}},
		{"a root for clients", func(t *testing.T, p *place) {
			ca := (*authority)(nil).signed(t, isCA, usable(x509.ExtKeyUsageClientAuth))
			p.serves(ca.signed(t, named(p.host())), true)
			p.webhook.ClientConfig.CABundle = ca.pem()
		}, []string{"certificate-wrong-usage"}},
		{"a name constraint", func(t *testing.T, p *place) {
			ca := (*authority)(nil).signed(t, isCA, func(c *x509.Certificate) {
				c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
			})
			p.serves(ca.signed(t, named(p.host())), true)
			p.webhook.ClientConfig.CABundle = ca.pem()
		}, []string{"certificate-invalid"}},
	}
}

// later are faults that hinder no call now.
func later() []row {
	return []row{
		{"the leaf ends in three days", func(t *testing.T, p *place) {
			p.serves(p.ca.signed(t, named(p.host()), valid(-87*day, 3*day)), true)
		}, []string{"certificate-ends-soon"}},
		{"the CA ends in three days", func(t *testing.T, p *place) {
			ca := (*authority)(nil).signed(t, isCA, valid(-87*day, 3*day))
			p.serves(ca.signed(t, named(p.host())), true)
			p.webhook.ClientConfig.CABundle = ca.pem()
		}, []string{"ca-ends-soon"}},
		{"another CA in the Secret", func(t *testing.T, p *place) {
			p.stored(map[string][]byte{"ca.crt": (*authority)(nil).signed(t, isCA).pem()})
		}, []string{"stored-ca-differs"}},
		{"a newer certificate in the Secret", func(t *testing.T, p *place) {
			renewed := p.ca.signed(t, named(p.host()), valid(-day, 300*day))
			p.stored(map[string][]byte{"ca.crt": p.ca.pem(), "tls.crt": renewed.pem()})
		}, []string{"certificate-older-than-stored"}},
		{"a long timeout for Pods", func(_ *testing.T, p *place) {
			p.webhook.TimeoutSeconds = ptr.To[int32](30)
			p.webhook.Rules = append(p.webhook.Rules, about("", "pods"))
			p.webhook.ObjectSelector = notLabeled("web")
		}, []string{"timeout-long"}},
		{"TokenReviews", func(_ *testing.T, p *place) {
			p.webhook.Rules = append(p.webhook.Rules, about("authentication.k8s.io", "tokenreviews"))
		}, []string{"rule-without-effect"}},
		{"webhook configurations", func(_ *testing.T, p *place) {
			p.webhook.Rules = append(p.webhook.Rules, about("admissionregistration.k8s.io", "validatingwebhookconfigurations"))
		}, []string{"rule-without-effect"}},
	}
}

func (p *place) serves(leaf *authority, withChain bool) {
	p.leaf = leaf
	p.tls.Certificates = []tls.Certificate{leaf.pair(withChain)}
}

// stored is a Secret from which cert-manager would fill the caBundle.
func (p *place) stored(data map[string][]byte) {
	p.secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "web-tls"}, Data: data}
	p.meta.Annotations = map[string]string{"cert-manager.io/inject-ca-from-secret": p.ns + "/web-tls"}
}

// notLabeled leaves out the Pods of a server.
func notLabeled(app string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{app}}}}
}

func subject(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} }
}

func policy(rules ...networkingv1.NetworkPolicyIngressRule) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}, Ingress: rules,
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
	}}
}

func ports(number int32) []networkingv1.NetworkPolicyPort {
	return []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromInt32(number))}}
}
