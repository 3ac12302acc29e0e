// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"iter"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// ingressRoutes is what is kept of an Ingress: its routes, as keys, for both values of IngressHosts.Unique.
func ingressRoutes() *view.View[struct{}] {
	return view.New("routes", &networkingv1.Ingress{}, &networkingv1.IngressList{},
		func(ingress *networkingv1.Ingress) (view.Kept[struct{}], bool) {
			var keys []view.Key
			for _, unique := range []string{uniqueHost, uniquePath} {
				for route := range (ingressHosts{Unique: unique}).routes(ingress) {
					keys = append(keys, route.keys()...)
				}
			}
			return view.Kept[struct{}]{Keys: keys}, len(keys) > 0
		})
}

// taken reports hosts, or paths of hosts, that Ingresses of other namespaces have.
func (p ingressHosts) taken(
	ctx context.Context, namespace string, ingress *networkingv1.Ingress, find finder[struct{}],
) ([]handler.Violation, error) {
	var violations []handler.Violation
	for route, path := range p.routes(ingress) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		how, by, err := route.owner(namespace, find)
		if err != nil {
			return nil, err
		}
		if by.Name != "" {
			v := handler.Violationf(path(), "%s%s taken by Ingress %q in namespace %q; choose another", route, how, by.Name,
				by.Namespace)
			v.Identity = route.key() // every Ingress that has it, now or later
			violations = append(violations, v)
		}
	}
	return violations, nil
}

// beneath marks the key of a wildcard under which there is who has a host in it.
const beneath = "\x00"

// route is a host, and maybe a path, that an Ingress wants.
type route struct{ host, path string }

func (r route) key() string { return strings.ToLower(r.host) + r.path }

func (r route) isWildcard() bool { return strings.HasPrefix(r.host, "*.") }

// above is the route of the wildcard that has the host in it.
func (r route) above() route {
	_, parent, _ := strings.Cut(r.host, ".")
	r.host = "*." + parent
	return r
}

// keys are what the route of an Ingress is found by: as it is, and, unless it is a wildcard, as one in a wildcard. The
// note is what the host is called there. That of a route as it is differs from what is asked for in its case at most.
func (r route) keys() []view.Key {
	if r.isWildcard() {
		return []view.Key{{Text: r.key(), Note: r.host}}
	}
	return []view.Key{{Text: r.key()}, {Text: r.above().key() + beneath, Note: r.host}}
}

// owner is the first by name who has a route in another namespace, and how: as it is, by a wildcard for its host, or by
// a host in its wildcard.
func (r route) owner(namespace string, find finder[struct{}]) (how string, by view.Found[struct{}], err error) {
	first := func(key string) bool {
		err = find(view.Query{Key: key, Outside: namespace}, func(found view.Found[struct{}]) bool {
			by = found
			return false
		})
		return err == nil && by.Name == ""
	}
	if first(r.key()) {
		if r.isWildcard() {
			first(r.key() + beneath)
			return " has " + by.Note + " in it, which is", by, err
		}
		first(r.above().key())
		return " is in " + by.Note + ", which is", by, err
	}
	return " is", by, err
}

// String is how the route is called in messages.
func (r route) String() string {
	if r.path == "" {
		return "host " + r.host
	}
	return "path " + r.path + " of host " + r.host
}

// routes lists what must be unique, with the path of each field. A rule without a host shares nothing: that it is for
// every host is another matter.
func (p ingressHosts) routes(ingress *networkingv1.Ingress) iter.Seq2[route, func() *field.Path] {
	return func(yield func(route, func() *field.Path) bool) {
		for i, rule := range ingress.Spec.Rules {
			at := func() *field.Path { return field.NewPath("spec", "rules").Index(i) }
			host := func() *field.Path { return at().Child("host") }
			goOn := true
			switch {
			case rule.Host == "":
			case p.Unique == uniqueHost:
				goOn = yield(route{host: rule.Host}, host)
			case rule.HTTP == nil: // the whole host, for the default backend
				goOn = yield(route{rule.Host, "/"}, host)
			default:
				for j, path := range rule.HTTP.Paths {
					goOn = goOn && yield(route{rule.Host, "/" + strings.Trim(path.Path, "/")}, func() *field.Path {
						return at().Child("http", "paths").Index(j).Child("path")
					})
				}
			}
			if !goOn {
				return
			}
		}
	}
}
