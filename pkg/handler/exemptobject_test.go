// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

const asDaemonSet = "system:serviceaccount:kube-system:daemon-set-controller"

// ownedBy is the metadata of an object that says so of its controller.
func ownedBy(apiVersion, kind, name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "monitoring", GenerateName: name + "-", Labels: labels, OwnerReferences: []metav1.OwnerReference{
		{APIVersion: apiVersion, Kind: kind, Name: name, Controller: ptr.To(true)},
	}}
}

// reviewOf is a review of an object that has nothing but metadata. The old object has the labels of before.
func reviewOf(t *testing.T, operation admissionv1.Operation, resource, user string, now metav1.ObjectMeta, before map[string]string) *Request {
	t.Helper()
	r := admissionv1.AdmissionRequest{Operation: operation, Name: now.Name, Namespace: now.Namespace}
	r.Resource.Resource, r.Resource.Group, _ = strings.Cut(resource, ".")
	r.UserInfo.Username = user
	if operation != admissionv1.Delete {
		r.Object = raw(t, metadata{now})
	}
	if operation != admissionv1.Create {
		now.Labels = before
		r.OldObject = raw(t, metadata{now})
	}
	return NewRequest(r)
}

// TestExemptObjects: an object is exempt by its kind, name, namespace and labels, and so is what a controller of Kubernetes
// makes for it. What an object says of its owner exempts nothing.
func TestExemptObjects(t *testing.T) {
	noon := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	usual := ObjectExemption{Kinds: []string{"daemonsets.apps"}, Names: []string{"node-exporter*"}, Namespaces: []string{"monitoring"}}
	with := func(change func(*ObjectExemption)) ObjectExemption { e := usual; change(&e); return e }
	kind := func(kind string) ObjectExemption {
		return with(func(e *ObjectExemption) { e.Kinds, e.Names = []string{kind}, []string{"web"} })
	}
	labeled := with(func(e *ObjectExemption) { e.Labels = map[string]string{"app": "x"} })
	until := func(day string) ObjectExemption { return with(func(e *ObjectExemption) { e.Until = day }) }
	cluster := ObjectExemption{Kinds: []string{"namespaces", "clusterroles.rbac.authorization.k8s.io"}, Names: []string{"old"}}
	exporter := metav1.ObjectMeta{Namespace: "monitoring", Name: "node-exporter-2"}
	elsewhere := metav1.ObjectMeta{Namespace: "shop", Name: "node-exporter-2"}
	app := map[string]string{"app": "x"}
	exporterOf := func(labels map[string]string) metav1.ObjectMeta { m := exporter; m.Labels = labels; return m }
	pod := ownedBy("apps/v1", "DaemonSet", "node-exporter", nil)
	create, update, remove := admissionv1.Create, admissionv1.Update, admissionv1.Delete
	for name, tc := range map[string]struct {
		exempt    ObjectExemption
		operation admissionv1.Operation
		resource  string
		user      string
		now       metav1.ObjectMeta
		before    map[string]string
		want      bool
	}{
		"by its name":       {usual, create, "daemonsets.apps", "jane", exporter, nil, true},
		"updated":           {usual, update, "daemonsets.apps", "jane", exporter, nil, true},
		"deleted":           {usual, remove, "daemonsets.apps", "jane", exporter, nil, true},
		"another kind":      {usual, create, "deployments.apps", "jane", exporter, nil, false},
		"another group":     {usual, create, "daemonsets.example.com", "jane", exporter, nil, false},
		"another namespace": {usual, create, "daemonsets.apps", "jane", elsewhere, nil, false},
		"another name": {usual, create, "daemonsets.apps", "jane",
			metav1.ObjectMeta{Namespace: "monitoring", Name: "my-node-exporter"}, nil, false},
		"the beginning of a name that matches": {usual, create, "daemonsets.apps", "jane",
			metav1.ObjectMeta{Namespace: "monitoring", GenerateName: "node-exporter-"}, nil, true},
		"the beginning of a name that may not": {usual, create, "daemonsets.apps", "jane",
			metav1.ObjectMeta{Namespace: "monitoring", GenerateName: "node"}, nil, false},
		"a generated name, one name exempt": {kind("jobs.batch"), create, "jobs.batch", "jane",
			metav1.ObjectMeta{Namespace: "monitoring", GenerateName: "web"}, nil, false},

		"with the labels":       {labeled, create, "daemonsets.apps", "jane", exporterOf(app), nil, true},
		"without the labels":    {labeled, create, "daemonsets.apps", "jane", exporter, nil, false},
		"labels that it had":    {labeled, update, "daemonsets.apps", "jane", exporterOf(app), app, true},
		"labels that it gets":   {labeled, update, "daemonsets.apps", "jane", exporterOf(app), nil, false},
		"labels that it loses":  {labeled, update, "daemonsets.apps", "jane", exporter, app, false},
		"labels of the deleted": {labeled, remove, "daemonsets.apps", "jane", exporter, app, true},

		"on the last day": {until("2027-01-31"), create, "daemonsets.apps", "jane", exporter, nil, true},
		"after its end":   {until("2027-01-30"), create, "daemonsets.apps", "jane", exporter, nil, false},
		"long before it":  {until("2030-01-30"), create, "daemonsets.apps", "jane", exporter, nil, true},
		"cluster-scoped":  {cluster, create, "clusterroles.rbac.authorization.k8s.io", "jane", metav1.ObjectMeta{Name: "old"}, nil, true},
		"cluster-scoped, and not in this namespace": {with(func(e *ObjectExemption) {
			e.Kinds, e.Names = []string{"clusterroles.rbac.authorization.k8s.io"}, []string{"*"}
		}), create, "clusterroles.rbac.authorization.k8s.io", "jane", metav1.ObjectMeta{Name: "old"}, nil, false},
		"a Namespace": {cluster, create, "namespaces", "jane", metav1.ObjectMeta{Name: "old", Namespace: "old"}, nil, true},
		"not in no namespace": {with(func(e *ObjectExemption) { e.Namespaces = nil }), create, "daemonsets.apps", "jane", exporter,
			nil, false},

		"its Pod":                          {usual, create, "pods", asDaemonSet, pod, nil, true},
		"its Pod, controllers in one user": {usual, create, "pods", "system:kube-controller-manager", pod, nil, true},
		"a Pod that says so":               {usual, create, "pods", "jane", pod, nil, false},
		"a Pod of another controller": {usual, create, "pods", "system:serviceaccount:kube-system:job-controller", pod, nil,
			false},
		"a controller of another namespace": {usual, create, "pods", "system:serviceaccount:monitoring:daemon-set-controller",
			pod, nil, false},
		"its Pod is changed": {usual, update, "pods", asDaemonSet, pod, nil, false},
		"its Pod, another namespace": {with(func(e *ObjectExemption) { e.Namespaces = []string{"shop"} }), create, "pods",
			asDaemonSet, pod, nil, false},
		"a Pod of another group's kind": {usual, create, "pods", asDaemonSet,
			ownedBy("example.com/v1", "DaemonSet", "node-exporter", nil), nil, false},
		"its Pod with the labels":    {labeled, create, "pods", asDaemonSet, ownedBy("apps/v1", "DaemonSet", "node-exporter", app), nil, true},
		"its Pod without the labels": {labeled, create, "pods", asDaemonSet, pod, nil, false},

		"a ReplicaSet of a Deployment": {kind("deployments.apps"), create, "replicasets.apps",
			"system:serviceaccount:kube-system:deployment-controller", ownedBy("apps/v1", "Deployment", "web", nil), nil, true},
		"a ReplicaSet that says so": {kind("deployments.apps"), create, "replicasets.apps", "jane",
			ownedBy("apps/v1", "Deployment", "web", nil), nil, false},
		"a Pod of a Deployment": {kind("deployments.apps"), create, "pods",
			"system:serviceaccount:kube-system:replicaset-controller",
			ownedBy("apps/v1", "ReplicaSet", "web-5d4", map[string]string{"pod-template-hash": "5d4"}), nil, true},
		"a Pod of another Deployment": {kind("deployments.apps"), create, "pods",
			"system:serviceaccount:kube-system:replicaset-controller",
			ownedBy("apps/v1", "ReplicaSet", "web-front-5d4", map[string]string{"pod-template-hash": "5d4"}), nil, false},
		"a Pod of a ReplicaSet alone": {kind("deployments.apps"), create, "pods",
			"system:serviceaccount:kube-system:replicaset-controller", ownedBy("apps/v1", "ReplicaSet", "web-", nil), nil, false},
		"a Pod of a CronJob": {kind("cronjobs.batch"), create, "pods", "system:serviceaccount:kube-system:job-controller",
			ownedBy("batch/v1", "Job", "web-28931", nil), nil, true},
		"a Pod of a Job with a name": {kind("cronjobs.batch"), create, "pods", "system:serviceaccount:kube-system:job-controller",
			ownedBy("batch/v1", "Job", "web-once", nil), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := exempter{objects: []ObjectExemption{{Kinds: []string{"secrets"}, Names: []string{"*"}}, tc.exempt}}
			req := reviewOf(t, tc.operation, tc.resource, tc.user, tc.now, tc.before)
			if got := x.ofObject(req, func() time.Time { return noon }) != nil; got != tc.want {
				t.Errorf("exempt: %t, want %t", got, tc.want)
			}
		})
	}
}

// TestExemptObjectIsSaid in the audit annotation with its reason, and to the user when it ends soon.
func TestExemptObjectIsSaid(t *testing.T) {
	soon := time.Now().UTC().AddDate(0, 0, 3).Format(time.DateOnly)
	exempt := Exemptions{Objects: []ObjectExemption{{Kinds: []string{"pods"}, Names: []string{"web"}, Namespaces: []string{"shop"},
		Reason: "OPS-12", Until: soon}}}
	h := newHandler(t, Entry{Check: says("no", Violation{Message: "no"}), Exempt: exempt})
	pod := webPod()
	pod.Name, pod.Namespace = "web", "shop"
	got := ask(t.Context(), t, h, createPod(t, pod))
	if want := "object: pods shop/web: OPS-12, until " + soon; !got.Allowed || got.AuditAnnotations["no-exempt"] != want {
		t.Errorf("allowed %t, annotations %v, want %q", got.Allowed, got.AuditAnnotations, want)
	}
	if len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], "no is exempt here: it ends after "+soon) {
		t.Errorf("warnings %q", got.Warnings)
	}
	pod.Name = "other"
	if got := ask(t.Context(), t, h, createPod(t, pod)); got.Allowed {
		t.Error("another Pod is exempt")
	}
}

func TestObjectExemptionNotice(t *testing.T) {
	e := ObjectExemption{Reason: "OPS-12", Until: "2027-01-31"}
	at := func(day string) time.Time {
		parsed, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for day, want := range map[string]string{"2027-01-17": "", "2027-01-18": "ends after", "2027-01-31": "ends after",
		"2027-02-01": "has ended after 2027-01-31"} {
		if got := e.Notice(at(day)); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("on %s: %q, want %q", day, got, want)
		}
	}
	e.Until = ""
	if got := e.Notice(at("2099-01-01")); got != "" {
		t.Errorf("without an end: %q", got)
	}
}

func TestInvalidObjectExemptions(t *testing.T) {
	good := ObjectExemption{Kinds: []string{"daemonsets.apps", "pods", "widgets.example.com"}, Names: []string{"a*", "system:b", "*"},
		Namespaces: []string{"shop"}, Labels: map[string]string{"app": "x"}, Reason: "OPS-12", Until: "2027-01-31"}
	if errs := (Exemptions{Objects: []ObjectExemption{good}}).Validate(field.NewPath("exempt")); len(errs) > 0 {
		t.Errorf("a good one: %v", errs)
	}
	for want, change := range map[string]func(*ObjectExemption){
		"kinds: Required":         func(e *ObjectExemption) { e.Kinds = nil },
		"names: Required":         func(e *ObjectExemption) { e.Names = nil },
		"reason: Required":        func(e *ObjectExemption) { e.Reason = " " },
		"kinds[0]: Invalid":       func(e *ObjectExemption) { e.Kinds = []string{"DaemonSet"} },
		"kinds[2]: Invalid":       func(e *ObjectExemption) { e.Kinds = []string{"pods", "endpoints", "daemonset.apps"} },
		"write daemonsets.apps":   func(e *ObjectExemption) { e.Kinds = []string{"daemonsets"} },
		"are in no namespace":     func(e *ObjectExemption) { e.Kinds = []string{"nodes"} },
		"are in namespaces":       func(e *ObjectExemption) { e.Namespaces = nil },
		"names[1]: Invalid":       func(e *ObjectExemption) { e.Names = []string{"a", "a*b"} },
		"namespaces[0]: Invalid":  func(e *ObjectExemption) { e.Namespaces = []string{"shop*"} },
		"labels: Invalid":         func(e *ObjectExemption) { e.Labels = map[string]string{"a b": ""} },
		"until: Invalid":          func(e *ObjectExemption) { e.Until = "31.1.2027" },
		"exempt.objects[0].until": func(e *ObjectExemption) { e.Until = "2027-02-30" },
	} {
		bad := good
		change(&bad)
		err := (Exemptions{Objects: []ObjectExemption{bad}}).Validate(field.NewPath("exempt")).ToAggregate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}
