// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package clustertest_test

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// A test waits for something in a namespace of its own. There is no test here to run it with, so no output.
func ExampleEventually() {
	test := func(t *testing.T) {
		namespace := clustertest.Namespace(t, shared)
		client, err := kubernetes.NewForConfig(shared.Config())
		if err != nil {
			t.Fatal(err)
		}
		clustertest.Eventually(t, func(ctx context.Context) error {
			pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err
			}
			if len(pods.Items) == 0 {
				return fmt.Errorf("no pod in %s", namespace)
			}
			return nil
		})
	}
	_ = test
}
