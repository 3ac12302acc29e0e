// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// hostNamespaces denies Pods that share namespaces of their node. The fields say which ones may be shared.
type hostNamespaces struct {
	// AllowHostNetwork admits Pods on the node's network.
	AllowHostNetwork bool `json:"allowHostNetwork,omitempty"`
	// AllowHostPID admits Pods that see the node's processes.
	AllowHostPID bool `json:"allowHostPID,omitempty"`
	// AllowHostIPC admits Pods that share the node's System V IPC and POSIX message queues.
	AllowHostIPC bool `json:"allowHostIPC,omitempty"`
}

func hostNamespacesDefinition() handler.Definition {
	return definePods("hostNamespaces", handler.Doc{
		Summary: "Pods do not share the network, process or IPC namespace of their node.",
		Why: "On the node's network a Pod reaches what listens on localhost, such as the kubelet, and passes by network " +
			"policies. Among the node's processes it reads their environment, and with it other Pods' secrets.",
	}, no[hostNamespaces])
}

func (p hostNamespaces) violations(_ context.Context, pod PodTemplate) []handler.Violation {
	var violations []handler.Violation
	for _, shared := range []struct {
		is, allowed bool
		name, what  string
	}{
		{pod.Spec.HostNetwork, p.AllowHostNetwork, "hostNetwork", "network"},
		{pod.Spec.HostPID, p.AllowHostPID, "hostPID", "process"},
		{pod.Spec.HostIPC, p.AllowHostIPC, "hostIPC", "IPC"},
	} {
		if shared.is && !shared.allowed {
			violations = append(violations, pod.riskf(pod.Path.Child(shared.name),
				"%s: true shares the %s namespace of the node; remove it", shared.name, shared.what))
		}
	}
	return violations
}
