// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hookstrap/hookstrap/internal/lean"
	"github.com/hookstrap/hookstrap/pkg/handler"
)

// plaintextSecrets denies secrets that are written down where Secrets should be referred to: in the environment of
// containers, and in ConfigMaps. No message has any part of a value.
type plaintextSecrets struct {
	// Names are the names of variables and of keys whose values are secrets, such as *password. A * stands for any
	// characters, or none; upper and lower case, and any of "-_.", make no difference. A value that is empty, refers to
	// another one, as $(NAME) does, is a path, a URL or a switch, such as true, is no secret.
	Names []string `json:"names"`
	// AllowedNames are names, in the same form, whose values are no secrets, whatever they are.
	AllowedNames []string `json:"allowedNames,omitempty"`
	// Formats are what is found in any value by how it looks: privateKey, urlPassword, jwt, aws, github, gitlab, google,
	// npm, pypi, slack, stripe or vault.
	Formats []string `json:"formats"`
}

func plaintextSecretsDefinition() handler.Definition {
	return handler.Define("plaintextSecrets", handler.Doc{
		Summary: "No password, token or key is written down in the environment of a container or in a ConfigMap.",
		Why: "Every user who may look at a workload or a ConfigMap reads it, and it gets into backups, dashboards and Git. " +
			"For Secrets there are rights, and encryption in etcd. Files in a ConfigMap are searched for the formats of known " +
			"keys and tokens only.",
	}, func() plaintextSecrets {
		return plaintextSecrets{
			Names: []string{
				"*password", "*passwd", "*passphrase", "*secret", "*token", "*api-key", "*access-key", "*secret-key",
				"*secret-key-base", "*private-key", "*encryption-key", "*credentials",
			},
			Formats: formatNames(),
		}
	}, func(p plaintextSecrets, _ handler.Environment) (handler.Check, error) {
		return ruleFunc{"plaintextSecrets", p.compile().evaluate}, nil
	})
}

func formatNames() []string {
	var names []string
	for _, f := range secretFormats() {
		names = append(names, f.name)
	}
	return names
}

// Values implements [handler.Enumerator].
func (plaintextSecrets) Values() map[string][]string {
	return map[string][]string{"formats": formatNames()}
}

// Validate implements [handler.Validator].
func (p plaintextSecrets) Validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	check := func(path *field.Path, names []string) {
		for i, name := range names {
			if bare(name) == "" {
				errs = append(errs, field.Invalid(path.Index(i), name,
					"must be a name, with a * for any characters, such as *password"))
			}
		}
	}
	check(path.Child("names"), p.Names)
	check(path.Child("allowedNames"), p.AllowedNames)
	for i, name := range p.Formats {
		errs = append(errs, oneOf(path.Child("formats").Index(i), name, formatNames())...)
	}
	if len(p.Names)+len(p.Formats) == 0 {
		errs = append(errs, field.Required(path.Child("names"), "list names or formats, or turn the check off"))
	}
	return errs
}

// secretFinder is plaintextSecrets ready for use.
type secretFinder struct {
	names, allowed []string // bare
	formats        []secretFormat
}

func (p plaintextSecrets) compile() secretFinder {
	var f secretFinder
	for _, name := range p.Names {
		f.names = append(f.names, bare(name))
	}
	for _, name := range p.AllowedNames {
		f.allowed = append(f.allowed, bare(name))
	}
	for _, format := range secretFormats() {
		if slices.Contains(p.Formats, format.name) {
			f.formats = append(f.formats, format)
		}
	}
	return f
}

// bare is a name as it is compared.
func bare(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' {
			return -1
		}
		return r
	}, name))
}

// keptTexts are the data of a ConfigMap, and nothing else of it.
type keptTexts struct {
	Data map[string]string `json:"data"`
}

// DecodeLean decodes nothing but the data.
func (k *keptTexts) DecodeLean(o lean.Object) error {
	return lean.DecodePart(k, o.Whole(), func(name []byte) (lean.Verdict, lean.Shape) {
		if string(name) == "data" {
			return lean.Read, nil
		}
		return lean.Drop, nil
	})
}

func (f secretFinder) evaluate(ctx context.Context, req *handler.Request) ([]handler.Violation, error) {
	texts, ok, err := objectOf[keptTexts](req, corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	if err != nil {
		return nil, err
	}
	if ok {
		var violations []handler.Violation
		for _, key := range heeded(ctx, slices.Sorted(maps.Keys(texts.Data))) {
			for _, s := range f.find(key, texts.Data[key]) {
				v := handler.Violationf(field.NewPath("data").Key(brief(key)), "holds %s; move it to a Secret", s.what)
				violations = append(violations, s.identify(v))
			}
		}
		return violations, ctx.Err()
	}
	pod, ok, err := environmentOf(req)
	if err != nil || !ok {
		return nil, err
	}
	var violations []handler.Violation
	for _, c := range heeded(ctx, containersOf(pod)) {
		for i, variable := range heeded(ctx, c.Env) {
			for _, s := range f.find(variable.Name, variable.Value) {
				v := c.faultf(c.path().Child("env").Index(i).Child("value"),
					"variable %q holds %s; take it from a Secret by valueFrom.secretKeyRef", brief(variable.Name), s.what)
				violations = append(violations, s.identify(v))
			}
		}
	}
	return violations, ctx.Err()
}

// foundSecret is a sort of secrets in a value, and which they are.
type foundSecret struct {
	what  string
	parts []string // digests
}

// identify makes a violation the same one as long as no other secret comes. Nothing of the secrets is readable in it.
func (s foundSecret) identify(v handler.Violation) handler.Violation {
	if v.Identity == "" {
		v.Identity = v.Field + v.Message
	}
	v.Parts = s.parts
	return v
}

// find looks for secrets in a value: for what it holds by its format, and only then at its name.
func (f secretFinder) find(name, value string) []foundSecret {
	name = bare(name)
	isNamed := func(pattern string) bool { return matchesGlob(pattern, name) }
	if slices.ContainsFunc(f.allowed, isNamed) {
		return nil
	}
	var found []foundSecret
	secrets := f.byFormat(value)
	for i, format := range f.formats {
		if len(secrets[i]) > 0 {
			found = append(found, foundSecret{format.what, secrets[i]})
		}
	}
	if len(found) == 0 && slices.ContainsFunc(f.names, isNamed) && isLiteral(value) {
		return []foundSecret{{"a literal value under the name of a secret", []string{digest(value)}}}
	}
	return found
}

// byFormat returns digests of the secrets of each format.
func (f secretFinder) byFormat(value string) map[int][]string {
	found := map[int][]string{}
	for i, format := range f.formats {
		if format.find != nil {
			for _, secret := range format.find(value) {
				found[i] = append(found[i], digest(secret))
			}
		}
	}
	wordsOf(value, func(word string) {
		for i, format := range f.formats {
			if format.isWord != nil && format.isWord(word) {
				found[i] = append(found[i], digest(word))
			}
		}
	})
	return found
}

// isLiteral says whether the value of a secret is written down, and not where it is, or whether there is one.
func isLiteral(value string) bool {
	value = strings.TrimSpace(value)
	isAbout := func(prefix string) bool { return strings.HasPrefix(value, prefix) }
	switch {
	case value == "", isStandIn(value), isAbout("/"), isAbout("./"):
		return false
	case strings.Contains(value, "://"), slices.ContainsFunc([]string{"vault:", "secret:", "ref+", "arn:"}, isAbout):
		return false
	}
	return !slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "none", "null"}, strings.ToLower(value))
}
