// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hookstrap/hookstrap/internal/offline"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/check"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// judging is how manifests are judged.
type judging struct {
	webhook       string // the program
	configuration string // the file of the webhook configuration
}

// exemption is of one object.
type exemption struct {
	Kinds      []string `json:"kinds"`
	Names      []string `json:"names"`
	Namespaces []string `json:"namespaces"`
	Reason     string   `json:"reason"`
}

// of runs webhook check on a file, with the checks that are on by default, in mode deny, and exemptions of objects.
func (j judging) of(ctx context.Context, file, namespace string, exempt []exemption) (*offline.Report, error) {
	checks := map[string]any{}
	for _, d := range check.Definitions() {
		if d.DefaultMode != "" && d.DefaultMode != handler.Off {
			checks[d.Name] = map[string]any{"mode": handler.Deny, "exempt": map[string]any{"objects": exempt}}
		}
	}
	data, err := json.Marshal(map[string]any{"apiVersion": config.APIVersion, "kind": config.Kind, "checks": checks})
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(file, filepath.Ext(file)) + ".checks.yaml"
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, err
	}
	out, err := run(ctx, j.webhook, "check", file, "--output=json", "--namespace="+namespace, "--config="+path,
		"--webhook-configuration="+j.configuration)
	if denied := new(exec.ExitError); err != nil && (!errors.As(err, &denied) || denied.ExitCode() != 1) {
		return nil, err
	}
	var report offline.Report
	return &report, json.Unmarshal(out, &report)
}

// verdict is what became of an add-on.
type verdict struct {
	judged int    // the objects that the server is asked about
	denied int    // of these
	by     string // the checks, and what they are about
	exempt []exemption
}

// verdict judges an add-on, and once more with the exemptions that it needs, to see that no more are needed.
func (j judging) verdict(ctx context.Context, a addon, file string) (verdict, error) {
	report, err := j.of(ctx, file, a.namespace, nil)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{judged: report.Objects - report.NotAsked, denied: report.DeniedObjects}
	var denied []offline.Finding
	for _, f := range report.Findings {
		if f.Level != offline.Denied {
			continue
		}
		if f.Check == "" {
			return v, fmt.Errorf("%s:%d: %s", f.File, f.Line, f.Message)
		}
		denied = append(denied, f)
		v.exempt = append(v.exempt, exemption{[]string{resourceOf(f)}, []string{f.Name}, []string{f.Namespace}, "an add-on"})
	}
	v.by, v.exempt = summary(denied), merged(v.exempt)
	if v.denied == 0 {
		return v, nil
	}
	exempted, err := j.of(ctx, file, a.namespace, v.exempt)
	if err == nil && exempted.DeniedObjects > 0 {
		err = fmt.Errorf("%d objects are denied with their exemptions: %v", exempted.DeniedObjects, exempted.Findings)
	}
	return v, err
}

// control is what a finding of podSecurity is about, as in "hostPath volumes (volume "a")", and nothing for other
// checks.
func control(f offline.Finding) string {
	text, _, found := strings.Cut(strings.TrimPrefix(f.Message, f.Field+": "), " (")
	if !found || f.Check != "podSecurity" {
		return ""
	}
	return text
}

// summary names the checks, and behind each what it is about.
func summary(denied []offline.Finding) string {
	about := map[string][]string{}
	for _, f := range denied {
		about[f.Check] = append(about[f.Check], control(f))
	}
	var checks []string
	for name, list := range about {
		list = slices.DeleteFunc(distinct(list), func(text string) bool { return text == "" })
		if len(list) > 0 {
			name += ": " + strings.Join(list, ", ")
		}
		checks = append(checks, name)
	}
	return strings.Join(distinct(checks), "; ")
}

func distinct(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// merged are exemptions with all names of a kind and a namespace in one.
func merged(all []exemption) []exemption {
	var found []exemption
	for _, e := range all {
		i := slices.IndexFunc(found, func(o exemption) bool {
			return o.Kinds[0] == e.Kinds[0] && o.Namespaces[0] == e.Namespaces[0]
		})
		if i < 0 {
			found = append(found, e)
			continue
		}
		found[i].Names = distinct(append(found[i].Names, e.Names...))
	}
	return found
}

// resourceOf is the plural name of a kind with its group, as exemptions have it. All kinds that can be denied are of
// Kubernetes, and their plurals are regular.
func resourceOf(f offline.Finding) string {
	group, _, _ := strings.Cut(f.APIVersion, "/")
	if plural := strings.ToLower(f.Kind) + "s"; group != f.APIVersion {
		return plural + "." + group
	}
	return strings.ToLower(f.Kind) + "s"
}
