// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/pkg/command"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
	"github.com/hookstrap/hookstrap/pkg/handlertest"
)

// Each file of testdata is an object, and what becomes of it.
func TestTeamLabel(t *testing.T) {
	entries, err := config.Default(definitions()).Build(handler.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	handlertest.ExpectFiles(t, "testdata", handlertest.Alone(h))
}

// The API server may ask again about what the mutation has made.
func TestTeamLabelIsIdempotent(t *testing.T) {
	m := handler.MutateFor("teamLabel", parameters{Team: "none"}.change)
	handlertest.Idempotent(t, m, `{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}}`,
		`{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {team: a}}}`)
}

// The API server asks about what the mutation looks at, and about nothing else.
func TestWebhookConfiguration(t *testing.T) {
	var out bytes.Buffer
	o := options()
	o.Stdout, o.Stderr = &out, &out
	if code := command.Run(t.Context(), []string{"manifest", "--service-name=example-mutation", "--in-force=example-mutation"}, o); code != 0 {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	file, err := os.ReadFile("webhook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out.String(), regexp.MustCompile("(?m)^#.*\n").ReplaceAllString(string(file), "")); diff != "" {
		t.Errorf("webhook.yaml is not what the command manifest prints (-printed +file):\n%s", diff)
	}
}
