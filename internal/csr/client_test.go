// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/signer"
)

func clientSpec(t testing.TB) Spec {
	t.Helper()
	profile, err := signer.LookupFor(signer.APIServerClient, signer.ClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Profile: profile, Subject: &pkix.Name{CommonName: "jane", Organization: []string{"a", "b"}}}
}

func TestVerifyRefusesAnotherClient(t *testing.T) {
	now, spec, key := time.Now(), clientSpec(t), newKey(t)
	for _, tc := range []struct {
		name  string
		alter func(*x509.Certificate)
		want  string
	}{
		{"as asked for", func(*x509.Certificate) {}, ""},
		{"groups in another order", func(c *x509.Certificate) { c.Subject.Organization = []string{"b", "a"} }, ""},
		{"another user", func(c *x509.Certificate) { c.Subject.CommonName = "joan" }, "joan"},
		{"a group is missing", func(c *x509.Certificate) { c.Subject.Organization = []string{"a"} }, "subject"},
		{"a group more", func(c *x509.Certificate) { c.Subject.Organization = []string{"a", "b", "c"} }, "subject"},
		{
			"a server's", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
			"client auth",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			template := leafTemplate(spec, now)
			template.Subject, template.ExtKeyUsage = *spec.Subject, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			tc.alter(template)
			_, err := Verify(selfSigned(t, template, key), key.Public(), spec, now)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v does not say %q", err, tc.want)
			}
		})
	}
}

// TestObjectWithoutAService: its name is unpredictable too, and it is labeled with nothing that there is not.
func TestObjectWithoutAService(t *testing.T) {
	obj, err := clientSpec(t).object(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^hookstrap-[a-z2-7]{26,}$`).MatchString(obj.Name) {
		t.Errorf("name %q", obj.Name)
	}
	if diff := cmp.Diff(map[string]string{LabelManagedBy: ManagedBy}, obj.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}
