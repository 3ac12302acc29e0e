// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

func TestEnvironmentIsReadByDefault(t *testing.T) {
	for name, tc := range map[string]struct {
		variables map[string]string
		alter     func(*bootstrap.Options)
		want      string
	}{
		"none":     {want: "POD_SERVICE_ACCOUNT"},
		"variable": {variables: map[string]string{"POD_SERVICE_ACCOUNT": "web"}},
		"prefix":   {variables: map[string]string{"HOOKSTRAP_POD_SERVICE_ACCOUNT": "web"}},
		"the prefix wins": {
			variables: map[string]string{"SERVICE_NAME": "web", "HOOKSTRAP_SERVICE_NAME": "-", "POD_SERVICE_ACCOUNT": "web"},
			alter:     func(o *bootstrap.Options) { o.Service = "" },
			want:      "Service (environment variable SERVICE_NAME) is not valid",
		},
		"the field wins": {
			variables: map[string]string{"SERVICE_NAME": "-", "POD_IPS": "nonsense", "POD_SERVICE_ACCOUNT": "web"},
			alter:     func(o *bootstrap.Options) { o.PodIPs = []netip.Addr{netip.MustParseAddr("10.0.0.1")} },
		},
		"the binding": {
			variables: map[string]string{"IN_FORCE_BINDING": "web-in-force"},
			alter: func(o *bootstrap.Options) {
				o.RESTConfig, o.WebhookConfigurations, o.ExternalTrust = nil, nil, true
				o.Source, o.CertDir = bootstrap.SourceFiles, "/serving"
			},
			want: "InForceBinding (environment variable IN_FORCE_BINDING) needs RESTConfig",
		},
		"addresses": {
			variables: map[string]string{"POD_IPS": "10.0.0.256", "POD_SERVICE_ACCOUNT": "web"},
			want:      `PodIPs (environment variable POD_IPS) cannot be read: "10.0.0.256"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range tc.variables {
				t.Setenv(variable, value)
			}
			options := goodOptions()
			options.ServiceAccount = ""
			if tc.alter != nil {
				tc.alter(&options)
			}
			_, err := bootstrap.New(options)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// TestFieldsCanBeNamed: a program says its flags in place of the fields, and values keep their dollar signs.
func TestFieldsCanBeNamed(t *testing.T) {
	options := goodOptions()
	options.ClientAllowedNames, options.SignerName = []string{"api-server"}, "${Service}"
	_, err := bootstrap.New(options)
	var named []string
	for _, each := range bootstrap.FieldErrors(err) {
		named = append(named, each.Named(func(field string) string { return "--" + strings.ToLower(field) }).Error())
	}
	text := strings.Join(named, "\n")
	for _, want := range []string{
		"--clientallowednames needs --clientcafile: ", `--signername: the signer name "${Service}"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("named %q, want %s", named, want)
		}
	}
	if !errors.As(err, new(*bootstrap.FieldError)) {
		t.Errorf("%v is no FieldError", err)
	}
}
