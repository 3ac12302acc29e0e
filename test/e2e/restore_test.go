// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/internal/clustercache"
	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestEtcdIsRestoredFromABackup: the cluster goes back in time, resource versions included. What the server knows is
// from the future then, and a watch that waits for the future to come would not see what happens.
func TestEtcdIsRestoredFromABackup(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t)
	s := site.New(t, c, site.Options{})
	var lists versions
	own := s.BootstrapOptions(t)
	own.RESTConfig = intercept(own.RESTConfig, lists.note)
	server := s.Start(t, own)
	server.AwaitReady(t)
	good := liveBundle(t, s)
	external := site.New(t, c, site.Options{})
	options := external.BootstrapOptions(t)
	options.Approval = csr.ApproveExternal
	options.RESTConfig = intercept(options.RESTConfig, lists.note)
	waiting := external.Start(t, options)
	onlyRequest(t, external)
	cluster := clustercache.New(t.Context(), intercept(c.Config(), lists.note))
	must(t, cluster.Add(t.Context(), &corev1.ConfigMap{}))
	restore, err := c.Backup(t.Context())
	must(t, err)
	for range 200 { // Something happens, and is undone.
		recreate(t, s)
	}
	annotate(t, s, "future") // The watches of Secret and request are as far as that of the configuration.
	label(t, external, onlyRequest(t, external))
	before := configMap(t, s, "before-the-restore")
	clustertest.Eventually(t, func(ctx context.Context) error { return cluster.Get(ctx, before, &corev1.ConfigMap{}) })
	clustertest.EventuallyWithin(t, recovery, func(context.Context) error { return healed(t, s, good) })
	must(t, restore(t.Context()))
	setBundle(t, s, nil)
	began := time.Now()
	clustertest.EventuallyWithin(t, recovery, func(context.Context) error { return healed(t, s, good) })
	t.Logf("healed %s after it was spoiled", time.Since(began).Round(time.Millisecond))
	rotate(t, s, []*site.Server{server}, "after the restore") // The Secret, too, is older than what was seen of it.
	must(t, s.Admin.CoreV1().Secrets(s.Namespace).Delete(t.Context(), site.Service+"-ca", metav1.DeleteOptions{}))
	clustertest.EventuallyWithin(t, recovery, func(ctx context.Context) error { return (&mortal{Site: s}).trusts(ctx, 2) })
	t.Logf("all well %s after it was spoiled", time.Since(began).Round(time.Millisecond))
	server.AwaitReady(t)
	wantAdmission(t, s)
	approve(t, external, onlyRequest(t, external))
	waitReady(t, external, waiting)
	after := configMap(t, s, "after-the-restore")
	clustertest.EventuallyWithin(t, recovery, func(ctx context.Context) error {
		return errors.Join(gone(ctx, cluster, before), cluster.Get(ctx, after, &corev1.ConfigMap{}))
	})
	lists.wantNone(t)
}

// configMap makes one for the cache of what checks read to see.
func configMap(t *testing.T, s *site.Site, name string) client.ObjectKey {
	t.Helper()
	_, err := s.Admin.CoreV1().ConfigMaps(s.Namespace).Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	must(t, err)
	return client.ObjectKey{Namespace: s.Namespace, Name: name}
}

func gone(ctx context.Context, cluster *clustercache.Cache, key client.ObjectKey) error {
	err := cluster.Get(ctx, key, &corev1.ConfigMap{})
	if err == nil {
		return fmt.Errorf("what checks read still holds ConfigMap %s, which went with the restore", key)
	}
	return client.IgnoreNotFound(err)
}

// versions are the resource versions that lists ask for, but for "0". The API server waits for one that is in the
// future, and client-go for the API server, 40 seconds in all.
type versions struct {
	mu    sync.Mutex
	lists int
	asked []string
}

func (v *versions) note(r *http.Request) {
	query := r.URL.Query()
	isStreamed := query.Has("sendInitialEvents")
	isList := query.Has("resourceVersion") || query.Has("fieldSelector") || query.Has("limit")
	if r.Method != http.MethodGet || query.Has("watch") && !isStreamed || !isList {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lists++
	if isStreamed {
		return // The API server answers at once that the version is too large.
	}
	if version := query.Get("resourceVersion"); version != "" && version != "0" {
		v.asked = append(v.asked, r.URL.String())
	}
}

func (v *versions) wantNone(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.asked) > 0 || v.lists == 0 {
		t.Errorf("of %d lists these ask for a version: %q", v.lists, v.asked)
	}
}

// annotate changes something about the CA's Secret that is no one's business.
func annotate(t *testing.T, s *site.Site, value string) {
	t.Helper()
	_, err := s.Admin.CoreV1().Secrets(s.Namespace).Patch(t.Context(), site.Service+"-ca", types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"hookstrap.test/touched":"`+value+`"}}}`), metav1.PatchOptions{})
	must(t, err)
}

func label(t *testing.T, s *site.Site, request string) {
	t.Helper()
	_, err := s.Admin.CertificatesV1().CertificateSigningRequests().Patch(t.Context(), request,
		types.MergePatchType, []byte(`{"metadata":{"labels":{"hookstrap.test/touched":"future"}}}`), metav1.PatchOptions{})
	must(t, err)
}
