// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/refusal"
	"github.com/hookstrap/hookstrap/internal/trust"
)

// The tasks, as hookstrap_bootstrap_failures_total has it beside the phases.
const (
	TaskCertificate = "certificate" // a step of the next certificate that has no name of its own
	TaskAuthority   = "authority"   // the built-in signer's CA: reading or writing its Secret
	TaskRequest     = "request"     // creating, approving and signing the request, and what came back
	TaskWait        = "wait"        // for somebody else to approve or sign it
	TaskRoots       = "roots"       // finding the CA that verifies it
	TaskReload      = "reload"      // reading files
	TaskStore       = "store"       // keeping the key pair for the next process
)

// What is read again while serving, as hookstrap_reload_errors_total has it.
const (
	FilesCertificate = "certificate" // the key pair in CertDir
	FilesCA          = "ca"          // CAFile
	FilesClientCA    = "client-ca"   // ClientCAFile
	filesChecks      = "checks"      // the checks' configuration: see [Notices]
)

// taskError names the task of an error more closely than the caller that retries it can. Its text is the error's own.
type taskError struct {
	task string
	err  error
}

func (e *taskError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e *taskError) Unwrap() error { return e.err }

// During says that err, unless it is nil, happened during task.
func During(task string, err error) error {
	if err == nil {
		return nil
	}
	return &taskError{task: task, err: err}
}

func taskOf(fallback string, err error) string {
	if named := (*taskError)(nil); errors.As(err, &named) {
		return named.task
	}
	return fallback
}

// Why it failed, as far as that can be told, beside the outcomes of package csr. The set is closed: callers of a
// metric's label invent no values.
const (
	reasonUnverified  = "Unverified"  // the certificate does not verify against any CA we may publish or that is live
	reasonForbidden   = "Forbidden"   // a right is missing
	reasonCredentials = "Credentials" // the API server does not accept our token or client certificate
	reasonQuota       = "Quota"       // a ResourceQuota is used up
	reasonAdmission   = "Admission"   // an admission policy, webhook or plugin denied what RBAC allows
	reasonNotFound    = "NotFound"    // an object, or a kind of API, does not exist
	reasonConflict    = "Conflict"    // somebody else wrote first
	reasonInvalid     = "Invalid"     // the API server does not take the object
	reasonUnavailable = "Unavailable" // the API server is overloaded, starting or broken
	reasonUnreachable = "Unreachable" // there is no connection to the API server
	reasonFile        = "File"        // a file cannot be read or written
	reasonError       = "Error"       // anything else: the log says what
)

// reasonOf puts a name to err.
func reasonOf(err error) string {
	if outcome, ok := csr.OutcomeOf(err); ok {
		return string(outcome)
	}
	if unverified(err) {
		return reasonUnverified
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return statusReason(err)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded): // It calls itself a net.Error, and may be anybody's.
		return string(csr.TimedOut)
	case errors.As(err, new(net.Error)):
		return reasonUnreachable
	case errors.As(err, new(*fs.PathError)):
		return reasonFile
	}
	return reasonError
}

func unverified(err error) bool {
	return errors.As(err, new(*trust.UnverifiedError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError))
}

// statusReason folds the reasons of the API server into a few that call for different reactions.
func statusReason(err error) string {
	switch refusal.Of(err).Kind {
	case refusal.Rule:
		return reasonForbidden
	case refusal.Credentials:
		return reasonCredentials
	case refusal.Quota:
		return reasonQuota
	case refusal.Policy, refusal.Webhook, refusal.Terminating, refusal.Plugin:
		return reasonAdmission
	case refusal.NoKind, refusal.NoNamespace, refusal.NoObject:
		return reasonNotFound
	case refusal.Manager, refusal.Race:
		return reasonConflict
	case refusal.Invalid:
		return reasonInvalid
	case refusal.None:
	}
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonTooManyRequests, metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout,
		metav1.StatusReasonServiceUnavailable, metav1.StatusReasonInternalError:
		return reasonUnavailable
	default:
		return reasonError
	}
}

func allFiles() []string { return []string{FilesCertificate, FilesCA, FilesClientCA, filesChecks} }
