// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// storageClassesCheck denies volumes of other storage classes than allowed ones, and of denied ones: of
// PersistentVolumeClaims, of the claims that StatefulSets make, and of ephemeral volumes of Pods.
type storageClassesCheck struct {
	// Allowed are the names of the allowed classes; "" stands for volumes that somebody made by hand.
	Allowed []string `json:"allowed,omitempty"`
	// Denied are the names of classes that no claim may have. Without allowed classes, all others are allowed.
	Denied []string `json:"denied,omitempty"`
	// AllowDefault admits claims that name no class. The cluster's default class is then written into
	// PersistentVolumeClaims before this check sees them, and has to be among the allowed ones.
	AllowDefault bool `json:"allowDefault"`
}

func storageClassesDefinition() handler.Definition {
	return handler.Define("storageClasses", handler.Doc{
		Summary: "Claims are for allowed storage classes.",
		Why: "Classes differ in price, in speed and in whether the data are gone with the claim; some are meant for one " +
			"tenant or one application only.",
	}, func() storageClassesCheck { return storageClassesCheck{AllowDefault: true} },
		func(p storageClassesCheck, _ handler.Environment) (handler.Check, error) {
			return ruleFunc{"storageClasses", p.evaluate}, nil
		})
}

// Validate implements [handler.Validator].
func (p storageClassesCheck) Validate(path *field.Path) field.ErrorList {
	if len(p.Allowed)+len(p.Denied) == 0 {
		return field.ErrorList{field.Required(path.Child("allowed"), "list storage classes, or turn the check off")}
	}
	errs := append(noClasses(path.Child("allowed"), p.Allowed), noClasses(path.Child("denied"), p.Denied)...)
	for i, class := range p.Denied {
		if slices.Contains(p.Allowed, class) {
			errs = append(errs, field.Invalid(path.Child("denied").Index(i), class,
				"is among the allowed ones as well; remove one"))
		}
	}
	return errs
}

// noClasses are names that no storage class has; "" is that of none.
func noClasses(path *field.Path, names []string) field.ErrorList {
	var errs field.ErrorList
	for i, name := range names {
		if problems := validation.IsDNS1123Subdomain(name); name != "" && len(problems) > 0 {
			errs = append(errs, field.Invalid(path.Index(i), name, "no class has such a name: "+problems[0]))
		}
	}
	return errs
}

func (p storageClassesCheck) evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	claim, ok, err := objectOf[corev1.PersistentVolumeClaim](req,
		corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"))
	if err != nil {
		return nil, err
	}
	if ok {
		return p.judge(nil, claim.Annotations, claim.Spec.StorageClassName), nil
	}
	set, ok, err := objectOf[appsv1.StatefulSet](req, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))
	if err != nil {
		return nil, err
	}
	var violations []handler.Violation
	if ok {
		for i, template := range heeded(ctx, set.Spec.VolumeClaimTemplates) {
			path := field.NewPath("spec", "volumeClaimTemplates").Index(i)
			violations = append(violations,
				named(template.Name, p.judge(path, template.Annotations, template.Spec.StorageClassName))...)
		}
	}
	pod, ok, err := podOf(req)
	if err != nil || !ok {
		return violations, cmp.Or(err, ctx.Err())
	}
	for i, volume := range heeded(ctx, pod.Spec.Volumes) {
		if volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil {
			template := volume.Ephemeral.VolumeClaimTemplate
			path := pod.Path.Child("volumes").Index(i).Child("ephemeral", "volumeClaimTemplate")
			violations = append(violations,
				named("volume "+volume.Name, p.judge(path, template.Annotations, template.Spec.StorageClassName))...)
		}
	}
	return violations, ctx.Err()
}

// named makes violations the same ones wherever what has the name stands in a list.
func named(name string, violations []handler.Violation) []handler.Violation {
	for i := range violations {
		violations[i].Identity = name + "\x00" + violations[i].Message
	}
	return violations
}

// judge looks at a claim that is at a path. The annotation is older than the field, and wins over it.
func (p storageClassesCheck) judge(
	claim *field.Path, annotations map[string]string, class *string,
) []handler.Violation {
	path := child(claim, "spec").Child("storageClassName")
	if old, ok := annotations[corev1.BetaStorageClassAnnotation]; ok {
		path, class = child(claim, "metadata").Child("annotations").Key(corev1.BetaStorageClassAnnotation), &old
	}
	switch {
	case class == nil && p.AllowDefault || class != nil && p.allows(*class):
		return nil
	case class == nil:
		return []handler.Violation{handler.Violationf(path, "the claim names no storage class; %s", p.advice())}
	}
	return []handler.Violation{handler.Violationf(path, "storage class %q; %s", *class, p.advice())}
}

func (p storageClassesCheck) allows(class string) bool {
	return !slices.Contains(p.Denied, class) && (len(p.Allowed) == 0 || slices.Contains(p.Allowed, class))
}

// advice says which classes there may be.
func (p storageClassesCheck) advice() string {
	if len(p.Allowed) == 0 {
		return fmt.Sprintf("denied: %q", p.Denied)
	}
	return allowedList(p.Allowed)
}

// child is a field of the object when there is no path to begin with.
func child(path *field.Path, name string) *field.Path {
	if path == nil {
		return field.NewPath(name)
	}
	return path.Child(name)
}
