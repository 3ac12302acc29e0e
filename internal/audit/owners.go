// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// maxOwners bounds a chain of owners: users write them, and may write a circle.
const maxOwners = 10

// owners are who controls what, and what is wrong with the templates of controllers.
type owners struct {
	above    map[Object]Object
	findings map[Object][]Finding // of Pods of their templates
}

func newOwners() *owners {
	return &owners{above: map[Object]Object{}, findings: map[Object][]Finding{}}
}

// key leaves out the version, of which references name any.
func (o Object) key() Object {
	o.Kind.Version = ""
	return o
}

// controllerOf is the controller that an object names. It is in the namespace of the object, or in none, which a
// reference does not say; it is taken to be in that namespace.
func controllerOf(namespace string, metadata *metav1.ObjectMeta) (Object, bool) {
	ref := metav1.GetControllerOfNoCopy(metadata)
	if ref == nil {
		return Object{}, false
	}
	return Object{
		Kind: schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind), Namespace: namespace, Name: ref.Name,
	}, true
}

// add notes the controller of an object that may be one itself.
func (o *owners) add(object, controller Object) { o.above[object.key()] = controller }

// chain is the controller of an object and those above it, as far as they are known.
func (o *owners) chain(controller Object) []Object {
	chain := []Object{controller}
	for len(chain) < maxOwners {
		above, ok := o.above[chain[len(chain)-1].key()]
		if !ok {
			break
		}
		chain = append(chain, above)
	}
	return chain
}

// without takes out of the findings of an object what is wrong with the template of one of its controllers.
func (o *owners) without(chain []Object, findings []Finding) []Finding {
	return slices.DeleteFunc(findings, func(f Finding) bool {
		return slices.ContainsFunc(chain, func(c Object) bool {
			return slices.ContainsFunc(o.findings[c.key()], f.isSame)
		})
	})
}

// isSame says whether two findings are of the same fault.
func (f Finding) isSame(other Finding) bool {
	return f.Check == other.Check && f.Identity == other.Identity
}

// found notes what is wrong with a controller and with the Pods of its template.
func (o *owners) found(object Object, findings []Finding) {
	if len(findings) > 0 {
		o.findings[object.key()] = append(o.findings[object.key()], findings...)
	}
}
