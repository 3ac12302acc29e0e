// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// What a program's author got wrong is said before anything runs.
func TestOptionsThatAreWrong(t *testing.T) {
	box := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Box"}
	twice := []*handler.Conversion{handler.ConvertFor[struct{}](box), handler.ConvertFor[struct{}](box)}
	for want, options := range map[string]Options{
		"Options.Conversions: conversion 0 is empty":                 {Conversions: []*handler.Conversion{nil}},
		"Options.Conversions: Box.example.com has two conversions: ": {Conversions: twice},
		`no handler for "/a"`:                                        {Handlers: map[string]http.Handler{"/a": nil}},
		`cannot serve "/validate"`:                                   {Handlers: map[string]http.Handler{"/validate": http.NotFoundHandler()}},
		`cannot serve "/convert"`:                                    {Handlers: map[string]http.Handler{"/convert": http.NotFoundHandler()}},
		`cannot serve "/"`:                                           {Handlers: map[string]http.Handler{"/": http.NotFoundHandler()}},
		`"a", which is no path`:                                      {Handlers: map[string]http.Handler{"a": http.NotFoundHandler()}},
		`"POST /a", which is no path`:                                {Handlers: map[string]http.Handler{"POST /a": http.NotFoundHandler()}},
		`Options.WebhookConfigurations: `:                            {WebhookConfigurations: []string{"pod/x"}},
	} {
		var stderr bytes.Buffer
		options.Stderr = &stderr
		if code := Run(t.Context(), []string{"version"}, options); code != exitFailure || !strings.Contains(stderr.String(), want) {
			t.Errorf("exit code %d and %q, want it to say %q", code, stderr.String(), want)
		}
	}
}

// The rights are those to the program's own configurations, unless a flag names others.
func TestWebhookConfigurationsOfTheProgram(t *testing.T) {
	flags := []string{"rbac", "--service-name=a", "--namespace=b"}
	for _, tt := range []struct {
		args      []string
		has, lack string
	}{
		{nil, "mutatingwebhookconfigurations", "apiservices"},
		{[]string{"--webhook-configuration=apiservice/v1.x.com"}, "apiservices", "mutatingwebhookconfigurations"},
		{[]string{"--webhook-configuration=apiservice/v1.x.com", "--webhook-configuration=mutating/y"}, "apiservices", `["x"]`},
	} {
		var out bytes.Buffer
		options := Options{Stdout: &out, Stderr: &out, WebhookConfigurations: []string{"validating/x", "mutating/x"}}
		if code := Run(t.Context(), append(flags, tt.args...), options); code != exitOK {
			t.Errorf("%v: exit code %d: %s", tt.args, code, out.String())
		}
		if got := out.String(); !strings.Contains(got, tt.has) || strings.Contains(got, tt.lack) {
			t.Errorf("%v: it prints\n%s\nwant %s and not %s", tt.args, got, tt.has, tt.lack)
		}
	}
}
