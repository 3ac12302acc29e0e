// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/cgroups"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/internal/poll"
)

// ContainerPIDs are the process ids of a container, as this process sees them, given its id as it is in the status of
// its Pod. Nothing is executed in the container, so that it works without a shell in the image.
func (n *Node) ContainerPIDs(containerID string) []int {
	_, id, found := strings.Cut(containerID, "://")
	if !found {
		return nil
	}
	return cgroups.PIDs(n.Name(), id)
}

// awaitReady returns once the Node is Ready.
func (n *Node) awaitReady(ctx context.Context) error {
	err := poll.Until(ctx, func(ctx context.Context) error {
		object, err := n.client.CoreV1().Nodes().Get(ctx, n.Name(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		return ready(object)
	})
	if err != nil {
		return n.logs.Failure(Kubelet, err)
	}
	return nil
}

func ready(node *corev1.Node) error {
	for _, condition := range node.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		if condition.Status == corev1.ConditionTrue {
			return nil
		}
		return fmt.Errorf("node %s is not ready: %s: %s", node.Name, condition.Reason, condition.Message)
	}
	return errors.New("the kubelet has not reported yet")
}
