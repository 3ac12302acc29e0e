// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build node

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestNeverStartingImage: an install with an image that does not exist leaves the cluster open, and is told to have
// failed. One with a good image comes into force without a single call that fails, and an upgrade to the bad image
// changes nothing about that.
func TestNeverStartingImage(t *testing.T) {
	uninstall(t)
	output, err := deploy(t, "registry.example/none:never", "20s")
	if err == nil {
		t.Fatalf("the install of an image that does not exist has succeeded:\n%s", output)
	}
	for _, want := range []string{"the webhook is not in force: nothing is denied", "ImagePull"} {
		if !strings.Contains(output, want) {
			t.Errorf("deploy does not say %q:\n%s", want, output)
		}
	}
	if _, err := create(t.Context(), client(t), badPod(), metav1.DryRunAll); err != nil {
		t.Errorf("a Pod while no replica has ever started: %v", err)
	}

	name, err := imageName(t.Context(), shared)
	must(t, err)
	failed := askUntilDenied(t)
	output, err = deploy(t, name, "2m")
	must(t, err)
	if !strings.Contains(output, "the webhook is in force\n") {
		t.Errorf("deploy does not say that it is in force:\n%s", output)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}

	output, err = deploy(t, "registry.example/none:never", "20s")
	if err == nil || !strings.Contains(output, "the webhook is in force: replicas of before go on") {
		t.Errorf("an upgrade to an image that does not exist: %v\n%s", err, output)
	}
	if _, err := create(t.Context(), client(t), badPod(), metav1.DryRunAll); !apierrors.IsForbidden(err) {
		t.Errorf("a bad Pod during an upgrade that does not start: %v", err)
	}
	install(t)
}

// uninstall removes what earlier tests have installed, and waits until it is gone.
func uninstall(t *testing.T) {
	t.Helper()
	_, err := shell(t.Context(), "kubectl delete -k manifests/overlays/deny --ignore-not-found --timeout=90s")
	must(t, err)
	clustertest.EventuallyWithin(t, patience, func(ctx context.Context) error {
		_, err := client(t).CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("the namespace is still there"), err)
		}
		return nil
	})
}

// deploy installs an image that is on the node, or nowhere: there is no engine that could build or push one.
func deploy(t *testing.T, image, timeout string) (string, error) {
	t.Helper()
	engine := filepath.Join(t.TempDir(), "engine")
	must(t, os.WriteFile(engine, []byte("#!/bin/sh\n"), 0o700)) // #nosec G306 -- to be executed.
	script := fmt.Sprintf("DOCKER=%s TIMEOUT=%s hack/deploy %s manifests/overlays/deny", engine, timeout, image)
	return shell(t.Context(), script)
}

// askUntilDenied asks for a bad Pod over and over until it is denied for what it is. Until then it has to be admitted:
// the API server calls no replica that it cannot reach.
func askUntilDenied(t *testing.T) <-chan error {
	t.Helper()
	done, asking := make(chan error, 1), client(t)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*patience)
		defer cancel()
		for {
			_, err := create(ctx, asking, badPod(), metav1.DryRunAll)
			switch {
			case err == nil:
				continue
			case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "denied the request"):
				done <- nil
			default:
				done <- fmt.Errorf("between admitted and denied for what it is: %w", err)
			}
			return
		}
	}()
	return done
}
