// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// TestReadsAreByName: a server lists and watches single objects, each by its name. So what others create does not reach
// it, and servers that share a signer's name do not receive each other's requests. The ClusterTrustBundles of an
// external signer have no fixed name; only a user who may attest to that signer's CA can create them.
func TestReadsAreByName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		manifests, signer string
		approval          csr.Approval
		waits             bool // for its request to be answered by others
	}{
		{"manifests", signer.BuiltIn, csr.ApproveSelf, false},
		{"manifests", signer.BuiltIn, csr.ApproveExternal, true},
		{"manifests/overlays/kubelet-serving", signer.KubeletServing, csr.ApproveSelf, true},
	} {
		t.Run(fmt.Sprintf("%s approved by %s", tc.signer, tc.approval), func(t *testing.T) {
			t.Parallel()
			e, reads := newErrand(t, tc.manifests, ""), &collectionReads{seen: map[string]bool{}}
			options := e.BootstrapOptions(t)
			options.SignerName, options.Approval = tc.signer, tc.approval
			options.RESTConfig = intercept(e.noting(options.RESTConfig), reads.note)
			server := e.Start(t, options)
			// The last of its watches begin a second after it is ready.
			clustertest.Eventually(t, func(ctx context.Context) error {
				if tc.approval == csr.ApproveExternal {
					if err := e.approve(ctx); err != nil {
						return err
					}
				}
				return errors.Join(server.Readyz(request(t)), e.settled(ctx))
			})
			waited := false
			for _, read := range reads.sorted() {
				t.Log(read)
				waited = waited || strings.HasPrefix(read, "certificatesigningrequests ")
				byName := strings.Contains(read, " metadata.name=")
				if !byName && read != "clustertrustbundles spec.signerName="+tc.signer {
					t.Errorf("the server reads %s, want single objects by their names", read)
				}
			}
			if waited != tc.waits {
				t.Errorf("the server has listed or watched requests: %t, want %t", waited, tc.waits)
			}
		})
	}
}

// collectionReads are the lists and watches of a client, as "RESOURCE FIELDSELECTOR".
type collectionReads struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (c *collectionReads) note(r *http.Request) {
	resource, name, _ := resourceOf(r.URL.Path)
	if r.Method != http.MethodGet || name != "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[resource+" "+r.URL.Query().Get("fieldSelector")] = true
}

func (c *collectionReads) sorted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.seen))
}
