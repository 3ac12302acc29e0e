// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"cmp"
	"net/netip"

	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/internal/identity"
)

// Environment is what a pod knows of itself. Fields that are empty are read from the environment variables.
type Environment struct {
	// Service is the Service in front of the webhook, Namespace its and our namespace. Both are needed.
	Service, Namespace string
	// ServiceAccount is the name of the ServiceAccount we run as. The built-in signer needs it.
	ServiceAccount string
	// PodName labels the requests; PodIPs become SANs. Both may be empty. Events are about the Pod of that name and UID:
	// without a name there are none, and without its UID `kubectl describe` may not show them.
	PodName string
	PodUID  types.UID
	PodIPs  []netip.Addr
}

// FromEnvironment reads an [Environment]; pass [os.Getenv]. [New] and [NewServer] do that by themselves: it is for
// programs that need to know, say, their namespace before. The only error is a POD_IPS that cannot be read; what is
// missing is for [New] to say.
func FromEnvironment(getenv func(string) string) (Environment, error) {
	return Environment{}.completed(getenv)
}

// completed is e with what is empty read from the variables.
func (e Environment) completed(getenv func(string) string) (Environment, error) {
	read := func(name string) string { return variable(getenv, name) }
	e.Service = cmp.Or(e.Service, read(EnvService))
	e.Namespace = cmp.Or(e.Namespace, read(EnvNamespace))
	e.ServiceAccount = cmp.Or(e.ServiceAccount, read(EnvServiceAccount))
	e.PodName = cmp.Or(e.PodName, read(EnvPodName))
	e.PodUID = cmp.Or(e.PodUID, types.UID(read(EnvPodUID)))
	if len(e.PodIPs) > 0 {
		return e, nil
	}
	ips, err := identity.ParseIPs([]string{read(EnvPodIPs)})
	if err != nil {
		return e, fault("PodIPs", "${PodIPs} cannot be read: %w", err)
	}
	e.PodIPs = ips
	return e, nil
}
