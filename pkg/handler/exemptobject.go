// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ObjectExemption says which objects a check leaves alone, why, and until when. An object has to match all of it. The
// Pods of a DaemonSet, StatefulSet, Deployment, ReplicaSet, ReplicationController, Job or CronJob that matches are
// exempt as well, when a controller of Kubernetes itself creates them. For no other user does the owner count that a
// Pod names.
type ObjectExemption struct {
	// Kinds of the objects, as kubectl takes them: the plural and the group, such as daemonsets.apps; pods for those of
	// the core group.
	Kinds []string `json:"kinds"`
	// Names of the objects. A name that ends in * stands for all that begin so.
	Names []string `json:"names"`
	// Namespaces of the objects, by name. Without any, only objects that are in no namespace match.
	Namespaces []string `json:"namespaces,omitempty"`
	// Labels that the objects have; Pods need them too to be exempt by their owner.
	Labels map[string]string `json:"labels,omitempty"`
	// Reason says why, for the audit annotation: a ticket, for instance.
	Reason string `json:"reason"`
	// Until is the last day on which the exemption applies, in UTC, such as 2027-01-31; without it there is no end.
	Until string `json:"until,omitempty"`
}

// fortnight is how long before its end an exemption is reported.
const fortnight = 14 * 24 * time.Hour

// Notice says at a time that the exemption has ended or ends within a fortnight, "" if neither.
func (e ObjectExemption) Notice(now time.Time) string {
	switch end, ends := e.end(); {
	case !ends || end.Sub(now) > fortnight:
		return ""
	case now.Before(end):
		return fmt.Sprintf("it ends after %s (%s): correct the objects, or give it more time", e.Until, e.Reason)
	default:
		return fmt.Sprintf("it has ended after %s and does not apply (%s): remove it", e.Until, e.Reason)
	}
}

// end is the moment at which the last day is over.
func (e ObjectExemption) end() (end time.Time, ends bool) {
	day, err := time.Parse(time.DateOnly, e.Until)
	return day.AddDate(0, 0, 1), err == nil
}

func (e ObjectExemption) validate(path *field.Path) field.ErrorList {
	errs := slices.Concat(
		each(path.Child("kinds"), e.Kinds, func(text string) string { return notKind(text, e.Namespaces) }),
		each(path.Child("names"), e.Names, notName),
		each(path.Child("namespaces"), e.Namespaces, func(text string) string {
			return strings.Join(validation.IsDNS1123Label(text), "; ")
		}),
		metav1validation.ValidateLabels(e.Labels, path.Child("labels")))
	if len(e.Kinds) == 0 {
		errs = append(errs, field.Required(path.Child("kinds"), "name the kinds, such as daemonsets.apps"))
	}
	if len(e.Names) == 0 {
		errs = append(errs, field.Required(path.Child("names"), "name the objects; * stands for all of them"))
	}
	if notEmpty(e.Reason) != "" {
		errs = append(errs, field.Required(path.Child("reason"), "say why, for those who find the exemption in an audit log"))
	}
	if _, ends := e.end(); e.Until != "" && !ends {
		errs = append(errs, field.Invalid(path.Child("until"), e.Until, "must be a day, such as 2027-01-31"))
	}
	return errs
}

// notKind says why a text is no kind, or one whose objects are never in such namespaces.
func notKind(text string, namespaces []string) string {
	if len(validation.IsDNS1123Subdomain(text)) > 0 {
		return "must be a plural in lower case with its group, such as daemonsets.apps or pods"
	}
	return cmp.Or(NoResource(text), NeverInNamespaces(text, namespaces))
}

func notName(text string) string {
	if prefix := strings.TrimSuffix(text, "*"); text == "" || strings.ContainsAny(prefix, "*/ ") {
		return "must be a name, or the beginning of one and * at its end"
	}
	return ""
}

// named is an object by its kind and name. The name of one that has none yet is the beginning of it.
type named struct {
	resource  schema.GroupResource
	name      string
	generated bool
}

// matches says whether a request is about an object that is exempt, by itself or by its owner.
func (e ObjectExemption) matches(req *Request, now time.Time) bool {
	if end, ends := e.end(); ends && !now.Before(end) || !e.isIn(req) {
		return false
	}
	return slices.ContainsFunc(subjects(req), func(n named) bool {
		return slices.Contains(e.Kinds, n.resource.String()) && slices.ContainsFunc(e.Names, n.is)
	}) && e.isLabeled(req)
}

// isIn compares the namespace. A Namespace is in none.
func (e ObjectExemption) isIn(req *Request) bool {
	isNamespace := req.Resource.Group == "" && req.Resource.Resource == "namespaces"
	if req.Namespace == "" || isNamespace {
		return len(e.Namespaces) == 0
	}
	return slices.Contains(e.Namespaces, req.Namespace)
}

// isLabeled compares the labels. On an update the old object has to have them as well: a change of labels does not
// exempt itself.
func (e ObjectExemption) isLabeled(req *Request) bool {
	if len(e.Labels) == 0 {
		return true
	}
	wanted := labels.SelectorFromSet(e.Labels)
	has := func(metadata func(*Request) (*metav1.ObjectMeta, error)) bool {
		found, err := metadata(req)
		return err == nil && wanted.Matches(labels.Set(found.Labels))
	}
	isNew := len(req.Object.Raw) == 0 || has(Metadata)
	return isNew && (req.Operation == admissionv1.Create || has(OldMetadata))
}

func (n named) is(pattern string) bool {
	if prefix, isPrefix := strings.CutSuffix(pattern, "*"); isPrefix {
		return strings.HasPrefix(n.name, prefix)
	}
	return n.name == pattern && !n.generated
}

// subjects are the object of a request and, where they are known for sure, its owners.
func subjects(req *Request) []named {
	resource := schema.GroupResource{Group: req.Resource.Group, Resource: req.Resource.Resource}
	if req.Operation != admissionv1.Create {
		return []named{{resource: resource, name: req.Name}}
	}
	metadata, err := Metadata(req)
	if err != nil {
		return []named{{resource: resource, name: req.Name}}
	}
	name := metadata.Name
	if name == "" {
		name = metadata.GenerateName
	}
	return append([]named{{resource, name, metadata.Name == ""}}, ownersOf(req.UserInfo.Username, metadata)...)
}

// owner is a kind whose objects a controller of Kubernetes makes other objects for.
type owner struct {
	kind       string
	resource   schema.GroupResource
	controller string // the ServiceAccount that makes them
}

func owners() []owner {
	apps, batch := "apps", "batch"
	return []owner{
		{"DaemonSet", schema.GroupResource{Group: apps, Resource: "daemonsets"}, "daemon-set-controller"},
		{"StatefulSet", schema.GroupResource{Group: apps, Resource: "statefulsets"}, "statefulset-controller"},
		{"Deployment", schema.GroupResource{Group: apps, Resource: "deployments"}, "deployment-controller"},
		{"ReplicaSet", schema.GroupResource{Group: apps, Resource: "replicasets"}, "replicaset-controller"},
		{"ReplicationController", schema.GroupResource{Resource: "replicationcontrollers"}, "replication-controller"},
		{"Job", schema.GroupResource{Group: batch, Resource: "jobs"}, "job-controller"},
		{"CronJob", schema.GroupResource{Group: batch, Resource: "cronjobs"}, "cronjob-controller"},
	}
}

// ownersOf are the owners of an object that one of Kubernetes' own controllers creates: such a controller names the
// object that it works for, and templates have no owners. The name of a ReplicaSet or Job begins with the name of the
// Deployment or CronJob that it belongs to. A user who may create ReplicaSets or Jobs of such a name has the exemption
// too, as one who may change the Deployment or CronJob has.
func ownersOf(user string, metadata *metav1.ObjectMeta) []named {
	ref := metav1.GetControllerOfNoCopy(metadata)
	if ref == nil {
		return nil
	}
	for _, o := range owners() {
		version := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
		if version.Group != o.resource.Group || version.Kind != o.kind ||
			user != "system:serviceaccount:kube-system:"+o.controller && user != "system:kube-controller-manager" {
			continue
		}
		found := []named{{resource: o.resource, name: ref.Name}}
		if above, isFound := ownerAbove(o.kind, ref.Name, metadata.Labels); isFound {
			found = append(found, above)
		}
		return found
	}
	return nil
}

// ownerAbove is the owner of an owner, by its name.
func ownerAbove(kind, name string, labels map[string]string) (named, bool) {
	above, isCut := "", false
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	switch kind {
	case "ReplicaSet":
		hash := labels["pod-template-hash"]
		above, isCut = strings.CutSuffix(name, "-"+hash)
		isCut = isCut && hash != ""
	case "Job":
		resource = schema.GroupResource{Group: "batch", Resource: "cronjobs"}
		i := strings.LastIndexByte(name, '-')
		isCut = i > 0 && strings.Trim(name[i+1:], "0123456789") == ""
		above = name[:max(i, 0)]
	}
	return named{resource: resource, name: above}, isCut
}

// text says which exemption it was.
func (e ObjectExemption) text(req *Request) string {
	where := req.Namespace
	if where != "" {
		where += "/"
	}
	text := fmt.Sprintf("%s %s%s: %s", strings.Join(e.Kinds, ", "), where, strings.Join(e.Names, ", "), e.Reason)
	if e.Until != "" {
		text += ", until " + e.Until
	}
	return text
}
