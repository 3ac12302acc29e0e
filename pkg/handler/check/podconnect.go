// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// podConnect denies connections to Pods: to run commands in them, to attach to what runs, and to their ports.
type podConnect struct {
	// Subresources are the ways to connect that are denied: exec, attach or portforward.
	Subresources []string `json:"subresources"`
	// Namespaces are those of Pods to which no user may connect; a * in one stands for any characters, or none. Empty
	// stands for all. To allow users or groups, exempt them.
	Namespaces []string `json:"namespaces,omitempty"`
	// Pods are names of such Pods, in the same form. Empty stands for all.
	Pods []string `json:"pods,omitempty"`
	// Containers are names of containers to which no user may connect, in the same form. Empty stands for all. Ports are
	// those of the whole Pod, and a request that names no container may be for any: both are denied with any container.
	Containers []string `json:"containers,omitempty"`
}

func podConnectDefinition() handler.Definition {
	return handler.Define("podConnect", handler.Doc{
		Summary: "No user runs commands in Pods, attaches to them or forwards their ports.",
		Why: "A shell in a container has the container's Secrets, its ServiceAccount and its network, and what is done " +
			"there is in no manifest and in no history. It needs the component `all-checks`, which asks about such " +
			"connections; `webhook check` never sees one. A container for debugging is no connection but a change of the Pod.",
		Operation: admissionv1.Connect,
	}, func() podConnect {
		return podConnect{Subresources: connections()}
	}, func(p podConnect, _ handler.Environment) (handler.Check, error) { return connectCheck{p}, nil })
}

func connections() []string { return []string{"exec", "attach", "portforward"} }

// Values implements [handler.Enumerator].
func (podConnect) Values() map[string][]string {
	return map[string][]string{"subresources": connections()}
}

// Validate implements [handler.Validator].
func (p podConnect) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(p.Subresources) == 0 {
		errs = append(errs, field.Required(path.Child("subresources"), "list ways to connect, or turn the check off"))
	}
	for i, name := range p.Subresources {
		errs = append(errs, oneOf(path.Child("subresources").Index(i), name, connections())...)
	}
	errs = append(errs, validateGlobs(path.Child("namespaces"), p.Namespaces, validation.IsDNS1123Label)...)
	errs = append(errs, validateGlobs(path.Child("pods"), p.Pods, validation.IsDNS1123Subdomain)...)
	return append(errs, validateGlobs(path.Child("containers"), p.Containers, validation.IsDNS1123Label)...)
}

// connectCheck asks to see connections, and nothing else.
type connectCheck struct{ podConnect }

var _ handler.Selector = connectCheck{}

// Name implements [handler.Check].
func (connectCheck) Name() string { return "podConnect" }

// Selects implements [handler.Selector].
func (c connectCheck) Selects(req *handler.Request) bool {
	return req.Operation == admissionv1.Connect && req.Resource.Group == "" && req.Resource.Resource == "pods" &&
		slices.Contains(c.Subresources, req.SubResource)
}

// connection is what is read of the options of a connection.
type connection struct {
	Container string `json:"container"`
}

// Evaluate implements [handler.Check].
func (c connectCheck) Evaluate(_ context.Context, req *handler.Request) ([]handler.Violation, error) {
	if !c.Selects(req) || !isAmong(c.Namespaces, req.Namespace) || !isAmong(c.Pods, req.Name) {
		return nil, nil
	}
	to, _, err := objectOf[connection](req, corev1.SchemeGroupVersion.WithKind("PodExecOptions"),
		corev1.SchemeGroupVersion.WithKind("PodAttachOptions"), corev1.SchemeGroupVersion.WithKind("PodPortForwardOptions"))
	switch {
	case err != nil && !errors.Is(err, handler.ErrNoObject):
		return nil, err
	case to == nil || to.Container == "":
		advice := ""
		if len(c.Containers) > 0 && req.SubResource != "portforward" {
			advice = "; name a container that is allowed"
		}
		return one(nil, "%s to Pod %q is not allowed%s", req.SubResource, req.Name, advice), nil
	case !isAmong(c.Containers, to.Container):
		return nil, nil
	}
	return one(field.NewPath("container"), "%s to container %q of Pod %q is not allowed", req.SubResource, to.Container,
		req.Name), nil
}

// one is a list of one violation.
func one(path *field.Path, format string, args ...any) []handler.Violation {
	return []handler.Violation{handler.Violationf(path, format, args...)}
}

// isAmong says whether one of the patterns is that of a name, or whether there is none.
func isAmong(patterns []string, name string) bool {
	return len(patterns) == 0 ||
		slices.ContainsFunc(patterns, func(pattern string) bool { return matchesGlob(pattern, name) })
}
