// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
)

// mostRoutes is how many paths of hosts an object may have. The Gateway API allows 16 hosts with 128 paths each in an
// HTTPRoute, and 1,024 hosts in a TLSRoute.
const mostRoutes = 16 * 128

// gatewayObject is what is looked at of a Gateway, or of a Route whose rules have matches of a type.
type gatewayObject[M gatewayMatch] struct {
	Spec struct {
		Hostnames []string `json:"hostnames"`
		Rules     []struct {
			Matches []M `json:"matches"`
		} `json:"rules"`
		Listeners []gatewayListener `json:"listeners"`
	} `json:"spec"`
}

// gatewayMatch is what a rule is about. Headers and other conditions are not told apart.
type gatewayMatch interface {
	// path is the path of HTTP that is meant, and the name of the field that says so.
	path() (text, name string)
}

// httpMatch is one of an HTTPRoute. Other Routes and Gateways have none.
type httpMatch struct {
	Path struct {
		Value string `json:"value"`
	} `json:"path"`
}

func (m httpMatch) path() (text, name string) { return m.Path.Value, "path" }

// grpcMatch is one of a GRPCRoute.
type grpcMatch struct {
	Method struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	} `json:"method"`
}

func (m grpcMatch) path() (text, name string) {
	return m.Method.Service + "/" + m.Method.Method, "method"
}

// gatewayHosts are the hosts of a Gateway or a Route, and the paths of each.
type gatewayHosts struct {
	hostnames []string
	listeners []gatewayListener
	paths     []gatewayPath
}

// gatewayPath is a path, and where it is.
type gatewayPath struct {
	text  string
	field func() *field.Path
}

func (o *gatewayObject[M]) hosts() gatewayHosts {
	h := gatewayHosts{hostnames: o.Spec.Hostnames, listeners: o.Spec.Listeners}
	for i, rule := range o.Spec.Rules {
		at := func() *field.Path { return field.NewPath("spec", "rules").Index(i) }
		if len(rule.Matches) == 0 { // It is for all paths.
			h.paths = append(h.paths, gatewayPath{"/", at})
		}
		for j, match := range rule.Matches {
			text, name := match.path()
			h.paths = append(h.paths, gatewayPath{"/" + strings.Trim(text, "/"), func() *field.Path {
				return at().Child("matches").Index(j).Child(name)
			}})
		}
	}
	return h
}

// allGatewayRoutes are the views of all kinds.
func allGatewayRoutes() []client.Object {
	var all []client.Object
	for _, kind := range gatewayKinds() {
		all = append(all, gatewayRoutes(kind))
	}
	return all
}

// gatewayRoutes is what is kept of a kind of the Gateway API: the routes, as keys, for both values of
// ingressHosts.Unique.
func gatewayRoutes(kind string) *view.View[struct{}] {
	obj, list := &unstructured.Unstructured{}, &unstructured.UnstructuredList{}
	obj.SetGroupVersionKind(gatewayGVK(kind))
	list.SetGroupVersionKind(gatewayGVK(kind + "List"))
	return view.New("routes", obj, list, func(o *unstructured.Unstructured) (view.Kept[struct{}], bool) {
		hosts, err := keptHosts(kind, o)
		if err != nil || hosts.routeCount() > mostRoutes {
			return view.Kept[struct{}]{}, false // The Gateway API does not allow it.
		}
		var keys []view.Key
		for _, unique := range []string{uniqueHost, uniquePath} {
			for route := range (ingressHosts{Unique: unique}).gatewayRoutes(hosts) {
				keys = append(keys, route.keys(true)...)
			}
		}
		return view.Kept[struct{}]{Keys: keys}, len(keys) > 0
	})
}

func keptHosts(kind string, o *unstructured.Unstructured) (gatewayHosts, error) {
	if kind == "GRPCRoute" {
		var obj gatewayObject[grpcMatch]
		err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &obj)
		return obj.hosts(), err
	}
	var obj gatewayObject[httpMatch]
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &obj)
	return obj.hosts(), err
}

// routeCount is how many paths of hosts there are at most.
func (h gatewayHosts) routeCount() int {
	return len(h.hostnames)*max(1, len(h.paths)) + len(h.listeners)
}

// gatewayRoutes are the routes of a Gateway or a Route. A Route without hostnames has those of its Gateway, and shares
// them.
func (p ingressHosts) gatewayRoutes(h gatewayHosts) routes {
	return func(yield func(route, func() *field.Path) bool) {
		for i, listener := range h.listeners {
			path := func() *field.Path { return field.NewPath("spec", "listeners").Index(i).Child("hostname") }
			if listener.Hostname != "" && !yield(route{host: listener.Hostname}, path) {
				return
			}
		}
		for i, host := range h.hostnames {
			paths := h.paths
			if p.Unique != uniquePath || len(paths) == 0 {
				all := map[bool]string{true: "/"}[p.Unique == uniquePath]
				paths = []gatewayPath{{all, func() *field.Path { return field.NewPath("spec", "hostnames").Index(i) }}}
			}
			for _, path := range paths {
				if !yield(route{host, path.text}, path.field) {
					return
				}
			}
		}
	}
}
