// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/version"
)

// Up to 1.36 webhooks are asked about SubjectAccessReviews and TokenReviews: to remove them would switch a control off.
func TestRulesWithoutEffectByVersion(t *testing.T) {
	t.Parallel()
	const reviews, configurations = "authorization.k8s.io", "admissionregistration.k8s.io"
	for name, tt := range map[string]struct {
		version, group, resource string
		want                     Severity
	}{
		"1.36: SubjectAccessReviews":        {"1.36", reviews, "subjectaccessreviews", ""},
		"1.37: SubjectAccessReviews":        {"1.37", reviews, "subjectaccessreviews", Warning},
		"1.40: SubjectAccessReviews":        {"1.40", reviews, "subjectaccessreviews", Warning},
		"not known: SubjectAccessReviews":   {"", reviews, "subjectaccessreviews", Info},
		"1.36: TokenReviews":                {"1.36", "authentication.k8s.io", "tokenreviews", ""},
		"1.37: TokenReviews":                {"1.37", "authentication.k8s.io", "tokenreviews", Warning},
		"1.36: webhook configurations":      {"1.36", configurations, "validatingwebhookconfigurations", Warning},
		"not known: webhook configurations": {"", configurations, "validatingwebhookconfigurations", Warning},
		"1.37: ConfigMaps":                  {"1.37", "", "configmaps", ""},
		"not known: ConfigMaps":             {"", "", "configmaps", ""},
	} {
		report := Examine(one(time.Now(), selfSigned(t, time.Now().Add(-2*time.Hour)), func(f *Facts, e *Entry) {
			if tt.version != "" {
				f.Version = version.MustParseGeneric(tt.version)
			}
			e.Rules.Rules[0].APIGroups, e.Rules.Rules[0].Resources = []string{tt.group}, []string{tt.resource}
		}))
		var got Severity
		for _, f := range report.Findings {
			if f.ID == IDNotAsked {
				got = f.Severity
			}
		}
		if got != tt.want {
			t.Errorf("%s: severity %q, want %q", name, got, tt.want)
		}
	}
}
