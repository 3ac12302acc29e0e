// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// masters is the group that may do everything and that no rule of RBAC limits.
const masters = "system:masters"

const nodePrefix = "system:node:"

// Complete is the subject that somebody wrote down by hand, and what the signer demands of it beyond that. host is
// the first name of the certificate. The error says what the signer would refuse, or never answer.
func (p Profile) Complete(subject pkix.Name, host string) (pkix.Name, error) {
	demanded, err := p.Subject(host, subject.CommonName)
	if err != nil && subject.CommonName == "" {
		return pkix.Name{}, err
	}
	if subject.CommonName == "" {
		subject.CommonName = demanded.CommonName
	}
	if len(subject.Organization) == 0 {
		subject.Organization = demanded.Organization
	}
	if n := utf8.RuneCountInString(subject.CommonName); n > maxCommonName {
		return pkix.Name{}, fmt.Errorf("the common name %q has %d characters, but X.509 allows %d: shorten it",
			subject.CommonName, n, maxCommonName)
	}
	switch p.name {
	case KubeletServing:
		return subject, kubeletSubject(subject, demanded.Organization)
	case APIServerClient:
		return subject, clientSubject(subject)
	default:
		return subject, nil
	}
}

func kubeletSubject(subject pkix.Name, organization []string) error {
	if !strings.HasPrefix(subject.CommonName, nodePrefix) {
		return fmt.Errorf("signer %s takes no common name but %sNAME, and was to get %q: leave it out",
			KubeletServing, nodePrefix, subject.CommonName)
	}
	if !slices.Equal(subject.Organization, organization) {
		return fmt.Errorf("signer %s takes the organization %s alone, and was to get %q: leave it out",
			KubeletServing, strings.Join(organization, ", "), subject.Organization)
	}
	return nil
}

func clientSubject(subject pkix.Name) error {
	switch {
	case subject.CommonName == "":
		return fmt.Errorf("signer %s needs a common name: it is the user who logs in with the certificate", APIServerClient)
	case slices.Contains(subject.Organization, masters):
		return fmt.Errorf("signer %s issues nothing for the group %s, as the API server sees to: choose another "+
			"organization and bind a role to it", APIServerClient, masters)
	default:
		return nil
	}
}
