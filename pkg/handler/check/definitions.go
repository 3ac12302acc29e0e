// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// page has a section about each check.
const page = "https://github.com/hookstrap/hookstrap/blob/main/docs/checks.md"

// Definitions returns the built-in checks, in the order in which they are asked and documented.
func Definitions() []handler.Definition {
	definitions := []handler.Definition{
		podSecurityDefinition(),
		// Images.
		imageTagDefinition(),
		allowedRegistriesDefinition(),
		// What containers may do to their node.
		privilegedDefinition(),
		privilegeEscalationDefinition(),
		capabilitiesDefinition(),
		runAsNonRootDefinition(),
		readOnlyRootFilesystemDefinition(),
		seccompDefinition(),
		hostNamespacesDefinition(),
		hostPortsDefinition(),
		hostPathsDefinition(),
		serviceAccountTokenDefinition(),
		// How workloads live together.
		resourcesDefinition(),
		probesDefinition(),
		replicaLimitsDefinition(),
		podDisruptionBudgetsDefinition(),
		storageClassesDefinition(),
		// Ways in and out.
		servicesDefinition(),
		ingressHostsDefinition(),
		// Rights.
		rbacWildcardsDefinition(),
		anonymousAccessDefinition(),
		// Objects of every kind.
		requiredLabelsDefinition(),
		requiredAnnotationsDefinition(),
		defaultNamespaceDefinition(),
	}
	for i := range definitions {
		addExamples(&definitions[i])
		definitions[i].Doc.URL = page + "#" + strings.ToLower(definitions[i].Name)
	}
	return definitions
}
