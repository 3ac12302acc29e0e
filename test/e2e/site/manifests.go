// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
)

// Shipped is what the manifests contain, as far as a site needs it.
type Shipped struct {
	ClusterRole   rbacv1.ClusterRole
	Role          rbacv1.Role
	Configuration admissionv1.ValidatingWebhookConfiguration
	// InForce has the right that the configuration's matchConditions ask for.
	InForce rbacv1.ClusterRole
}

// inForceSuffix ends the names of that role and of its binding.
const inForceSuffix = "-in-force"

// Root is the repository's directory.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Render reads a kustomization below the repository's root with the pinned kubectl.
func Render(ctx context.Context, c *cluster.Cluster, directory string) (Shipped, error) {
	cmd := c.Kubectl(ctx, "kustomize", filepath.Join(Root(), directory))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return Shipped{}, fmt.Errorf("kubectl kustomize %s: %w: %s", directory, err, &stderr)
	}
	return Parse(out)
}

// Parse reads what a site needs from manifests in YAML.
func Parse(manifests []byte) (Shipped, error) {
	var shipped Shipped
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return shipped, nil
		}
		if err != nil {
			return shipped, fmt.Errorf("reading the rendered manifests: %w", err)
		}
		if err := shipped.take(&object); err != nil {
			return shipped, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

func (s *Shipped) take(object *unstructured.Unstructured) error {
	into := map[string]any{
		"ClusterRole":                    &s.ClusterRole,
		"Role":                           &s.Role,
		"ValidatingWebhookConfiguration": &s.Configuration,
	}[object.GetKind()]
	if object.GetKind() == "ClusterRole" && strings.HasSuffix(object.GetName(), inForceSuffix) {
		into = &s.InForce
	}
	if into == nil {
		return nil
	}
	return apiruntime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into)
}
