// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import "cmp"

// The environment variables that fill in [Options], most of them its [Environment]; the Deployment sets them, through
// the downward API where it can. Each may have the prefix [EnvPrefix]. One that has it wins over one that has not.
const (
	EnvPrefix = "HOOKSTRAP_"

	EnvService        = "SERVICE_NAME"
	EnvNamespace      = "POD_NAMESPACE"
	EnvServiceAccount = "POD_SERVICE_ACCOUNT"
	EnvPodName        = "POD_NAME"
	EnvPodUID         = "POD_UID"
	EnvPodIPs         = "POD_IPS"

	// EnvInForceBinding fills in [Options.InForceBinding]: the manifest that has the binding can name it to any program.
	EnvInForceBinding = "IN_FORCE_BINDING"
)

// variable is the value of an environment variable, with the prefix or without.
func variable(getenv func(string) string, name string) string {
	return cmp.Or(getenv(EnvPrefix+name), getenv(name))
}
