// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// manager is a field manager who owns something of an object.
type manager struct {
	name   string
	at     time.Time
	fields map[string]any
}

// writers judges who writes an object and its certificates.
type writers struct{ *examination }

// owners are the managers who own the caBundle of an entry, the last one first. A manager counts once.
func (x writers) owners(e *Entry) []manager {
	if e.Meta == nil || len(e.ClientConfig.CABundle) == 0 {
		return nil
	}
	kind := map[string]trust.Kind{
		KindValidating: trust.Validating, KindMutating: trust.Mutating, KindCRD: trust.CRD, KindAPIService: trust.APIService,
	}[e.Object.Kind]
	var owners []manager
	for _, m := range x.managersOf(e.Meta) {
		if trust.OwnsBundle(kind, m.fields, []string{e.Webhook}) &&
			!slices.ContainsFunc(owners, func(o manager) bool { return o.name == m.name }) {
			owners = append(owners, m)
		}
	}
	return owners
}

// managersOf reads the managed fields of an object, once for all its entries.
func (x writers) managersOf(meta *metav1.ObjectMeta) []manager {
	if known, ok := x.managed[meta]; ok {
		return known
	}
	var all []manager
	for _, entry := range meta.ManagedFields {
		m := manager{name: entry.Manager}
		if entry.Time != nil {
			m.at = entry.Time.Time
		}
		if entry.FieldsV1 != nil && json.Unmarshal(entry.FieldsV1.Raw, &m.fields) == nil {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b manager) int { return b.at.Compare(a.at) })
	x.managed[meta] = all
	return all
}

// managers judges who writes the caBundle.
func (x writers) managers(e *Entry) {
	x.fought(e)
	owners := x.owners(e)
	switch {
	case len(owners) > 1:
		x.find(e, IDTwoManagers, fmt.Sprintf("have %q or %q leave caBundle out", owners[0].name, owners[1].name),
			"the field managers %q (last at %s) and %q (last at %s) own the caBundle", owners[0].name, day(owners[0].at),
			owners[1].name, day(owners[1].at))
	case len(owners) == 1 && strings.Contains(owners[0].name, "certgen"):
		x.find(e, IDWrittenOnce, "run the Job again before the CA ends, or have cert-manager issue the certificate",
			"the caBundle was written by the Job %q at %s", owners[0].name, day(owners[0].at))
	case len(owners) == 1 && isManifest(owners[0].name):
		x.find(e, IDByManifest, "have a controller write the caBundle, and leave the field out of the manifest",
			"the caBundle was written by %q at %s", owners[0].name, day(owners[0].at))
	}
}

// isManifest says whether a field manager applies what people or charts have written.
func isManifest(name string) bool {
	return slices.ContainsFunc([]string{"kubectl", "helm", "argocd", "kustomize-controller", "flux", "kapp"},
		func(prefix string) bool { return strings.HasPrefix(strings.ToLower(name), prefix) })
}

// lastWriter says in a clause who wrote the caBundle; "" if that is not known.
func (x writers) lastWriter(e *Entry) string {
	owners := x.owners(e)
	if len(owners) == 0 {
		return ""
	}
	return fmt.Sprintf("; its caBundle was last written by %q at %s", owners[0].name, day(owners[0].at))
}

// The least that is taken for a fight: a caBundle that was put back twice, or an object that has changed so often,
// and so quickly.
const (
	leastPutBack = 2
	leastChanges = 200
	mostApart    = 10 * time.Minute
)

// fought judges whether two programs write the same caBundle in turn. In one look only the generation tells, which
// counts changes.
func (x writers) fought(e *Entry) {
	const fix = "kubectl get %s %s -o yaml --show-managed-fields # and have all but one of the managers leave caBundle out"
	command := fmt.Sprintf(fix, strings.ToLower(e.Object.Kind), e.Object.Name)
	if n := x.facts.PutBack[e.Object]; n >= leastPutBack {
		x.find(e, IDFoughtOver, command, "its caBundle was put back %d times to what it was before%s", n, x.lastWriter(e))
		return
	}
	if e.Meta == nil || x.facts.Offline || e.Meta.Generation < leastChanges || e.Meta.CreationTimestamp.IsZero() {
		return
	}
	age := x.facts.Now.Sub(e.Meta.CreationTimestamp.Time)
	if age/time.Duration(e.Meta.Generation) < mostApart {
		x.find(e, IDFoughtOver, command, "it was changed %d times since %s%s", e.Meta.Generation,
			day(e.Meta.CreationTimestamp.Time), x.lastWriter(e))
	}
}

// storedOf are the CAs with which those of an entry have to agree: of the Secret that its annotations name, and of
// those that its server mounts. One that the server mounts for another purpose has no certificate for the server's
// name.
func (x *examination) storedOf(e *Entry) []StoredCA {
	var all []StoredCA
	if named, ok := x.facts.Stored[e.Object]; ok {
		all = append(all, named)
	}
	for _, mounted := range x.facts.Mounted[e.Destination()] {
		leaf, _ := trust.ParseBundle(mounted.Leaf)
		certificates := leaf.Certificates()
		if len(certificates) > 0 && certificates[0].VerifyHostname(e.ServerName()) == nil {
			all = append(all, mounted)
		}
	}
	return all
}

// stored compares the caBundle with the Secrets of its CA.
func (x writers) stored(e *Entry) {
	live, _ := trust.ParseBundle(e.ClientConfig.CABundle) // What cannot be read is a finding of its own.
	fix := "have what made the Secret write the caBundle as well: run the Job again, or restart the server"
	if e.isInjected() {
		fix = "kubectl -n cert-manager logs deploy/cert-manager-cainjector"
	}
	for _, stored := range x.storedOf(e) {
		want, err := trust.ParseBundle(stored.CA)
		if err == nil && !want.Empty() && !live.Empty() && want.Intersect(live).Empty() {
			x.find(e, IDStoredDiffers, fix, "Secret %s has %s, and the caBundle has %s", stored.Secret, want.Describe(),
				live.Describe())
		}
	}
}
