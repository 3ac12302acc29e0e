// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build gitops

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

const (
	gitopsBegin = "<!-- begin gitops -->\n"
	gitopsEnd   = "<!-- end gitops -->\n"
	gitopsHead  = "| tool | applies | install | sync again | sync after a CA rotation | rename an entry | remove an entry | " +
		"roll back | bundles lost |\n|---|---|---|---|---|---|---|---|---|\n"
)

// gitopsRow is what became of one tool with one install.
type gitopsRow struct {
	tool, what string
	steps      []string
	lost       int
}

// add notes a step, and fails the test if the step has failed.
func (r *gitopsRow) add(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s, %s, step %d: %v", r.tool, r.what, len(r.steps)+1, err)
		r.steps = append(r.steps, "fails")
		return
	}
	r.steps = append(r.steps, "ok")
}

// reportGitOps prints the table, and writes it into the page if nothing has failed.
func reportGitOps(t *testing.T, rows []gitopsRow) {
	t.Helper()
	table := gitopsHead
	for _, row := range rows {
		table += fmt.Sprintf("| %s | %s | %s | %d |\n", row.tool, row.what, strings.Join(row.steps, " | "), row.lost)
	}
	fmt.Print(table)
	if t.Failed() {
		return
	}
	page := filepath.Join(site.Root(), "docs", "gitops.md")
	text, err := os.ReadFile(page)
	must(t, err)
	before, rest, _ := strings.Cut(string(text), gitopsBegin)
	_, after, found := strings.Cut(rest, gitopsEnd)
	if !found {
		t.Fatalf("%s has no place for the table", page)
	}
	must(t, os.WriteFile(page, []byte(before+gitopsBegin+table+gitopsEnd+after), 0o600))
}

// followBundles follows the configuration until the function that it returns is called, which says how often an entry
// of ours that stayed was seen without the bundle it had had.
func followBundles(t *testing.T, i gitopsInstall) (lost func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	configurations := mustClient(t, shared.Config()).AdmissionregistrationV1().ValidatingWebhookConfigurations()
	last := i.live(t)
	watcher, err := configurations.Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", i.configuration).String(), ResourceVersion: last.ResourceVersion})
	must(t, err)
	var following sync.WaitGroup
	count := 0
	following.Go(func() {
		for event := range watcher.ResultChan() {
			next, ok := event.Object.(*admissionv1.ValidatingWebhookConfiguration)
			if !ok {
				continue
			}
			count += lostBetween(last, next)
			last = next
		}
	})
	return func() int {
		cancel()
		following.Wait()
		return count
	}
}

// lostBetween counts the entries that are in both and had a bundle in the first alone.
func lostBetween(before, after *admissionv1.ValidatingWebhookConfiguration) int {
	lost := 0
	for _, was := range before.Webhooks {
		for _, is := range after.Webhooks {
			if was.Name == is.Name && len(was.ClientConfig.CABundle) > 0 && len(is.ClientConfig.CABundle) == 0 {
				lost++
			}
		}
	}
	return lost
}

// entriesOf are the names of the entries of the configuration among manifests, but for those with that prefix.
func entriesOf(t *testing.T, manifests, except string) []string {
	t.Helper()
	var names []string
	for document := range strings.SplitSeq(manifests, "\n---\n") {
		if !strings.Contains(document, "kind: ValidatingWebhookConfiguration\n") {
			continue
		}
		var found admissionv1.ValidatingWebhookConfiguration
		must(t, yaml.Unmarshal([]byte(document), &found))
		for _, webhook := range found.Webhooks {
			if except == "" || !strings.HasPrefix(webhook.Name, except) {
				names = append(names, webhook.Name)
			}
		}
	}
	return names
}
