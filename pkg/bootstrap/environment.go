// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/identity"
)

// The environment variables [FromEnvironment] reads; the Deployment sets them through the downward API.
const (
	EnvService        = "SERVICE_NAME"
	EnvNamespace      = "POD_NAMESPACE"
	EnvServiceAccount = "POD_SERVICE_ACCOUNT"
	EnvPodName        = "POD_NAME"
	EnvPodUID         = "POD_UID"
	EnvPodIPs         = "POD_IPS"
)

// FromEnvironment reads who we are from the environment; pass [os.Getenv]. The only error is an unreadable POD_IPS;
// what is missing is for [New] to say.
func FromEnvironment(getenv func(string) string) (Environment, error) {
	env := Environment{
		Service:        getenv(EnvService),
		Namespace:      getenv(EnvNamespace),
		ServiceAccount: getenv(EnvServiceAccount),
		PodName:        getenv(EnvPodName),
		PodUID:         types.UID(getenv(EnvPodUID)),
	}
	ips, err := identity.ParseIPs([]string{getenv(EnvPodIPs)})
	if err != nil {
		return env, fmt.Errorf("environment variable %s: %w", EnvPodIPs, err)
	}
	env.PodIPs = ips
	return env, nil
}
