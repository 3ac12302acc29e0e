// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import "github.com/hookstrap/hookstrap/pkg/handler"

// What a configuration file calls itself.
const (
	APIVersion = "hookstrap.dev/v1alpha1"
	Kind       = "CheckConfiguration"
)

// Configuration says how the built-in checks are used.
type Configuration struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Checks     Checks `json:"checks"`
}

// Checks are the built-in checks.
type Checks struct {
	PodSecurity    PodSecurity    `json:"podSecurity"`
	ImageTag       ImageTag       `json:"imageTag"`
	RequiredLabels RequiredLabels `json:"requiredLabels"`
}

// PodSecurity configures the check of the Pod Security Standards.
type PodSecurity struct {
	Mode handler.Mode `json:"mode"`
	// Level is privileged, baseline or restricted.
	Level string `json:"level"`
	// Version is latest or the minor version of Kubernetes whose standards apply, as in v1.30.
	Version          string   `json:"version"`
	ExemptNamespaces []string `json:"exemptNamespaces,omitempty"`
}

// ImageTag configures the check of image references.
type ImageTag struct {
	Mode             handler.Mode `json:"mode"`
	RequireDigest    bool         `json:"requireDigest"`
	AllowLatest      bool         `json:"allowLatest"`
	ExemptNamespaces []string     `json:"exemptNamespaces,omitempty"`
}

// RequiredLabels configures the check of labels.
type RequiredLabels struct {
	Mode   handler.Mode `json:"mode"`
	Labels []Label      `json:"labels,omitempty"`
	// Resources are plural names with their group, as in pods or deployments.apps; none stands for all.
	Resources        []string `json:"resources,omitempty"`
	ExemptNamespaces []string `json:"exemptNamespaces,omitempty"`
}

// Label is a label that must be there.
type Label struct {
	Key string `json:"key"`
	// Pattern is a regular expression for the whole value; any value but the empty one will do without it.
	Pattern string `json:"pattern,omitempty"`
}

// Default is the configuration that holds without a file, and for what a file leaves out.
func Default() Configuration {
	return Configuration{
		APIVersion: APIVersion,
		Kind:       Kind,
		Checks: Checks{
			PodSecurity:    PodSecurity{Mode: handler.Deny, Level: "baseline", Version: "latest"},
			ImageTag:       ImageTag{Mode: handler.Deny},
			RequiredLabels: RequiredLabels{Mode: handler.Off},
		},
	}
}
