// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hookstrap/hookstrap/internal/asked"
	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

// Options say what to judge, and by what.
type Options struct {
	// Paths are files, directories, or "-" for Input.
	Paths []string
	Input io.Reader
	// Exclude are patterns of paths that are not read.
	Exclude []Exclusion
	// Configuration are the checks.
	Configuration config.Configuration
	// Scheme has the types that checks look up.
	Scheme *runtime.Scheme
	// Namespace is where objects go whose manifest does not say, and whose kind lives in namespaces; the default is
	// "default".
	Namespace string
	// NamespaceLabels are labels of Namespaces by their names, beside those in manifests, which they override.
	NamespaceLabels map[string]map[string]string
	// Asked says which objects the server is asked about; the others are not judged.
	Asked asked.Asked
	// Mutating says which objects mutations are asked about, unless NoMutations says that there are none.
	Mutating    asked.Asked
	NoMutations bool
	// ShowMutations has the report tell what mutations change.
	ShowMutations bool
	// User is who would create the objects, for the exemptions.
	User authenticationv1.UserInfo
	// Progress is told, if it is not nil, how many of all objects have been judged.
	Progress func(done, all int)
}

// Level says how bad a finding is, in the words of SARIF.
type Level string

// The levels of findings, the worst first.
const (
	// Denied is what would be refused, or cannot be read.
	Denied Level = "error"
	// Warned is what would be let in with a warning.
	Warned Level = "warning"
	// Audited is what would be let in with a note in the audit log.
	Audited Level = "note"
)

// Finding is what is wrong with an object, and where.
type Finding struct {
	File string `json:"file"`
	// Line is where the field at fault is, from 1, or the object if the field is missing.
	Line       int          `json:"line"`
	Level      Level        `json:"level"`
	APIVersion string       `json:"apiVersion,omitempty"`
	Kind       string       `json:"kind,omitempty"`
	Namespace  string       `json:"namespace,omitempty"`
	Name       string       `json:"name,omitempty"`
	Check      string       `json:"check,omitempty"` // empty for what is no object, or none that an API server takes
	Mode       handler.Mode `json:"mode,omitempty"`
	Field      string       `json:"field,omitempty"`
	Message    string       `json:"message"`
	// Unreadable says that nothing was judged here: a file or a document cannot be read, or is for another program.
	Unreadable bool `json:"unreadable,omitempty"`
	// Known says that it is in the baseline.
	Known bool `json:"known,omitempty"`

	object int // its index among the objects of the report, from 1, or 0
}

// Report is the outcome for all objects.
type Report struct {
	Files   int `json:"files"`
	Objects int `json:"objects"`
	// Skipped are documents in directories that are no objects.
	Skipped int `json:"skipped"`
	// Excluded are files and directories that were not read.
	Excluded int `json:"excluded,omitempty"`
	// DeniedObjects are objects, and documents that are none, of which something is Denied and not Known.
	DeniedObjects int `json:"deniedObjects"`
	// Unreadable are files, documents and sources of other programs of which nothing was judged.
	Unreadable int `json:"unreadable"`
	// NotAsked are objects that the server is not asked about.
	NotAsked int `json:"notAsked,omitempty"`
	// Exempted are the checks of an object that an exemption kept from it.
	Exempted int `json:"exempted"`
	// Known are the findings that are in the baseline.
	Known int `json:"known,omitempty"`
	// Gone are the entries of the baseline of which nothing was found in their objects, or less than is known.
	Gone []Entry `json:"gone,omitempty"`
	// Unseen are the entries of the baseline whose objects are in no manifest that was read.
	Unseen int `json:"unseen,omitempty"`
	// Mutated are the objects that mutations change, if that is to be shown, in the order in which they were read.
	Mutated []Mutated `json:"mutated,omitempty"`
	// Findings are in the order of the files, and of the lines in each.
	Findings []Finding `json:"findings"`

	baseline string    // the file, if there is one
	objects  []outcome // in the order in which they were read
}

// outcome is an object that was judged, or not.
type outcome struct {
	file                              string
	apiVersion, kind, namespace, name string
	notAsked                          bool
}

// Judge reads all manifests and asks the checks about each object. The error is that something could not be read, that
// there is nothing to judge, or that ctx has ended; what is wrong with the manifests is in the report.
func Judge(ctx context.Context, o Options) (*Report, error) {
	m, err := read(o.Paths, o.Input, o.Exclude...)
	if err != nil {
		return nil, err
	}
	if len(m.objects)+len(m.problems) == 0 {
		return nil, m.nothing()
	}
	kinds := newKinds(m.objects)
	for i := range m.objects {
		m.objects[i].complete(kinds, cmp.Or(o.Namespace, metav1.NamespaceDefault))
	}
	labeled := namespacesOf(o.NamespaceLabels, m.objects)
	cluster := newCluster(o.Scheme, kinds, append(labeled, m.objects...))
	namespaces := labelsOfNamespaces(slices.Concat(m.objects, labeled))
	entries, err := o.Configuration.Build(
		handler.Environment{Cluster: cluster, Offline: true, Clean: handler.CleanEverywhere()})
	if err != nil {
		return nil, err
	}
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil {
		return nil, err
	}
	report := &Report{
		Files: len(m.names), Objects: len(m.objects), Skipped: m.skipped, Excluded: m.excluded, Findings: []Finding{},
	}
	for i, object := range m.objects {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found := object.conforms(kinds)
		report.begin(object, found)
		switch {
		case len(found) > 0 && found[0].Level == Denied: // and no check could read it
		default:
			req := object.request(kinds, o.User)
			var moved moves
			if !o.NoMutations && object.isAskedAbout(o.Mutating, kinds, namespaces) {
				req, moved = report.mutate(ctx, h, object, req, o.ShowMutations)
			}
			if object.isAskedAbout(o.Asked, kinds, namespaces) {
				report.add(object, h.Judge(ctx, req), moved)
				break
			}
			report.NotAsked++
			report.objects[i].notAsked = true
		}
		if o.Progress != nil {
			o.Progress(i+1, len(m.objects))
		}
	}
	for _, p := range m.problems {
		if p.unreadable {
			report.Unreadable++
		}
		report.Findings = append(report.Findings,
			Finding{File: p.file, Line: p.line, Level: p.level, Message: p.text, Unreadable: p.unreadable})
	}
	report.countDenied()
	report.sort(m)
	return report, nil
}

// nothing is the error when nothing was found.
func (m *manifests) nothing() error {
	text := "there is nothing to check: no object in what was named"
	if m.excluded > 0 {
		text += fmt.Sprintf(", of which %s excluded", count(m.excluded, "file or directory is", "files or directories are"))
	}
	return errors.New(text)
}

// complete puts the object where an API server would, and gives a Namespace the label that an API server gives it.
func (o *object) complete(k kinds, namespace string) {
	switch namespaced, known := k.namespaced(o.kind); {
	case o.isNamespace():
		o.namespace = ""
		o.nameInLabels()
	case !k.hasMetadata(o.kind): // It would be an unknown field.
	case !known || namespaced && o.namespace != "":
	case !namespaced:
		o.namespace = ""
	default:
		o.namespace = namespace
		o.raw = edited(o.raw, func(fields map[string]any) { child(fields, "metadata")["namespace"] = namespace })
	}
}

// nameInLabels sets the label by which selectors find a namespace of a name. Whatever its manifest says of it is
// overridden, as in a cluster.
func (o *object) nameInLabels() {
	if o.labels == nil {
		o.labels = map[string]string{}
	}
	o.labels[corev1.LabelMetadataName] = o.name
	o.raw = edited(o.raw, func(fields map[string]any) {
		child(child(fields, "metadata"), "labels")[corev1.LabelMetadataName] = o.name
	})
}

func (o *object) isNamespace() bool { return o.kind.Group == "" && o.kind.Kind == "Namespace" }

// request is the one that an API server would send for the creation of the object.
func (o *object) request(k kinds, user authenticationv1.UserInfo) *handler.Request {
	sent := o.equivalent()
	kind, requestKind := metav1.GroupVersionKind(sent.kind), metav1.GroupVersionKind(o.kind)
	resource := metav1.GroupVersionResource(k.resource(sent.kind))
	requestResource := metav1.GroupVersionResource(k.resource(o.kind))
	namespace := o.namespace
	if o.isNamespace() {
		namespace = o.name // a Namespace is in itself
	}
	return handler.NewRequest(admissionv1.AdmissionRequest{
		Kind: kind, RequestKind: &requestKind, Resource: resource, RequestResource: &requestResource,
		Name: o.name, Namespace: namespace, Operation: admissionv1.Create, UserInfo: user,
		Object: runtime.RawExtension{Raw: sent.raw},
	})
}

// begin takes in an object, and what an API server would say of it.
func (r *Report) begin(o object, found []Finding) {
	r.objects = append(r.objects, outcome{
		file: o.file, apiVersion: o.kind.GroupVersion().String(), kind: o.kind.Kind, namespace: o.namespace, name: o.name,
	})
	for _, f := range found {
		f.object = len(r.objects)
		r.Findings = append(r.Findings, f)
	}
}

// Fails says whether something was found that is of a level, or of a worse one, and not known: Denied, or Warned for
// what checks warn of as well.
func (r *Report) Fails(level Level) bool {
	return r.DeniedObjects > 0 || level == Warned && slices.ContainsFunc(r.Findings, Finding.warns)
}

// warns says whether a check would warn of it, and it is not known.
func (f Finding) warns() bool { return f.Level == Warned && f.Check != "" && !f.Known }

// add takes in the verdict on the object that was begun last, as mutations have changed it: the lines are those of its
// manifest.
func (r *Report) add(o object, verdict handler.Verdict, moved moves) {
	r.Exempted += len(verdict.Exempted)
	for _, f := range verdict.Findings {
		line := o.lines.Line(moved.before(f.Field))
		r.Findings = append(r.Findings, Finding{
			File: o.file, Line: max(line, o.line), Level: levelOf(f), APIVersion: o.kind.GroupVersion().String(),
			Kind: o.kind.Kind, Namespace: o.namespace, Name: o.name, Check: f.Check, Mode: f.Mode, Field: f.Field,
			Message: f.Text(), object: len(r.objects),
		})
	}
}

func levelOf(f handler.Finding) Level {
	switch {
	case f.Refuses:
		return Denied
	case f.Mode == handler.Audit:
		return Audited
	}
	return Warned
}

// sort puts findings into the order of the files as they were read.
func (r *Report) sort(m *manifests) {
	order := map[string]int{}
	for i, file := range m.names {
		order[file] = i + 1 // What was not read comes first.
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
}
