// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

// SetNames says which DNS names and IP addresses our certificates are for. Entries that call one of them, by URL or by
// the Service of that name, are ours as those that call our Service are. A wildcard names no host: those that it stands
// for may be other servers.
func (i *Injector) SetNames(names []string) {
	if i.goal.setNames(names) {
		i.announce()
	}
}

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
