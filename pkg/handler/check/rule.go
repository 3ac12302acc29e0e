// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// ruleFunc is a check as a function.
type ruleFunc struct {
	name     string
	evaluate func(ctx context.Context, req *handler.Request) ([]handler.Violation, error)
}

// Name implements [handler.Check].
func (r ruleFunc) Name() string { return r.name }

// Evaluate implements [handler.Check].
func (r ruleFunc) Evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	return r.evaluate(ctx, req)
}

// podRule is implemented by parameters of checks that look at nothing but a Pod, wherever it is described.
type podRule interface {
	violations(ctx context.Context, pod PodTemplate) []handler.Violation
}

// definePods makes a Definition of a podRule.
func definePods[P podRule](name string, doc handler.Doc, defaults func() P) handler.Definition {
	return definePodsOf(podOf, name, doc, defaults)
}

// definePodsOf is as definePods, for a podRule that looks at what another function than podOf reads.
func definePodsOf[P podRule](read podReader, name string, doc handler.Doc, defaults func() P) handler.Definition {
	return handler.Define(name, doc, defaults, func(rule P, _ handler.Environment) (handler.Check, error) {
		return podCheck(read, name, rule.violations), nil
	})
}

// podReader is podOf, or reads other parts of a Pod.
type podReader func(req *handler.Request) (PodTemplate, bool, error)

// podCheck makes a check of a function that looks at a Pod, for all that describes Pods.
func podCheck(
	read podReader, name string, violations func(context.Context, PodTemplate) []handler.Violation,
) handler.Check {
	return podRuleFunc{ruleFunc{name, func(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
		pod, ok, err := read(req)
		if err != nil || !ok {
			return nil, err
		}
		return violations(ctx, pod), ctx.Err()
	}}}
}

// podRuleFunc is a check of Pods and of templates of Pods.
type podRuleFunc struct{ ruleFunc }

// LooksAt implements [handler.Looker].
func (podRuleFunc) LooksAt() []handler.Look { return podLooks() }

// podLooks are Pods, and what people write that has templates of Pods: what controllers make of it is checked as Pods.
func podLooks() []handler.Look {
	return []handler.Look{
		{Kind: corev1.SchemeGroupVersion.WithKind("Pod"), SubResources: []string{"ephemeralcontainers", "resize"}},
		{Kind: appsv1.SchemeGroupVersion.WithKind("Deployment")},
		{Kind: appsv1.SchemeGroupVersion.WithKind("StatefulSet")},
		{Kind: appsv1.SchemeGroupVersion.WithKind("DaemonSet")},
		{Kind: batchv1.SchemeGroupVersion.WithKind("Job")},
		{Kind: batchv1.SchemeGroupVersion.WithKind("CronJob")},
	}
}

// no makes the parameters of a check that has no defaults worth naming.
func no[P any]() P { return *new(P) }

// oneOf says that a parameter has none of the values that it may have.
func oneOf(path *field.Path, value string, values []string) field.ErrorList {
	if slices.Contains(values, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, values)}
}

// objectOf reads the request's object as a T if it is of one of the kinds, which are of one version each. It is false
// for any other kind. The same kind in another version is an error: passing what cannot be read would let users avoid
// a check by choosing a version.
func objectOf[T any](req *handler.Request, kinds ...schema.GroupVersionKind) (*T, bool, error) {
	got := schema.GroupVersionKind(req.Kind)
	for _, kind := range kinds {
		if got.GroupKind() != kind.GroupKind() {
			continue
		}
		if got.Version != kind.Version {
			return nil, false, handler.VersionError(got, kind.Version)
		}
		obj, err := handler.Object[T](req)
		return obj, err == nil, err
	}
	return nil, false, nil
}

// faultf is a violation of a container. It stays the same one when containers change places.
func (c podContainer) faultf(path *field.Path, format string, args ...any) handler.Violation {
	v := handler.Violationf(path, "%s", c.message(fmt.Sprintf(format, args...)))
	v.Identity = v.Message
	return v
}

// message is a text about the container.
func (c podContainer) message(text string) string {
	return fmt.Sprintf("%s %q: %s", c.sort, c.title, text)
}

// riskf is faultf for what makes a container dangerous. With another image it is another violation: that a privileged
// container was let in does not mean that it may run something else.
func (c *podContainer) riskf(path *field.Path, format string, args ...any) handler.Violation {
	v := c.faultf(path, format, args...)
	if c.imageDigest == "" {
		c.imageDigest = digest(c.Image)
	}
	v.Identity += "\x00" + c.imageDigest
	return v
}

// riskf is a violation of a Pod as a whole, and another one when any of its containers runs another image, or when one
// is added, for debugging too.
func (t *PodTemplate) riskf(path *field.Path, format string, args ...any) handler.Violation {
	if t.imageParts == nil {
		t.imageParts = imageParts(*t, everyContainer)
	}
	return riskOf(t.imageParts, path, format, args...)
}

// riskOf is riskf for what is wrong with the Pod and concerns some of its containers, of which these are the parts.
func riskOf(parts []string, path *field.Path, format string, args ...any) handler.Violation {
	v := handler.Violationf(path, format, args...)
	v.Identity, v.Parts = v.Message, parts
	return v
}

// saying is the violation with another text. It stays the same one, however much the text depends on what is around it.
func saying(v handler.Violation, text string) handler.Violation {
	v.Message = text
	return v
}

// security is the container's own security context, for reading; it may be empty, but is never nil.
func (c podContainer) security() *corev1.SecurityContext {
	if c.SecurityContext == nil {
		return &corev1.SecurityContext{}
	}
	return c.SecurityContext
}

// security is the Pod's security context, for reading; it may be empty, but is never nil.
func (t PodTemplate) security() *corev1.PodSecurityContext {
	if t.Spec.SecurityContext == nil {
		return &corev1.PodSecurityContext{}
	}
	return t.Spec.SecurityContext
}

// meantForWindows is what to add to advice for Linux if a Pod is to run on Windows and does not declare it, or nothing.
func (t PodTemplate) meantForWindows() string {
	if t.Spec.OS == nil && t.Spec.NodeSelector[corev1.LabelOSStable] == string(corev1.Windows) {
		return "; for Windows, which its nodeSelector asks for, set spec.os.name: windows"
	}
	return ""
}

// isWindows says whether the Pod declares to run on Windows, which knows nothing of Linux's security settings. The
// kubelet refuses a Pod whose system is not that of its node, so that the field is no way around a check.
func (t PodTemplate) isWindows() bool {
	return t.Spec.OS != nil && t.Spec.OS.Name == corev1.Windows
}
