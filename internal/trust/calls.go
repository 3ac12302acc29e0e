// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// defaultPort is the port of a Service that the API server calls unless an entry names another.
const defaultPort = 443

// Call is one place from which the API server calls our Service.
type Call struct {
	Target  Target
	Webhook string // the webhook's name in a webhook configuration; "" for a CRD and an APIService
	Port    int64  // of the Service
}

// String names the place in sentences.
func (c Call) String() string { return Entry{Target: c.Target, Webhook: c.Webhook}.where() }

// Calls returns the live entries that name our Service, verified or not, from the watch and without a request.
func (i *Injector) Calls() []Call {
	var all []Call
	for _, v := range i.views {
		for _, e := range clientConfigs(v.target.Kind, v.get().live) {
			if !callsService(e.config, i.opts.Service) {
				continue
			}
			all = append(all, Call{Target: v.target, Webhook: e.webhook, Port: e.port()})
		}
	}
	return all
}

// VerifyOthers is [Injector.Verify] for the live entries that call this server in another way than by our Service: by
// url, or by another Service, if the certificate has the name that the API server verifies.
func (i *Injector) VerifyOthers(chain []*x509.Certificate, now time.Time) error {
	if len(chain) == 0 {
		return nil // As Verify says.
	}
	for _, v := range i.views {
		for _, e := range clientConfigs(v.target.Kind, v.get().live) {
			name := e.serverName()
			if callsService(e.config, i.opts.Service) || name == "" || chain[0].VerifyHostname(name) != nil {
				continue
			}
			bundle, _ := ParseBundle(caBundle(e.config)) // As in verify.
			if err := bundle.Verify(chain, name, now); err != nil {
				return fmt.Errorf("%s calls this server as %s: %w", Call{Target: v.target, Webhook: e.webhook}, name, err)
			}
		}
	}
	return nil
}

// clientConfig is how the API server calls somebody.
type clientConfig struct {
	webhook string
	config  map[string]any
}

// clientConfigs are those of an object, no matter what they call. The object may be nil.
func clientConfigs(kind Kind, obj *unstructured.Unstructured) []clientConfig {
	if obj == nil {
		return nil
	}
	switch kind {
	case Validating, Mutating:
		var all []clientConfig
		for _, webhook := range listField(obj.Object, "webhooks") {
			name, _, _ := unstructured.NestedString(webhook, "name")
			all = append(all, clientConfig{name, mapField(webhook, "clientConfig")})
		}
		return all
	case CRD:
		return []clientConfig{{config: mapField(obj.Object, "spec", "conversion", "webhook", "clientConfig")}}
	case APIService:
		return []clientConfig{{config: mapField(obj.Object, "spec")}}
	case trustBundle:
	}
	return nil
}

// port is that of the Service. The API server's numbers are decoded as int64.
func (c clientConfig) port() int64 {
	if port, found := mapField(c.config, "service")["port"].(int64); found {
		return port
	}
	return defaultPort
}

// serverName is the name or address that the API server verifies, "" if there is none.
func (c clientConfig) serverName() string {
	if address, found := c.config["url"].(string); found {
		if parsed, err := url.Parse(address); err == nil {
			return parsed.Hostname()
		}
		return ""
	}
	service := mapField(c.config, "service")
	name, _ := service["name"].(string)
	namespace, _ := service["namespace"].(string)
	if name == "" || namespace == "" {
		return ""
	}
	return name + "." + namespace + ".svc"
}
