// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// impostor sees every request of a server before the API server does, as no one can, and puts a request of its own in
// the place of the server's: the same name, the same user, the same labels, another key.
type impostor struct {
	site   *authorities
	client kubernetes.Interface
	// write is when: ahead of which of the server's writes.
	write  string
	active atomic.Bool

	mu      sync.Mutex
	planted []string
	failed  error
}

func newImpostor(t *testing.T, s *site.Site, write string) *impostor {
	t.Helper()
	i := &impostor{site: &authorities{Site: s}, write: write}
	cfg := s.Cluster.Config()
	cfg.Impersonate = rest.ImpersonationConfig{
		UserName: i.site.requester(), Groups: []string{"system:authenticated", "system:masters"}}
	i.client = mustClient(t, cfg)
	return i
}

// config is cfg with the impostor in between.
func (i *impostor) config(t *testing.T, cfg *rest.Config) *rest.Config {
	t.Helper()
	return intercept(cfg, func(r *http.Request) {
		if !i.active.Load() || describeWrite(r) != i.write {
			return
		}
		if err := i.plant(t, r); err != nil {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.failed = err
		}
	})
}

// plant puts the impostor's request where r is going to write.
func (i *impostor) plant(t *testing.T, r *http.Request) error {
	t.Helper()
	name, err := target(r)
	if err != nil || i.has(name) { // Once is enough: a second one would hinder the first.
		return err
	}
	ctx, requests := r.Context(), i.client.CertificatesV1().CertificateSigningRequests()
	if err := requests.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	obj := i.site.draft(t, i.site.serverName())
	obj.Name, obj.GenerateName = name, ""
	if _, err := requests.Create(ctx, obj, metav1.CreateOptions{}); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.planted = append(i.planted, name)
	return nil
}

// target is the name of the request that is about to be created, or to get a status.
func target(r *http.Request) (string, error) {
	if r.Method == http.MethodPut {
		return path.Base(path.Dir(r.URL.Path)), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	decoded, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		return "", err
	}
	created, err := meta.Accessor(decoded)
	if err != nil {
		return "", err
	}
	return created.GetName(), nil
}

func (i *impostor) has(name string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Contains(i.planted, name)
}

// took are the names that were planted so far.
func (i *impostor) took(t *testing.T) []string {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	must(t, i.failed)
	return i.planted
}

// wantIgnored: no one has approved or signed what the impostor planted.
func (i *impostor) wantIgnored(t *testing.T) {
	t.Helper()
	for _, name := range i.took(t) {
		live, err := i.site.live(t.Context(), name)
		must(t, err)
		if len(live.Status.Conditions) > 0 || len(live.Status.Certificate) > 0 {
			t.Errorf("the impostor's CertificateSigningRequest %s was answered: %+v", name, live.Status.Conditions)
		}
	}
}

// TestImpostorIsNeverApproved: a renewal never adopts a request that somebody else has put under the name of its own,
// whenever that is done, and goes on with the certificate that it has until it is left alone.
func TestImpostorIsNeverApproved(t *testing.T) {
	t.Parallel()
	for _, write := range []string{
		"POST certificatesigningrequests",
		"PUT certificatesigningrequests/approval",
		"PUT certificatesigningrequests/status",
	} {
		t.Run(write, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, shared, site.Options{})
			attack := newImpostor(t, s, write)
			options := s.BootstrapOptions(t)
			options.RESTConfig = attack.config(t, options.RESTConfig)
			server := s.Start(t, options)
			server.AwaitReady(t)
			good := snapshot(t, s)

			attack.active.Store(true)
			server.Renew()
			clustertest.Eventually(t, func(context.Context) error {
				if got := len(attack.took(t)); got < 2 {
					return fmt.Errorf("%d requests planted, want that the server tries again", got)
				}
				return nil
			})
			good.wantUntouched(t)
			wantAdmission(t, s)
			attack.active.Store(false)
			clustertest.Eventually(t, func(context.Context) error {
				if (direct{site: s, bundle: good.bundle}).leaf(t).Equal(good.leaf) {
					return fmt.Errorf("the certificate was not renewed after the attack")
				}
				return nil
			})
			attack.wantIgnored(t)
			wantAdmission(t, s)
		})
	}
}
