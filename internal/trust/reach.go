// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"fmt"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// SetNames says which DNS names and IP addresses our certificates are for. Entries that call one of them, by URL or by
// the Service of that name, are ours as those that call our Service are. A wildcard names no host: those that it stands
// for may be other servers.
func (i *Injector) SetNames(names []string) {
	if i.goal.setNames(names) {
		i.changes.announce()
	}
}

// reaches reports whether a client configuration leads to us: to our Service, or to another host that our certificate
// is for. The name is what the API server verifies in the second case, and "" in the first.
func (s scope) reaches(config map[string]any) (name string, ours bool) {
	if callsService(config, s.service) {
		return "", true
	}
	host := verifiedHost(config)
	if host == "" || s.covers == nil || !s.covers(host) {
		return "", false
	}
	return host, true
}

// verifiedHost is the name that the API server verifies a webhook's certificate for, "" if there is none.
func verifiedHost(config map[string]any) string {
	if address, found := config["url"].(string); found {
		parsed, err := url.Parse(address)
		if err != nil {
			return ""
		}
		return strings.ToLower(parsed.Hostname())
	}
	service := mapField(config, "service")
	namespace, _ := service["namespace"].(string)
	name, _ := service["name"].(string)
	if namespace == "" || name == "" {
		return ""
	}
	return name + "." + namespace + ".svc"
}

// extraSAN is the advice for an object that calls only hosts which our certificate is not for.
func extraSAN(t Target, live *unstructured.Unstructured) string {
	for _, p := range placesOf(t.Kind, live) {
		if p.config["url"] != nil {
			return fmt.Sprintf("; if the host of %s is ours, give us the host as an extra SAN", destination(p.config))
		}
	}
	return ""
}

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
		for _, p := range placesOf(v.target.Kind, v.get().live) {
			if callsService(p.config, i.opts.Service) {
				all = append(all, Call{Target: v.target, Webhook: p.webhook, Port: port(p.config)})
			}
		}
	}
	return all
}

// port is that of the Service. The API server's numbers are decoded as int64.
func port(config map[string]any) int64 {
	if port, found := mapField(config, "service")["port"].(int64); found {
		return port
	}
	return defaultPort
}
