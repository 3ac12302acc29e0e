// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/view"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// danglingReferences denies objects that refer to others which are not in their namespace. An install may create the
// two in any order, and would be denied for its order alone: use the check with mode warn or audit, or offline. Of
// ConfigMaps and claims a server reads the metadata alone, and of Secrets nothing: those are looked for only offline.
type danglingReferences struct {
	// References are what is looked for. Service: workloads whose Pods a Service selects, and the names of ports that it
	// leads to. HorizontalPodAutoscaler: the Deployment, StatefulSet or ReplicationController that one scales.
	// ServiceAccount, ConfigMap, PersistentVolumeClaim and Secret: those that Pods name, but not what is optional. Secrets
	// are looked for by webhook check alone, since a server would need the right to read them.
	References []string `json:"references"`
	// AssumeComplete counts what is missing in every namespace. Without it, it counts only where another object of that
	// kind is known, or for the first two any workload: a file of manifests seldom has all that is in a namespace.
	AssumeComplete bool `json:"assumeComplete,omitempty"`
}

// The values of danglingReferences.References.
const (
	toPods          = "Service"
	toScaled        = "HorizontalPodAutoscaler"
	toAccounts      = "ServiceAccount"
	toConfigMaps    = "ConfigMap"
	toVolumeClaims  = "PersistentVolumeClaim"
	toSecrets       = "Secret"
	everyConfigMap  = "kube-root-ca.crt"
	everyAccount    = "default"
	createdAnywhere = "create it first, or correct the name"
)

func danglingReferencesDefinition() handler.Definition {
	return handler.Define("danglingReferences", handler.Doc{
		Summary: "Services, autoscalers and Pods refer to objects that are there.",
		Why: "A Service that selects no Pods, or leads to a port that none has, is an outage without an error; a " +
			"Pod whose ConfigMap is missing never starts, and says so where few people look. An install may " +
			"create the two in any order, and would be denied for its order alone: use mode warn or audit, or " +
			"webhook check. The server knows the Pods of workloads and of nothing else: for a Service whose Pods " +
			"are bare, of a Job or of an operator's own kind, exempt it. A Service that a controller has made is " +
			"not looked at, nor is a target of another kind than those below. Ports by number need not be " +
			"declared, keys in a ConfigMap are not looked for, and what is deleted later is not noticed.",
	}, func() danglingReferences {
		return danglingReferences{References: danglingReferences{}.Values()["references"]}
	}, func(p danglingReferences, env handler.Environment) (handler.Check, error) {
		return ruleFunc{"danglingReferences", func(
			ctx context.Context, req *handler.Request,
		) ([]handler.Violation, error) {
			return p.evaluate(ctx, req, env)
		}}, nil
	}, deployments(), statefulSets(), daemonSets(), replicaSets(), replicationControllers(),
		names(toAccounts), names(toConfigMaps), names(toVolumeClaims))
}

// Values implements [handler.Enumerator].
func (danglingReferences) Values() map[string][]string {
	return map[string][]string{
		"references": {toPods, toScaled, toAccounts, toConfigMaps, toVolumeClaims, toSecrets},
	}
}

// Validate implements [handler.Validator].
func (p danglingReferences) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(p.References) == 0 {
		errs = append(errs, field.Required(path.Child("references"), "list what to look for, or turn the check off"))
	}
	for i, value := range p.References {
		errs = append(errs, oneOf(path.Child("references").Index(i), value, p.Values()["references"])...)
	}
	return errs
}

// Needs implements [handler.Chooser].
func (p danglingReferences) Needs(read client.Object) bool {
	for _, kind := range []string{toAccounts, toConfigMaps, toVolumeClaims} {
		if view.Same(read, names(kind)) {
			return p.asks(kind)
		}
	}
	return p.asks(toPods) || p.asks(toScaled)
}

func (p danglingReferences) asks(kind string) bool { return slices.Contains(p.References, kind) }

func (p danglingReferences) evaluate(
	ctx context.Context, req *handler.Request, env handler.Environment,
) ([]handler.Violation, error) {
	l := around{env: env, namespace: req.Namespace, complete: p.AssumeComplete}
	service, ok, err := objectOf[corev1.Service](req, corev1.SchemeGroupVersion.WithKind("Service"))
	if err != nil || ok {
		if !ok || !p.asks(toPods) {
			return nil, err
		}
		return l.ofService(ctx, service)
	}
	scaler, ok, err := objectOf[autoscalingv2.HorizontalPodAutoscaler](req,
		autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"))
	if err != nil || ok {
		if !ok || !p.asks(toScaled) {
			return nil, err
		}
		return l.ofAutoscaler(ctx, scaler)
	}
	pod, ok, err := partOf[referring](req, newObject)
	if err != nil || !ok {
		return nil, err
	}
	var violations []handler.Violation
	for _, r := range referencesOf(ctx, pod) {
		if !p.asks(r.kind) || r.kind == toSecrets && !env.Offline {
			continue
		}
		v, err := l.ofName(ctx, r)
		if err != nil {
			return violations, err
		}
		violations = append(violations, v...)
	}
	return violations, ctx.Err()
}
