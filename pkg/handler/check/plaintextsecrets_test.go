// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

func envOf(name, value string) string {
	return podSpec(fmt.Sprintf(`{containers: [{name: a, image: x, env: [{name: HOME, value: /root}, {name: %q, value: %q}]}]}`, name, value))
}

func dataOf(pairs ...string) string {
	data := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i]] = pairs[i+1]
	}
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return `{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}, data: ` + string(text) + `}`
}

// Secrets of known formats, put together here so that no scanner of repositories takes them for real ones.
func secretSamples() map[string]string {
	many := func(n int) string { return strings.Repeat("aB3dE6gH9k", n/10+1)[:n] }
	return map[string]string{
		"a private key":         "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE" + many(60) + "\n-----END RSA " + "PRIVATE KEY-----\n",
		"a URL with a password": "postgres://shop:" + "hunter2@db.shop.svc:5432/orders",
		"a JSON Web Token":      "eyJ" + many(20) + ".eyJ" + many(40) + "." + many(43),
		"an access key of AWS":  "AKIA" + strings.ToUpper(many(16)),
		"a token of GitHub":     "ghp_" + many(36),
		"a token of GitLab":     "glpat-" + many(20),
		"an API key of Google":  "AIza" + many(35),
		"a token of npm":        "npm_" + many(36),
		"a token of PyPI":       "pypi-AgE" + many(60),
		"a token of Slack":      "xoxb-" + many(30),
		"a key of Stripe":       "sk_live_" + many(24),
		"a token of Vault":      "hvs." + many(30),
	}
}

func testPlaintext(t *testing.T, params, object string) []string {
	t.Helper()
	got, err := built(t, definition(t, "plaintextSecrets"), params).Evaluate(t.Context(), requestOf(t, admissionv1.Create, object))
	if err != nil {
		t.Fatal(err)
	}
	return shown(got)
}

// What a secret looks like is known in the environment and within files of a ConfigMap, and its value is never shown.
func TestPlaintextSecretsByFormat(t *testing.T) {
	for what, secret := range secretSamples() {
		for where, object := range map[string]string{
			`spec.containers[0].env[1].value: container "a": variable "SETTING" holds ` + what + `; take it from a Secret by valueFrom.secretKeyRef`: envOf("SETTING", secret),
			"data[app.yaml]: holds " + what + "; move it to a Secret":                                                                                dataOf("app.yaml", "a: b\nkey: \""+secret+"\"\nc: d\n", "other", "x"),
		} {
			got := testPlaintext(t, "", object)
			if len(got) != 1 || got[0] != where {
				t.Errorf("%s: got %q, want %q", what, got, where)
			}
			if got := testPlaintext(t, `{formats: []}`, object); len(got) > 0 {
				t.Errorf("%s, without formats: got %q", what, got)
			}
		}
	}
	for title, text := range map[string]string{
		"a certificate":             "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n",
		"a public key":              "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----\n",
		"the words":                 "a PRIVATE KEY is not for ConfigMaps; -----BEGIN here",
		"a URL":                     "https://example.com:8443/a?b=c@d:e",
		"a URL with a user":         "https://jane@example.com/",
		"a URL with a variable":     "postgres://shop:$(DB_PASSWORD)@db/orders and amqp://u:${PASS}@mq and http://u:{{ .pass }}@h",
		"a URL without a password":  "redis://user:@cache:6379",
		"a mail address behind one": "see https://example.com/a:b, or write to jane@example.com",
		"a short one":               "ghp_short AKIASHORT glpat-x",
		"within another word":       "my_ghp_" + strings.Repeat("a", 36),
		"base64":                    strings.Repeat("QUJDRA", 30),
		"two parts of a JWT":        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0",
		"lower case of AWS":         "akia" + strings.Repeat("a", 16),
	} {
		if got := testPlaintext(t, "", dataOf("app.yaml", text)); len(got) > 0 {
			t.Errorf("%s: got %q", title, got)
		}
	}
}

// A name makes a secret of a value that is written down. The cases are those of polaris and kube-linter, and more.
func TestPlaintextSecretsByName(t *testing.T) {
	for name, isSecret := range map[string]bool{
		"PASSWORD": true, "DB_PASSWORD": true, "dbPassword": true, "db.password": true, "MYSQL_ROOT_PASSWD": true, "API_TOKEN": true,
		"CLIENT_SECRET": true, "AWS_SECRET_ACCESS_KEY": true, "AZURE_STORAGE_ACCESS_KEY": true, "apikey": true, "api-key": true, "SECRET_KEY_BASE": true,
		"PASSWORD_FILE": false, "TOKEN_TTL": false, "SECRET_NAME": false, "PASSWORD_MIN_LENGTH": false, "TOKENIZER": false, "KEY": false, "USER": false,
	} {
		for _, object := range []string{envOf(name, "x7"), dataOf(name, "x7")} {
			if got := testPlaintext(t, "", object); (len(got) == 1) != isSecret {
				t.Errorf("%s: got %q", name, got)
			}
		}
	}
	for value, isSecret := range map[string]bool{
		"hunter2": true, "12345678": true, " hunter2\n": true, "changeme": true,
		"": false, "  ": false, "$(FROM_ANOTHER)": false, "${TEMPLATE}": false, "{{ .Values.p }}": false, "<to be set>": false, "true": false, "No": false,
		"/run/secrets/password": false, "https://issuer.example.com/token": false, "vault:secret/data/db#password": false, "********": false,
	} {
		if got := testPlaintext(t, "", envOf("DB_PASSWORD", value)); (len(got) == 1) != isSecret {
			t.Errorf("%q: got %q", value, got)
		}
	}
}

func TestPlaintextSecrets(t *testing.T) {
	const isNamed = ` holds a literal value under the name of a secret; `
	const variable = `: variable "PASSWORD"` + isNamed + `take it from a Secret by valueFrom.secretKeyRef`
	const env = `env: [{name: PASSWORD, value: hunter2}]`
	testRows(t, "plaintextSecrets", map[string]row{
		"a reference": {object: podSpec(`{containers: [{name: a, env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}`)},
		"all containers": {object: podSpec(`{initContainers: [{name: i, ` + env + `}], containers: [{name: a}, {name: b, ` + env + `}],
			ephemeralContainers: [{name: e, ` + env + `}]}`), want: []string{
			`spec.initContainers[0].env[0].value: init container "i"` + variable,
			`spec.containers[1].env[0].value: container "b"` + variable,
			`spec.ephemeralContainers[0].env[0].value: ephemeral container "e"` + variable}},
		"a template": {object: templateOf(`{containers: [{name: a, ` + env + `}]}`), want: []string{
			`spec.template.spec.containers[0].env[0].value: container "a"` + variable}},
		"keys in order": {object: dataOf("token", "x", "password", "hunter2", "a", "b"), want: []string{
			`data[password]:` + isNamed + `move it to a Secret`, `data[token]:` + isNamed + `move it to a Secret`}},
		"empty ConfigMap": {object: `{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, binaryData: {token: eA==}}`},
		"a Secret":        {object: `{apiVersion: v1, kind: Secret, metadata: {name: c}, stringData: {token: x}}`},
		"an allowed name": {params: `allowedNames: [PUBLIC-*]`, object: dataOf("public_token", secretSamples()["a token of GitHub"])},
		"other names": {params: `names: ["*pin*"]`, object: dataOf("token", "x", "card_pin_code", "1234"), want: []string{
			`data[card_pin_code]:` + isNamed + `move it to a Secret`}},
		"one format": {params: `{names: [], formats: [aws]}`, object: dataOf("token", secretSamples()["a token of GitHub"])},
		"two formats in one": {object: dataOf("f", secretSamples()["a token of GitHub"]+" "+secretSamples()["a token of npm"]), want: []string{
			`data[f]: holds a token of GitHub; move it to a Secret`, `data[f]: holds a token of npm; move it to a Secret`}},
	})
	testInvalid(t, "plaintextSecrets", `{names: ["", "*token", _], allowedNames: [""], formats: [aws, azure]}`,
		"p.names[0]", "p.names[2]", "p.allowedNames[0]", "p.formats[1]")
	testInvalid(t, "plaintextSecrets", `{names: [], formats: []}`, "p.names")
}

// A secret that is there may stay, beside whatever else changes; another one is new.
func TestPlaintextSecretsUpdates(t *testing.T) {
	github, other := secretSamples()["a token of GitHub"], strings.ToUpper(secretSamples()["a token of GitHub"][4:])
	for title, tt := range map[string]struct {
		before, after string
		allowed       bool
	}{
		"the same":             {envOf("PASSWORD", "a"), envOf("PASSWORD", "a"), true},
		"another image":        {envOf("PASSWORD", "a"), strings.Replace(envOf("PASSWORD", "a"), "image: x", "image: z", 1), true},
		"another value":        {envOf("PASSWORD", "a"), envOf("PASSWORD", "b"), false},
		"another variable":     {envOf("PASSWORD", "a"), envOf("TOKEN", "a"), false},
		"taken away":           {envOf("PASSWORD", "a"), envOf("PASSWORD", ""), true},
		"around it":            {dataOf("f", "a "+github), dataOf("f", "b c "+github+"."), true},
		"one of two":           {dataOf("f", github+" ghp_"+other), dataOf("f", "ghp_"+other), true},
		"one more":             {dataOf("f", github), dataOf("f", github+" ghp_"+other), false},
		"another one":          {dataOf("f", github), dataOf("f", "ghp_"+other), false},
		"in another file":      {dataOf("f", github), dataOf("g", github), false},
		"another key in PEM":   {dataOf("f", secretSamples()["a private key"]), dataOf("f", strings.Replace(secretSamples()["a private key"], "MIIE", "MIIF", 1)), false},
		"a certificate beside": {dataOf("f", secretSamples()["a private key"]), dataOf("f", "-----BEGIN CERTIFICATE-----\nx\n"+secretSamples()["a private key"]), true},
	} {
		t.Run(title, func(t *testing.T) { testUpdate(t, "plaintextSecrets", "", tt.before, tt.after, tt.allowed) })
	}
}

// No part of a secret is in an answer, and none can be read in what is kept to compare violations.
func TestPlaintextSecretsAreNotShown(t *testing.T) {
	for what, secret := range secretSamples() {
		for _, object := range []string{envOf("SETTING", secret), dataOf("password", secret)} {
			req := requestOf(t, admissionv1.Create, object)
			check := built(t, definition(t, "plaintextSecrets"), "")
			text := answer(t, check, req).Result.String()
			found, err := check.Evaluate(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range found {
				text += fmt.Sprintf("%+v", v)
			}
			for i := range len(secret) - 6 {
				if part := secret[i : i+6]; strings.Contains(text, part) && !strings.Contains("a private key", strings.ToLower(part)) {
					t.Errorf("%s: %q is in %q", what, part, text)
					break
				}
			}
		}
	}
}
