// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

// The environment variables that fill in an [Environment]; the Deployment sets them through the downward API. Each may
// have the prefix [EnvPrefix]. One that has it wins over one that has not.
const (
	EnvPrefix = "HOOKSTRAP_"

	EnvService        = "SERVICE_NAME"
	EnvNamespace      = "POD_NAMESPACE"
	EnvServiceAccount = "POD_SERVICE_ACCOUNT"
	EnvPodName        = "POD_NAME"
	EnvPodUID         = "POD_UID"
	EnvPodIPs         = "POD_IPS"
)
