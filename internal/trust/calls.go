// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

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
