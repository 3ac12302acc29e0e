// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"

	"github.com/hookstrap/hookstrap/internal/trust"
)

func TestParseSource(t *testing.T) {
	for text, want := range map[string]Source{
		"clustertrustbundle/example.com/signer":     {Signer: "example.com/signer"},
		"clustertrustbundle/example.com:signer:web": {Name: "example.com:signer:web"},
		"clustertrustbundle/roots":                  {Name: "roots"},
	} {
		got, err := ParseSource(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is read as %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "true", "roots", "secret/a/b", "clustertrustbundle/", "clustertrustbundle/example.com/", "clustertrustbundle//signer",
		"clustertrustbundle/a/b/c", "clustertrustbundle/a b",
	} {
		if got, err := ParseSource(text); err == nil {
			t.Errorf("%q is read as %+v, want an error", text, got)
		}
	}
}

// noClient makes no requests: nothing is written where no worker runs.
type noClient struct{ metadata.Interface }

func (noClient) Resource(schema.GroupVersionResource) metadata.Getter { return nil }

func newKeeper(t *testing.T, overlap time.Duration) (*Keeper, *bundles) {
	t.Helper()
	k, err := New(Options{Client: struct{ dynamic.Interface }{}, Metadata: noClient{}, Overlap: overlap})
	if err != nil {
		t.Fatal(err)
	}
	return k, &bundles{k, func() {}}
}

const signer = "example.com/signer"

func clusterTrustBundle(name, text string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"signerName": signer, "trustBundle": text}}}
	obj.SetName(name)
	return obj
}

// wants does what the queue asks for about the source, and compares what it is to have.
func wants(t *testing.T, k *Keeper, what string, from Source, want ...*x509.Certificate) (next time.Duration) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	next = k.refresh(from)
	if got := k.sources[from].wanted; !got.Equal(trust.NewBundle(want...)) {
		t.Errorf("%s: the bundle is %s, want %s", what, got.Describe(), trust.NewBundle(want...).Describe())
	}
	return next
}

// TestSourceKeepsTheLastGood: what is missing, empty or no PEM takes nothing away.
func TestSourceKeepsTheLastGood(t *testing.T) {
	k, store := newKeeper(t, 0)
	a, b := newCA(t, "a"), newCA(t, "b")
	of, named := Source{Signer: signer}, Source{Name: "two"}
	k.sourceNamed(of)
	k.sourceNamed(named)
	wants(t, k, "before the first answer", of)
	_ = store.Replace([]any{clusterTrustBundle("one", pem(a)), clusterTrustBundle("two", pem(b))}, "1")
	wants(t, k, "of the signer", of, a, b)
	wants(t, k, "of the name", named, b)
	for _, text := range []string{"", "garbage", pem(a)[:100], "\n"} {
		_ = store.Update(clusterTrustBundle("two", text))
		wants(t, k, fmt.Sprintf("with %q", text), of, a, b)
		wants(t, k, fmt.Sprintf("named, with %q", text), named, b)
	}
	_ = store.Replace([]any{clusterTrustBundle("one", pem(a)), clusterTrustBundle("two", "garbage")}, "2")
	wants(t, k, "after a new list with garbage", named, b)
	_ = store.Delete(clusterTrustBundle("two", ""))
	wants(t, k, "with one of two deleted", of, a)
	wants(t, k, "with the only one deleted", named, b)
	_ = store.Delete(clusterTrustBundle("one", ""))
	wants(t, k, "with both deleted", of, a)
}

// TestOverlap: a CA that its ClusterTrustBundle no longer has stays for a while, unless it has expired or comes back.
func TestOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, store := newKeeper(t, 10*time.Minute)
		a, b := newCA(t, "a"), newCA(t, "b")
		from := Source{Signer: signer}
		k.sourceNamed(from)
		_ = store.Replace([]any{clusterTrustBundle("one", pem(a))}, "1")
		wants(t, k, "at first", from, a)
		_ = store.Update(clusterTrustBundle("one", pem(b)))
		if next := wants(t, k, "just replaced", from, a, b); next != 10*time.Minute {
			t.Errorf("the next look is in %s, want 10m", next)
		}
		<-time.After(10*time.Minute - time.Second)
		wants(t, k, "a second before the end of the overlap", from, a, b)
		<-time.After(time.Second)
		if next := wants(t, k, "after the overlap", from, b); next != 0 {
			t.Errorf("the next look is in %s, want none", next)
		}
		_ = store.Update(clusterTrustBundle("one", pem(a)))
		wants(t, k, "changed back", from, a, b)
		_ = store.Update(clusterTrustBundle("one", pem(a)+pem(b)))
		wants(t, k, "with both", from, a, b)
		<-time.After(11 * time.Minute)
		wants(t, k, "long after", from, a, b)
		k.queue.ShutDown()
	})
}

// TestCarried: a successor of our CA signs once every object that is to have it has it in all its entries.
func TestCarried(t *testing.T) {
	k, store := newKeeper(t, 0)
	ours, next, others := newCA(t, "ours"), newCA(t, "next"), newCA(t, "others")
	k.Publish(trust.Policy{Exact: true})
	k.Publish(trust.Policy{Bundle: trust.NewBundle(ours, next), Exact: true})
	see := func(name, annotation string, bundles ...string) {
		obj := configuration(name, bundles...)
		obj.SetAnnotations(map[string]string{Key: annotation})
		k.see(trust.Target{Kind: trust.Validating, Name: name}, obj)
	}
	_ = store.Replace([]any{clusterTrustBundle("one", pem(others))}, "1")
	see("of-another", "clustertrustbundle/"+signer, pem(others))
	k.mu.Lock()
	k.refresh(Source{Signer: signer})
	k.mu.Unlock()
	see("invalid", "garbage", "")
	see("without-entries", "")
	if k.Carried(next) == nil {
		t.Error("all carry a CA before everything has been read")
	}
	k.unread.Store(0)
	if err := k.Carried(next); err != nil {
		t.Errorf("objects that are not to have a CA hold it up: %v", err)
	}
	see("ours", "", pem(ours)+pem(next), pem(ours))
	if err := k.Carried(next); err == nil || !strings.Contains(err.Error(), "validating/ours") {
		t.Errorf("an object without the CA in one entry gives %v, want an error that names it", err)
	}
	see("ours", "", pem(ours)+pem(next), pem(next))
	if err := k.WaitCarried(t.Context(), next); err != nil {
		t.Errorf("all have the CA: %v", err)
	}
	_ = store.Update(clusterTrustBundle("one", pem(others)+pem(next)))
	k.mu.Lock()
	k.refresh(Source{Signer: signer})
	k.mu.Unlock()
	if k.Carried(next) == nil {
		t.Error("all carry a CA that one lacks whose ClusterTrustBundle has it")
	}
}

// configuration has an entry for each caBundle.
func configuration(name string, bundles ...string) *unstructured.Unstructured {
	var entries []any
	for i, bundle := range bundles {
		entries = append(entries, map[string]any{"name": fmt.Sprintf("w%d.example.com", i), "clientConfig": map[string]any{
			"service": map[string]any{"namespace": "shop", "name": "web"}, "caBundle": base64.StdEncoding.EncodeToString([]byte(bundle)),
		}})
	}
	obj := &unstructured.Unstructured{Object: map[string]any{"webhooks": entries}}
	obj.SetName(name)
	return obj
}

// TestOneReplicaIsFirst: for each object one replica is before all others, whichever is asked, and each has its share.
func TestOneReplicaIsFirst(t *testing.T) {
	names := []string{"web-1", "web-2", "web-3"}
	firsts := map[string]int{}
	for i := range 300 {
		ranks := map[int]bool{}
		for _, self := range names {
			rank := NewReplicas(self, names...).Rank(types.UID(fmt.Sprint("uid-", i)))
			ranks[rank] = true
			if rank == 0 {
				firsts[self]++
			}
		}
		if len(ranks) != len(names) || !ranks[0] || !ranks[1] || !ranks[2] {
			t.Fatalf("the ranks for object %d are %v, want 0, 1 and 2", i, ranks)
		}
	}
	for _, name := range names {
		if firsts[name] < 50 {
			t.Errorf("%s is first for %d of 300 objects, want about a third", name, firsts[name])
		}
	}
	if rank := NewReplicas("web-1").Rank("uid"); rank != 0 {
		t.Errorf("a replica that is alone has rank %d", rank)
	}
}

// TestOnlyReadyPodsCount: a Pod that is starting, or leaves, has no turn.
func TestOnlyReadyPodsCount(t *testing.T) {
	pod := func(name, ready string, deleted bool) *unstructured.Unstructured {
		obj := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{
			map[string]any{"type": "Ready", "status": ready}}}}}
		obj.SetName(name)
		if deleted {
			obj.Object["metadata"].(map[string]any)["deletionTimestamp"] = "2030-01-01T00:00:00Z"
		}
		trimPod(obj)
		return obj
	}
	r := NewReplicas("self")
	r.set([]*unstructured.Unstructured{pod("ready", "True", false), pod("starting", "False", false), pod("leaving", "True", true)})
	if len(r.others) != 1 || r.others[0] != "ready" {
		t.Errorf("the replicas are %v, want the one that is ready", r.others)
	}
}

func newCA(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func pem(ca *x509.Certificate) string { return string(trust.NewBundle(ca).PEM()) }
