// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"errors"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// flags are the flags that set the fields of [bootstrap.Options], with the environment variable that is read without.
func flags() map[string]string {
	return map[string]string{
		"RESTConfig":            "--kubeconfig",
		"Service":               "--service-name ($" + bootstrap.EnvService + ")",
		"Namespace":             "--namespace ($" + bootstrap.EnvNamespace + ")",
		"ServiceAccount":        "--service-account ($" + bootstrap.EnvServiceAccount + ")",
		"PodName":               "$" + bootstrap.EnvPodName,
		"PodUID":                "$" + bootstrap.EnvPodUID,
		"PodIPs":                "--pod-ip ($" + bootstrap.EnvPodIPs + ")",
		"ClusterDomain":         "--cluster-domain",
		"ExtraSANs":             "--extra-san",
		"WebhookConfigurations": "--webhook-configuration",
		"ExternalTrust":         "--webhook-configuration=none",
		"SharedConfigurations":  "--shared-configurations",
		"InForceBinding":        "--in-force-binding ($" + bootstrap.EnvInForceBinding + ")",
		"Source":                "--certificate-source",
		"SignerName":            "--signer-name",
		"Approval":              "--approve",
		"CASecretName":          "--ca-secret-name",
		"CAFile":                "--ca-file",
		"PublishTrustBundle":    "--publish-trust-bundle",
		"Duration":              "--certificate-duration",
		"KeyAlgorithm":          "--key-algorithm",
		"CertDir":               "--cert-dir",
		"ClientCAFile":          "--client-ca-file",
		"ClientAllowedNames":    "--client-allowed-name",
		"SelfAddress":           "--self-address",
		"Server.MetricsSecure":  "--metrics-secure",
	}
}

// flagOf is how a field of [bootstrap.Options] is called on the command line.
func flagOf(field string) string { return cmp.Or(flags()[field], field) }

// withFlags makes a usage error of the faults of options, which names flags. That no API server is known, and why, is
// said if nothing else is wrong.
func withFlags(err, unknown error) error {
	faults := bootstrap.FieldErrors(err)
	if len(faults) == 0 {
		return err
	}
	var named []error
	for _, fault := range faults {
		if fault.Field != "RESTConfig" {
			named = append(named, fault.Named(flagOf))
		}
	}
	if len(named) == 0 {
		return &usageError{cmp.Or(unknown, err)}
	}
	return &usageError{errors.Join(named...)}
}
