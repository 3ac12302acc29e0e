// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/lifecycle"
	"github.com/hookstrap/hookstrap/internal/serving"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// Target is an object whose caBundle is kept right: its kind and its metadata.name.
type Target = trust.Target

// The kinds of a [Target].
const (
	Validating = trust.Validating // ValidatingWebhookConfiguration
	Mutating   = trust.Mutating   // MutatingWebhookConfiguration
	CRD        = trust.CRD        // CustomResourceDefinition
	APIService = trust.APIService
)

// ParseTarget reads [validating/|mutating/|crd/|apiservice/]NAME, as a flag has it. A plain NAME is a
// ValidatingWebhookConfiguration.
func ParseTarget(text string) (Target, error) { return trust.ParseTarget(text) }

// Approval says who approves the request for a certificate.
type Approval = csr.Approval

// The two approvals.
const (
	ApproveSelf     = csr.ApproveSelf     // the server approves its own requests, and only those
	ApproveExternal = csr.ApproveExternal // a person or another controller does
)

// KeyAlgorithm is a kind of private key.
type KeyAlgorithm = csr.KeyAlgorithm

// The key algorithms.
const (
	ECDSAP256 = csr.ECDSAP256
	ECDSAP384 = csr.ECDSAP384
	Ed25519   = csr.Ed25519
	RSA2048   = csr.RSA2048
	RSA3072   = csr.RSA3072
	RSA4096   = csr.RSA4096
)

// The bounds of Options.Duration.
const (
	MinDuration = csr.MinDuration
	MaxDuration = csr.MaxDuration
)

// BuiltInSigner is the default name of the built-in signer.
const BuiltInSigner = signer.BuiltIn

// TLSOptions bounds the protocol version and the cipher suites of a listener.
type TLSOptions = serving.TLSOptions

// Condition is one line of a readiness report: a name, and a check that returns why it does not hold.
type Condition = lifecycle.Condition
