// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import "github.com/hookstrap/hookstrap/pkg/handler"

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
		volumeTypesDefinition(),
		sysctlsDefinition(),
		userRangesDefinition(),
		serviceAccountTokenDefinition(),
		// How workloads live together.
		resourcesDefinition(),
		probesDefinition(),
		replicaLimitsDefinition(),
		podDisruptionBudgetsDefinition(),
		requiredBudgetsDefinition(),
		topologySpreadDefinition(),
		storageClassesDefinition(),
		// Ways in and out.
		servicesDefinition(),
		ingressHostsDefinition(),
		requiredNetworkPoliciesDefinition(),
		danglingReferencesDefinition(),
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
	}
	return definitions
}
