// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"cmp"
	"fmt"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/hookstrap/hookstrap/internal/jsonerror"
)

// goneBefore is the minor version of Kubernetes 1 of which no cluster is older: what was removed by then is nowhere.
const goneBefore = 25

// goneVersion is a version of a group that the libraries of Kubernetes know no more.
type goneVersion struct {
	since  int // the minor version of Kubernetes 1 that serves it no more
	advice string
}

func goneVersions() map[string]goneVersion {
	return map[string]goneVersion{
		"apiextensions.k8s.io/v1beta1":      {22, "use apiextensions.k8s.io/v1"},
		"apiregistration.k8s.io/v1beta1":    {22, "use apiregistration.k8s.io/v1"},
		"auditregistration.k8s.io/v1alpha1": {19, "configure auditing of the API server by files"},
		"autoscaling/v2beta1":               {25, "use autoscaling/v2"},
		"autoscaling/v2beta2":               {26, "use autoscaling/v2"},
		"batch/v2alpha1":                    {21, "use batch/v1"},
		"settings.k8s.io/v1alpha1":          {20, "write into Pods what a PodPreset would add"},
	}
}

// conforms finds what an API server would say of an object before it asks a webhook. Of kinds that are not those of
// Kubernetes it knows nothing.
func (o object) conforms(k kinds) []Finding {
	if gone, ok := goneVersions()[o.kind.GroupVersion().String()]; ok {
		return []Finding{o.finding(Denied, fmt.Sprintf("Kubernetes has no %s in %s since version 1.%d: %s",
			o.kind.Kind, o.kind.GroupVersion(), gone.since, gone.advice))}
	}
	if _, custom := k.custom[o.kind.GroupKind()]; custom || !k.own.IsGroupRegistered(o.kind.Group) {
		return nil
	}
	obj, err := k.own.New(o.kind)
	if err != nil {
		return []Finding{o.finding(Denied, fmt.Sprintf("Kubernetes has no kind %s in %s: correct its kind or apiVersion",
			o.kind.Kind, o.kind.GroupVersion()))}
	}
	if removed, ok := obj.(interface{ APILifecycleRemoved() (major, minor int) }); ok {
		if major, minor := removed.APILifecycleRemoved(); major == 1 && minor <= goneBefore {
			return []Finding{o.finding(Denied, fmt.Sprintf(
				"Kubernetes has no %s in %s since version %d.%d: use a newer apiVersion",
				o.kind.Kind, o.kind.GroupVersion(), major, minor))}
		}
	}
	unknown, err := kjson.UnmarshalStrict(o.raw, obj)
	if err != nil {
		field, text := jsonerror.Plain(err)
		finding := o.finding(Denied, fmt.Sprintf("it is no %s: %s", o.kind.Kind, strings.TrimPrefix(field+" "+text, " ")))
		finding.Line = cmp.Or(o.lines.Line(field), o.line)
		return []Finding{finding}
	}
	var found []Finding
	for _, u := range unknown {
		found = append(found, o.finding(Warned, u.Error()+": an API server drops it, or refuses the object"))
	}
	return found
}

// finding is one about the object as a whole.
func (o object) finding(level Level, message string) Finding {
	return Finding{
		File: o.file, Line: o.line, Level: level, APIVersion: o.kind.GroupVersion().String(), Kind: o.kind.Kind,
		Namespace: o.namespace, Name: o.name, Message: message,
	}
}
