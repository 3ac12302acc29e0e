// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// Object names an object. Namespace is empty for one that is in none; a Namespace is in itself.
type Object struct {
	Kind            schema.GroupVersionKind
	Namespace, Name string
}

// Result is about one object.
type Result struct {
	Object Object
	// Owner is the topmost controller of the object, as far as the objects say: the Deployment of a Pod. Without a
	// controller it is the object itself.
	Owner Object
	// Left says why the object was not judged; empty if it was.
	Left Left
	// Findings are what the checks found, those first that deny. What is wrong with the template of a Pod's owner is among
	// the findings of the owner, and not among those of the Pod.
	Findings []Finding
	// Exempted are the checks that an exemption kept from the object, with what exempted it.
	Exempted map[string]string
}

// Left is why an object was not judged.
type Left string

const (
	// NotAsked is an object that the server is not asked about.
	NotAsked Left = "notAsked"
	// Finished is a Pod or a Job that has ended: it will not start again.
	Finished Left = "finished"
)

// Finding is one violation that a check found, or the failure of a check.
type Finding struct {
	Check string
	Mode  handler.Mode
	// Field is the path of the field at fault in the object; empty for the whole object.
	Field string
	// Message is what users of the server would read, with the field.
	Message string
	// Refuses says that the check refuses the object, or the Pods that it makes.
	Refuses bool
	// Effect is what happens the next time.
	Effect Effect
	// Webhook is the name of the entry by which the API server asks; empty if that is not known.
	Webhook string
	// Identity tells the findings of one check apart: Pods of one owner with the same one have the same fault.
	Identity string
}

// Effect is what becomes of an object with a finding.
type Effect string

const (
	// PodsDenied says that the object stays, but the Pods that are made for it from now on are denied.
	PodsDenied Effect = "podsDenied"
	// UpdateDenied says that every update of the object is denied, and so is its creation.
	UpdateDenied Effect = "updateDenied"
	// CreationDenied says that the object is denied when it is created again. Updates that leave what is wrong pass.
	CreationDenied Effect = "creationDenied"
	// Warned says that there is a warning, and nothing else.
	Warned Effect = "warned"
	// Noted says that there is a note in the audit log, and nothing else.
	Noted Effect = "noted"
)

// PartError is about a part of the cluster that could not be judged. The rest is judged all the same.
type PartError struct {
	// Resource is what could not be listed, such as daemonsets.apps; empty if the resources could not be found out.
	Resource string
	// Checks are the names of those that could not be asked about anything; empty if all could not be asked about the
	// Resource.
	Checks []string
	Err    error
}

// Error implements error.
func (e *PartError) Error() string {
	switch {
	case len(e.Checks) > 0:
		return fmt.Sprintf("not judged by %s, which look up %s: %v", strings.Join(e.Checks, ", "), e.Resource, e.Err)
	case e.Resource == "":
		return fmt.Sprintf("finding out which resources there are: %v", e.Err)
	}
	return fmt.Sprintf("not all %s are judged: %v", e.Resource, e.Err)
}

// Unwrap implements errors.Unwrap.
func (e *PartError) Unwrap() error { return e.Err }
