// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// defaultPort is the port of a Service that the API server calls unless an entry names another.
const defaultPort = 443

// The kinds of objects that have entries.
const (
	KindValidating = "ValidatingWebhookConfiguration"
	KindMutating   = "MutatingWebhookConfiguration"
	KindCRD        = "CustomResourceDefinition"
	KindAPIService = "APIService"
)

// Entry is a place from which an API server calls a webhook, a conversion or an extension API server.
type Entry struct {
	Object Object
	// Webhook is the name in a webhook configuration; empty for a CustomResourceDefinition and an APIService.
	Webhook string
	// Index is the place in the list webhooks of a webhook configuration, from 0 on.
	Index int
	// ClientConfig is whom the API server calls, and the caBundle. That of an APIService has no path.
	ClientConfig admissionregistrationv1.WebhookClientConfig
	// Insecure is an APIService with insecureSkipTLSVerify.
	Insecure bool
	// Unavailable is why an APIService says that it is not available; empty if it does not.
	Unavailable string
	// Rules are what a webhook of a configuration is asked about, with its selectors, policies and conditions; nil for the
	// others. Those of a mutating webhook are written as if it were a validating one.
	Rules *admissionregistrationv1.ValidatingWebhook
	// Again says that a mutating webhook is asked again after the others (reinvocationPolicy IfNeeded).
	Again bool
	// EmptyBundle is a manifest that has the key caBundle without a value.
	EmptyBundle bool
	// Meta is the metadata of the object: annotations and managed fields are judged.
	Meta *metav1.ObjectMeta
}

// FromValidating returns the entries of a configuration.
func FromValidating(c *admissionregistrationv1.ValidatingWebhookConfiguration) []Entry {
	entries := make([]Entry, 0, len(c.Webhooks))
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		entries = append(entries, Entry{
			Object: Object{Kind: KindValidating, Name: c.Name}, Webhook: w.Name, Index: i, ClientConfig: w.ClientConfig,
			Rules: w, Meta: &c.ObjectMeta,
		})
	}
	return entries
}

// FromMutating returns the entries of a configuration.
func FromMutating(c *admissionregistrationv1.MutatingWebhookConfiguration) []Entry {
	entries := make([]Entry, 0, len(c.Webhooks))
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		entries = append(entries, Entry{
			Object: Object{Kind: KindMutating, Name: c.Name}, Webhook: w.Name, Index: i, ClientConfig: w.ClientConfig,
			Meta:  &c.ObjectMeta,
			Again: ptr.Deref(w.ReinvocationPolicy, "") == admissionregistrationv1.IfNeededReinvocationPolicy,
			Rules: &admissionregistrationv1.ValidatingWebhook{
				Name: w.Name, ClientConfig: w.ClientConfig, Rules: w.Rules, FailurePolicy: w.FailurePolicy,
				MatchPolicy: w.MatchPolicy, NamespaceSelector: w.NamespaceSelector, ObjectSelector: w.ObjectSelector,
				SideEffects: w.SideEffects, TimeoutSeconds: w.TimeoutSeconds, MatchConditions: w.MatchConditions,
				AdmissionReviewVersions: w.AdmissionReviewVersions,
			},
		})
	}
	return entries
}

// service is the Service that is called, and its port.
func (e *Entry) service() (name types.NamespacedName, port int32, ok bool) {
	s := e.ClientConfig.Service
	if s == nil {
		return types.NamespacedName{}, 0, false
	}
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Name}, ptr.Deref(s.Port, defaultPort), true
}

// ServerName is what the API server verifies a certificate for; empty for a URL that cannot be read.
func (e *Entry) ServerName() string {
	if name, _, ok := e.service(); ok {
		return name.Name + "." + name.Namespace + ".svc"
	}
	if u, err := url.Parse(ptr.Deref(e.ClientConfig.URL, "")); err == nil {
		return strings.ToLower(u.Hostname())
	}
	return ""
}

// Destination is whom the API server calls: Service NAMESPACE/NAME:PORT, or the HOST:PORT of a URL; empty if there is
// neither.
func (e *Entry) Destination() string {
	if name, port, ok := e.service(); ok {
		return fmt.Sprintf("Service %s:%d", name, port)
	}
	u, err := url.Parse(ptr.Deref(e.ClientConfig.URL, ""))
	if err != nil || u.Hostname() == "" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = strconv.Itoa(defaultPort)
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// failsClosed says that a request is refused when the webhook cannot be asked.
func (e *Entry) failsClosed() bool {
	return e.Rules != nil && ptr.Deref(e.Rules.FailurePolicy, admissionregistrationv1.Fail) == admissionregistrationv1.Fail
}

// timeout in seconds.
func (e *Entry) timeout() int32 { return ptr.Deref(e.Rules.TimeoutSeconds, 10) }

// effect is what happens to requests as long as the entry cannot be called.
func (e *Entry) effect() string {
	switch {
	case e.Object.Kind == KindAPIService:
		return "the API group cannot be used, and namespaces cannot be deleted completely"
	case e.Object.Kind == KindCRD:
		return "objects cannot be read or written in a version other than the stored one"
	case e.failsClosed():
		return "every request that its rules match is refused (failurePolicy Fail)"
	}
	return "every request that its rules match passes without it (failurePolicy Ignore)"
}
