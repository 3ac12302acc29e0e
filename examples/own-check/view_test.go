// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// owners is a view of the owners of Namespaces, as a module of its own can have one.
func owners() *handler.View[string] {
	return handler.NewView("owners", &corev1.Namespace{}, &corev1.NamespaceList{},
		func(n *corev1.Namespace) (handler.Kept[string], bool) {
			owner := n.Annotations["example.com/owner"]
			return handler.Kept[string]{Value: owner, Keys: []handler.Key{{Text: owner}}}, owner != ""
		})
}

// oneEach is a check that every owner has one Namespace.
func oneEach() handler.Definition {
	return handler.Define("oneEach", handler.Doc{}, func() struct{} { return struct{}{} },
		func(_ struct{}, env handler.Environment) (handler.Check, error) {
			return lookingUp{env}, nil
		}, owners())
}

type lookingUp struct{ env handler.Environment }

func (lookingUp) Name() string { return "oneEach" }

func (l lookingUp) Evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	if req.Kind.Kind != "Namespace" {
		return nil, nil
	}
	meta, err := handler.Metadata(req)
	if err != nil {
		return nil, err
	}
	owner := meta.Annotations["example.com/owner"]
	var violations []handler.Violation
	err = owners().Find(ctx, l.env.Cluster, handler.Query{Key: owner}, func(found handler.Found[string]) bool {
		if found.Name != meta.Name {
			violations = append(violations, handler.Violationf(field.NewPath("metadata"), "%s has %s already", owner, found.Name))
		}
		return true
	})
	return violations, err
}

// A check of another module reads a view, with what the package handler exports.
func TestOwnViewIsRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	namespace := func(name, owner string) string {
		return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + ", annotations: {example.com/owner: " + owner + "}}\n"
	}
	file := write("all.yaml", namespace("a", "jane")+namespace("b", "joe")+namespace("c", "jane"))
	config := write("checks.yaml", head+"checks: {oneEach: {}}\n")
	var out, errs bytes.Buffer
	code := command.Run(t.Context(), []string{"check", "-f", file, "--config", config}, command.Options{
		Stdout: &out, Stderr: &errs, Definitions: []handler.Definition{oneEach()},
	})
	if code != 1 || strings.Count(out.String(), "jane has ") != 2 || strings.Contains(out.String(), "joe") {
		t.Errorf("exit %d:\n%s%s", code, out.String(), errs.String())
	}
}
