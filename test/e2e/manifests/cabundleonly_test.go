// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"reflect"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

const cabundleOnly = "components/cabundle-only/"

// The policy compares every field that an entry has, but for the caBundle: a field that a new release of Kubernetes
// brings has to be added.
func TestPolicyComparesEveryField(t *testing.T) {
	var policy admissionv1.ValidatingAdmissionPolicy
	if err := yaml.UnmarshalStrict(read(t, cabundleOnly+"validatingadmissionpolicy.yaml"), &policy); err != nil {
		t.Fatal(err)
	}
	var expressions strings.Builder
	for _, validation := range policy.Spec.Validations {
		expressions.WriteString(strings.ReplaceAll(validation.Expression, ".?", ".") + "\n")
	}
	fields := func(of reflect.Type, prefix string) {
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "caBundle" || name == "clientConfig" {
				continue
			}
			if strings.Count(expressions.String(), prefix+name) < 2 {
				t.Errorf("%s%s of %s is not compared", prefix, name, of)
			}
		}
	}
	fields(reflect.TypeFor[admissionv1.ValidatingWebhook](), "w.")
	fields(reflect.TypeFor[admissionv1.MutatingWebhook](), "w.")
	fields(reflect.TypeFor[admissionv1.WebhookClientConfig](), "w.clientConfig.")
	if *policy.Spec.FailurePolicy != admissionv1.Fail {
		t.Errorf("what cannot be judged is let through: failurePolicy %s", *policy.Spec.FailurePolicy)
	}
}
