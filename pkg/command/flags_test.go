// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/hookstrap/hookstrap/pkg/bootstrap"
)

// TestFieldsHaveTheirFlag: a fault of any field that a command line can set names a flag that there is.
func TestFieldsHaveTheirFlag(t *testing.T) {
	// Set by the command itself, or by a flag whose value is judged when it is read.
	without := []string{"Environment", "BuiltInSignerName", "TLS", "Sidecar", "Registerer", "Logger", "Server"}
	var fields []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[bootstrap.Options]()) {
		fields = append(fields, field.Name)
		if named := flags()[field.Name] != ""; named == slices.Contains(without, field.Name) {
			t.Errorf("%s: has a flag is %t", field.Name, named)
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[bootstrap.ServerOptions]()) {
		fields = append(fields, "Server."+field.Name)
	}
	for field, text := range flags() {
		if !slices.Contains(fields, field) {
			t.Errorf("%s is no field", field)
		}
		if match := regexp.MustCompile(`--([a-z-]+)`).FindStringSubmatch(text); match != nil &&
			flagsOf(t, "serve").Lookup(match[1]) == nil && flagsOf(t, "issue").Lookup(match[1]) == nil {
			t.Errorf("%s has the flag %s, which is none", field, text)
		}
	}
}

// TestFaultsAreAllNamed: all at once, and that there is no API server only when nothing else is wrong.
func TestFaultsAreAllNamed(t *testing.T) {
	t.Setenv("KUBECONFIG", "/does/not/exist")
	t.Setenv("HOME", t.TempDir())
	for want, args := range map[string][]string{
		"webhook: --service-name ($SERVICE_NAME) is missing: the certificate is for the name of the Service; " +
			"--service-account ($POD_SERVICE_ACCOUNT) is missing: signer hookstrap.dev/serving signs for that ServiceAccount alone\n": {
			"serve", "--namespace=shop", "--webhook-configuration=web"},
		"webhook: --kubeconfig is missing: this is not a Pod with a ServiceAccount, and neither $KUBECONFIG nor ~/.kube/config " +
			"names an API server\n": {
			"issue", "--namespace=shop", "--service-name=web", "--service-account=web", "--cert-dir=x", "--webhook-configuration=web"},
	} {
		if code, stderr := runPlain(t, args...); code != exitUsage || stderr != want {
			t.Errorf("exit code %d, got\n%swant\n%s", code, stderr, want)
		}
	}
}
