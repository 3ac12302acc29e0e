// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestClusterWithoutStreamingLists: each watch takes two requests more there, and nothing else is different.
func TestClusterWithoutStreamingLists(t *testing.T) {
	t.Parallel()
	c := clustertest.StartWith(t, cluster.Options{APIServerArgs: map[string][]string{"feature-gates": {"WatchList=false"}}})

	own := site.New(t, c, site.Options{})
	server := own.Start(t, own.BootstrapOptions(t))
	<-server.Ready()
	// Two more for each of the two watches: of the configuration and of the CA Secret.
	if got := server.Value(t, "hookstrap_bootstrap_api_requests"); got > maxRequests+4 {
		t.Errorf("%g API requests until ready, want %d at most", got, maxRequests+4)
	}
	wantAdmission(t, own)

	external := site.New(t, c, site.Options{})
	ca := newTestCA(t, "external")
	newExternalSigner(t, external, ca)
	process := startProcess(t, external, external.Config(t), "--signer-name="+unattendedSigner, "--approve=external",
		"--ca-file="+ca.file(t))
	awaitPhase(t, process, "ready", 1)
	for line := range strings.Lines(process.Log()) {
		if strings.Contains(line, "context canceled") || strings.Contains(line, "Failed to watch") {
			t.Errorf("a wait that has succeeded is logged as a failure: %s", line)
		}
	}
}
