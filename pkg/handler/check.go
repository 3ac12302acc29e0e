// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Check looks at admission requests and says what is wrong with them. A check is used by many requests at the same
// time. It must have no side effects: requests may be dry runs, may be repeated, and may still be denied by others.
type Check interface {
	// Name is how people know the check: in messages, metrics and audit annotations. It does not change, and is a
	// valid annotation name: up to 56 letters, digits, '-', '_' or '.', not ending in "-exempt".
	Name() string

	// Evaluate returns what is wrong with the request; nothing means that this check has no objection. An error says
	// that the check could not tell; violations beside it count as well. The context carries a logger
	// (klog.FromContext) and the deadline; a check which waits for something must heed it. Objects taken from the
	// request are shared with other checks: read only.
	Evaluate(ctx context.Context, req *Request) ([]Violation, error)
}

// Selector is implemented by a check which wants to be asked about requests other than creates and updates of an
// object, of a Pod's ephemeral containers or of its size: deletes, connects, or other subresources.
type Selector interface {
	// Selects says whether the check wants to see the request. It is asked in place of the usual rule.
	Selects(req *Request) bool
}

// EveryUpdater is implemented by a check whose violations count on every update, whatever its entry says: one that
// looks at who asks, or has compared with the old object by itself.
type EveryUpdater interface{ CountsEveryUpdate() bool }

// Violation is one thing that is wrong with an object.
type Violation struct {
	// Field is the path of the field at fault, such as "spec.containers[0].image"; empty for the whole object.
	Field string
	// Message says what is wrong and what would be right, in one sentence without a final period. It should name the
	// value at fault: an update that replaces one bad value by another is then a new violation.
	Message string
	// Identity tells violations apart when an object before an update is compared with the object after. Two
	// violations with the same Identity are the same one, and do not block the update. Empty stands for
	// Field and Message. Set it where these are not enough: when containers may be reordered, or when a value that is
	// not shown matters.
	Identity string
	// Parts are what an update may take away from a violation without making another one of it: the containers that have
	// to do with it, each of several bad values. A violation is carried over if one with the same Identity, which has to
	// be set and leave them out, had all of its Parts before. They may be shared; violations of an object that have the
	// same Identity are compared one by one, and so should be few.
	Parts []string
	// Advice says that it is nothing to deny a request for: where others deny, it warns.
	Advice bool
}

// Violationf makes a Violation of a field path, which may be nil, and a formatted message.
func Violationf(path *field.Path, format string, args ...any) Violation {
	v := Violation{Message: fmt.Sprintf(format, args...)}
	if path != nil {
		v.Field = path.String()
	}
	return v
}

// identity is what makes v the same violation before and after an update.
func (v Violation) identity() string {
	if v.Identity != "" {
		return v.Identity
	}
	return v.Field + "\x00" + v.Message
}
