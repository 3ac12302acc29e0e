// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// What a later release will not read is one line of the log, each time that the file is brought into use.
func TestWarningsAreOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checks.yaml")
	must(t, os.WriteFile(path, []byte(strings.Replace(deny, "text:", "onError: allow, text:", 1)), 0o600))
	first, err := config.Load(path, definitions())
	must(t, err)
	h, err := handler.New(handler.Options{})
	must(t, err)
	r, err := New(Options{Path: path, Definitions: definitions(), First: first, Handler: h, Cluster: &fakeCluster{}})
	must(t, err)

	var lines []string
	logger := funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
	ctx := klog.NewContext(t.Context(), logger)
	changes := make(chan struct{}, 1)
	must(t, r.reload(ctx, changes))
	must(t, r.reload(ctx, changes))
	got := strings.Join(lines, "\n")
	const line, text = "The check configuration should be changed", "onError is deprecated: write failurePolicy: Ignore"
	if strings.Count(got, line) != 1 || strings.Count(got, text) != 1 {
		t.Errorf("want one line that says %q:\n%s", text, got)
	}
}
