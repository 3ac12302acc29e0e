// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// item is an object that was read.
type item struct {
	kind       kind
	object     Object
	meta       metav1.ObjectMeta
	raw        []byte
	controller *Object
	finished   bool
}

// own notes the controller of an object.
func (r *run) own(k kind, raw []byte) error {
	_, err := r.read(k, raw)
	return err
}

// read decodes what is needed to know the object, and notes its controller.
func (r *run) read(k kind, raw []byte) (item, error) {
	var head struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Status   struct {
			Phase      corev1.PodPhase `json:"phase"`
			Conditions []struct {
				Type   string                 `json:"type"`
				Status metav1.ConditionStatus `json:"status"`
			} `json:"conditions"`
		} `json:"status"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &head); err != nil {
		return item{}, fmt.Errorf("reading an object: %w", err)
	}
	if k.isPods() {
		raw = again(raw)
	}
	i := item{kind: k, meta: head.Metadata, raw: raw, object: Object{
		Kind: k.kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name,
	}}
	if controller, ok := controllerOf(i.object.Namespace, &i.meta); ok {
		i.controller = &controller
		if k.rank() != rankPod {
			r.owners.add(i.object, controller)
		}
	}
	switch k.kind.Kind {
	case "Pod":
		i.finished = head.Status.Phase == corev1.PodSucceeded || head.Status.Phase == corev1.PodFailed
	case "Job":
		for _, c := range head.Status.Conditions {
			i.finished = i.finished || c.Status == metav1.ConditionTrue && (c.Type == "Complete" || c.Type == "Failed")
		}
	}
	return i, nil
}

// judge judges one object, and yields the result.
func (r *run) judge(k kind, raw []byte) error {
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	i, err := r.read(k, raw)
	if err != nil {
		return err
	}
	result := r.judged(i)
	if r.ctx.Err() != nil {
		return r.ctx.Err() // and what the checks had no time for is no finding
	}
	if !r.yield(result, nil) {
		return errStopped
	}
	return nil
}

func (r *run) judged(i item) Result {
	result := Result{Object: i.object, Owner: i.object}
	var chain []Object
	if i.controller != nil {
		chain = r.owners.chain(*i.controller)
		result.Owner = chain[len(chain)-1]
	}
	if i.finished {
		result.Left = Finished
		return result
	}
	webhook, isAsked := r.options.Asked.About(i.asked(), admissionregistrationv1.Create, r.namespaces)
	pods, arePodsAsked := r.podsOf(i)
	if !isAsked && !arePodsAsked {
		result.Left = NotAsked
		return result
	}
	var own verdict
	if isAsked {
		own = r.ask(i, r.creatorOf(i), webhook)
	}
	result.Exempted = merged(own.exempted, pods.exempted)
	own.findings, pods.findings = r.owners.without(chain, own.findings), r.owners.without(chain, pods.findings)
	if !i.kind.isPods() {
		r.owners.found(i.object, own.findings)
		r.owners.found(i.object, pods.findings)
	}
	r.findUpdates(i, own.findings)
	result.Findings = combine(i, own.findings, pods.findings)
	slices.SortStableFunc(result.Findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(handler.Modes(), a.Mode), slices.Index(handler.Modes(), b.Mode))
	})
	return result
}

// verdict is what the checks say of a request.
type verdict struct {
	findings []Finding
	exempted map[string]string
}

// ask asks the checks about the creation of an object, which the API server would do by an entry called webhook.
func (r *run) ask(i item, user authenticationv1.UserInfo, webhook string) verdict {
	found := r.handler.Judge(r.ctx, i.request(admissionv1.Create, user))
	v := verdict{exempted: found.Exempted}
	for _, f := range found.Findings {
		v.findings = append(v.findings, newFinding(f, webhook))
	}
	return v
}

func merged(a, b map[string]string) map[string]string {
	if len(a) == 0 {
		return b
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func (i item) asked() asked.Object {
	return asked.Object{
		Resources: []schema.GroupVersionResource{i.kind.resource}, Namespace: i.object.Namespace, Labels: i.meta.Labels,
	}
}

// creatorOf is who would create the object again.
func (r *run) creatorOf(i item) authenticationv1.UserInfo {
	if i.controller != nil {
		if user := controllerUser(i.controller.Kind.GroupKind()); user.Username != "" {
			return user
		}
	}
	return r.options.User
}

// request is what the API server would ask.
func (i item) request(operation admissionv1.Operation, user authenticationv1.UserInfo) *handler.Request {
	kind, resource := metav1.GroupVersionKind(i.kind.kind), metav1.GroupVersionResource(i.kind.resource)
	namespace := i.object.Namespace
	if i.kind.kind == namespaceKind().kind {
		namespace = i.object.Name
	}
	r := admissionv1.AdmissionRequest{
		Kind: kind, RequestKind: &kind, Resource: resource, RequestResource: &resource, Name: i.object.Name,
		Namespace: namespace, Operation: operation, UserInfo: user, Object: runtime.RawExtension{Raw: i.raw},
	}
	if operation == admissionv1.Update {
		r.OldObject = r.Object
	}
	return handler.NewRequest(r)
}

func newFinding(f handler.Finding, webhook string) Finding {
	text := f.Text()
	made := Finding{
		Check: f.Check, Mode: f.Mode, Field: f.Field, Message: text, Refuses: f.Refuses, Webhook: webhook,
		Identity: cmp.Or(f.Identity, text), Effect: Warned,
	}
	switch {
	case f.Refuses:
		made.Effect = CreationDenied
	case f.Mode == handler.Audit:
		made.Effect = Noted
	}
	return made
}

// findUpdates finds the findings that deny an update which changes nothing, too: a check that fails, or one that looks
// at every update.
func (r *run) findUpdates(i item, findings []Finding) {
	isDenied := func(f Finding) bool { return f.Refuses }
	if !slices.ContainsFunc(findings, isDenied) {
		return
	}
	if _, isAsked := r.options.Asked.About(i.asked(), admissionregistrationv1.Update, r.namespaces); !isAsked {
		return
	}
	verdict := r.handler.Judge(r.ctx, i.request(admissionv1.Update, r.options.User))
	for n := range findings {
		denies := func(f handler.Finding) bool { return f.Refuses && newFinding(f, "").isSame(findings[n]) }
		if slices.ContainsFunc(verdict.Findings, denies) {
			findings[n].Effect = UpdateDenied
		}
	}
}

// podsOf judges the Pod that a workload makes next. It is false if there is none, or the server is not asked.
func (r *run) podsOf(i item) (verdict, bool) {
	w, ok := workloadOf(i.kind.kind)
	if !ok {
		return verdict{}, false
	}
	raw, labels, err := w.pod(i.object, i.raw)
	if err != nil || raw == nil {
		return verdict{}, false // The checks say what is wrong with the object.
	}
	pod := item{
		raw: raw, meta: metav1.ObjectMeta{Labels: labels}, object: Object{Namespace: i.object.Namespace}, kind: podKind(),
	}
	webhook, isAsked := r.options.Asked.About(pod.asked(), admissionregistrationv1.Create, r.namespaces)
	if !isAsked {
		return verdict{}, false
	}
	return r.ask(pod, controllerUser(w.maker.GroupKind()), webhook), true
}

func podKind() kind {
	return kind{
		kind: corev1.SchemeGroupVersion.WithKind("Pod"), namespaced: true,
		resource: corev1.SchemeGroupVersion.WithResource("pods"),
	}
}

// combine says of what is wrong with the object's template that it keeps Pods from being created, and adds what is
// wrong with the Pods alone.
func combine(i item, own, pods []Finding) []Finding {
	w, _ := workloadOf(i.kind.kind)
	for n, f := range own {
		keepsPods := func(p Finding) bool { return p.Check == f.Check } // and so in the same mode
		if w.isIn(f.Field) && f.Effect == CreationDenied && slices.ContainsFunc(pods, keepsPods) {
			own[n].Effect = PodsDenied
		}
	}
	all := slices.Clone(own)
	for _, p := range pods {
		p.Field, p.Message = w.inTemplate(p.Field), w.inTemplate(p.Message)
		if p.Refuses {
			p.Effect = PodsDenied
		}
		isKnown := func(f Finding) bool { return f.Check == p.Check && f.Field == p.Field }
		if !slices.ContainsFunc(own, isKnown) {
			all = append(all, p)
		}
	}
	return all
}
