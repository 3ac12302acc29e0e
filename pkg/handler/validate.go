// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// each judges the items of a list; problem returns what is wrong with one of them.
func each(path *field.Path, items []string, problem func(string) string) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		if text := problem(item); text != "" {
			errs = append(errs, field.Invalid(path.Index(i), item, text))
		}
	}
	return errs
}

func notEmpty(text string) string {
	if strings.TrimSpace(text) == "" {
		return "must not be empty"
	}
	return ""
}

func notServiceAccount(text string) string {
	namespace, name, _ := strings.Cut(text, "/")
	if len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "must be a namespace and a name, such as kube-system/replicaset-controller"
	}
	return ""
}
