// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// The steps in the life of a CA, as [Step.Name] has them.
const (
	// StepCreated: there was no CA, and now there is one.
	StepCreated = "created"
	// StepRestored: the Secret was gone, empty or damaged, and was filled from what this process had in memory.
	StepRestored = "restored"
	// StepReplaced: the Secret was damaged, no replica had the key any more, and there is a new CA.
	StepReplaced = "replaced"
	// StepKept: the Secret lacked a CA whose certificates may be in use, and it was put back.
	StepKept = "kept"
	// StepPrepared: a successor was made and is being published.
	StepPrepared = "prepared"
	// StepPromoted: the successor signs.
	StepPromoted = "promoted"
	// StepRetired: an old CA is no longer trusted.
	StepRetired = "retired"
	// StepDistrusted: CAs are distrusted: they were noted as such, or have left.
	StepDistrusted = "distrusted"
)

// Step is one change of the CA's Secret by this process.
type Step struct {
	// Name is one of the Step constants, for metrics and programs.
	Name string
	// CA is the certificate it is about.
	CA *x509.Certificate
	// Message says in a sentence what happened and why.
	Message string
	// Damage is what was wrong with the Secret, nil unless something was.
	Damage error
}

// step completes the changed state, and describes the change.
func (d *draft) step(name string, ca *x509.Certificate, message string) (*state, *Step, error) {
	made, err := d.encoded()
	if err != nil {
		return nil, nil, err
	}
	return made, &Step{Name: name, CA: ca, Message: message}, nil
}

// keysAndValues are for the log.
func (s *Step) keysAndValues() []any {
	return []any{"step", s.Name, "ca", trust.DescribeCertificate(s.CA), "message", s.Message}
}
