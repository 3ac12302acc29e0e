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
					keys = append(keys, route.keys(false)...)
				}
			}
			return view.Kept[struct{}]{Keys: keys}, len(keys) > 0
		})
}

// routeOwners are the objects of a kind that may have a route already.
type routeOwners struct {
	kind string
	find finder[struct{}]
	// deep says that their wildcards are for all names below, and not only for those that are one label longer.
	deep bool
}

// taken reports hosts, or paths of hosts, that objects of other namespaces have. Deep says of the wildcards among the
// routes what it says of those of routeOwners.
func (r routes) taken(
	ctx context.Context, namespace string, deep bool, others []routeOwners,
) ([]handler.Violation, error) {
	var violations []handler.Violation
	for wanted, path := range r {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, other := range others {
			how, by, err := wanted.owner(namespace, deep, other)
			if err != nil {
				return nil, err
			}
			if by.Name != "" {
				v := handler.Violationf(path(), "%s%s taken by %s %q in namespace %q; choose another", wanted, how, other.kind,
					by.Name, by.Namespace)
				v.Identity = wanted.key() // every object that has it, now or later
				violations = append(violations, v)
				break
			}
		}
	}
	return violations, nil
}

const (
	// beneath marks the key of a wildcard under which there is an object that has a host in it, one label longer.
	beneath = "\x00"
	// farBeneath marks that of a wildcard with a host that is longer still, or with a wildcard.
	farBeneath = "\x00\x00"
	// mostLevels is how many wildcards a host is found by that may be longer than them by more than a label.
	mostLevels = 8
)

// route is a host, and maybe a path, that an object wants.
type route struct{ host, path string }

// routes lists what must be unique, with the path of each field.
type routes iter.Seq2[route, func() *field.Path]

func (r route) key() string { return strings.ToLower(r.host) + r.path }

func (r route) isWildcard() bool { return strings.HasPrefix(r.host, "*.") }

// above is the route of the wildcard that has the host in it.
func (r route) above() route {
	_, parent, _ := strings.Cut(r.host, ".")
	r.host = "*." + parent
	return r
}

// farAbove are the routes of the other wildcards that have the host or the wildcard in them, if those are for all names
// below, the longest first.
func (r route) farAbove() []route {
	var all []route
	_, parent, found := strings.Cut(r.host, ".")
	for found {
		_, parent, found = strings.Cut(parent, ".")
		if found {
			all = append(all, route{"*." + parent, r.path})
		}
	}
	return all
}

// keys are what a route is found by: as it is, and as one in a wildcard. The note is what the host is called there.
// That of a route as it is differs from what is asked for in its case at most.
func (r route) keys(deep bool) []view.Key {
	keys := []view.Key{{Text: r.key()}}
	if r.isWildcard() {
		keys[0].Note = r.host
	} else {
		keys = append(keys, view.Key{Text: r.above().key() + beneath, Note: r.host})
	}
	if !deep {
		return keys
	}
	far := r.farAbove()
	for _, above := range far[:min(len(far), mostLevels)] {
		keys = append(keys, view.Key{Text: above.key() + farBeneath, Note: r.host})
	}
	return keys
}

// owner is the first by name that has a route in another namespace, and how: as it is, by a wildcard for its host, or
// by a host in its wildcard.
func (r route) owner(
	namespace string, deep bool, other routeOwners,
) (how string, by view.Found[struct{}], err error) {
	taken := func(key string) bool {
		err = other.find(view.Query{Key: key, Outside: namespace}, func(found view.Found[struct{}]) bool {
			by = found
			return false
		})
		return err != nil || by.Name != ""
	}
	switch {
	case taken(r.key()):
		return " is", by, err
	case r.isWildcard() && (taken(r.key()+beneath) || deep && taken(r.key()+farBeneath)):
		return " has " + by.Note + " in it, which is", by, err
	case !r.isWildcard() && taken(r.above().key()):
		return " is in " + by.Note + ", which is", by, err
	case !other.deep:
		return "", by, nil
	}
	for _, above := range r.farAbove() {
		if taken(above.key()) {
			return " is in " + by.Note + ", which is", by, err
		}
	}
	return "", by, nil
}

// String is how the route is called in messages.
func (r route) String() string {
	if r.path == "" {
		return "host " + r.host
	}
	return "path " + r.path + " of host " + r.host
}

// routes are those of an Ingress. A rule without a host shares nothing: that it is for every host is another matter.
func (p ingressHosts) routes(ingress *networkingv1.Ingress) routes {
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
