// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/conversion"
)

// hubBox and spokeBox are as kubebuilder scaffolds versions of a kind.
type hubBox struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Width int `json:"width"`
	} `json:"spec"`
}

type spokeBox struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Size string `json:"size"`
	} `json:"spec"`
}

func (*hubBox) Hub()                             {}
func (b *hubBox) DeepCopyObject() runtime.Object { c := *b; return &c }

func (b *spokeBox) DeepCopyObject() runtime.Object { c := *b; return &c }

func (b *spokeBox) ConvertTo(hub conversion.Hub) error {
	to := hub.(*hubBox)
	to.ObjectMeta = b.ObjectMeta
	switch b.Spec.Size {
	case "panic":
		panic("no size")
	case "label":
		metav1.SetMetaDataLabel(&to.ObjectMeta, "size", "unknown")
		return nil
	}
	_, err := fmt.Sscanf(b.Spec.Size, "%dm", &to.Spec.Width)
	return err
}

func (b *spokeBox) ConvertFrom(hub conversion.Hub) error {
	from := hub.(*hubBox)
	b.Spec.Size = fmt.Sprintf("%dm", from.Spec.Width) // The metadata is there.
	return nil
}

// bareBox is a version with nothing but what matters.
type bareBox struct {
	Spec struct {
		Millimeters int `json:"millimeters"`
	} `json:"spec"`
}

func boxHub() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "example.com", Version: "v2", Kind: "Box"}
}

func boxConversion() *Conversion {
	return ConvertFor(boxHub(), ConvertibleSpoke[spokeBox, hubBox]("v1"), SpokeFor("v3",
		func(_ context.Context, from *bareBox, to *hubBox) error {
			to.Spec.Width = from.Spec.Millimeters / 1000
			return nil
		},
		func(_ context.Context, from *hubBox, to *bareBox) error {
			to.Spec.Millimeters = from.Spec.Width * 1000
			return nil
		}))
}

func boxJSON(version, spec string) string {
	return `{"apiVersion":"example.com/` + version + `","kind":"Box","metadata":{"name":"a","uid":"u"},"spec":` + spec + `}`
}

func conversionBody(version string, objects ...string) string {
	return `{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{"uid":"1","desiredAPIVersion":"example.com/` +
		version + `","objects":[` + strings.Join(objects, ",") + `]}}`
}

// convertReview asks as an API server does.
func convertReview(t *testing.T, h *Handler, body string) (int, *conversionResponse) {
	t.Helper()
	return convertReviewWith(t, h.Converting(boxConversion()), body)
}

func convertReviewWith(t *testing.T, h http.Handler, body string) (int, *conversionResponse) {
	t.Helper()
	return convertReviewLogged(t, klog.Background(), h, body)
}

func convertReviewLogged(t *testing.T, logger klog.Logger, h http.Handler, body string) (int, *conversionResponse) {
	t.Helper()
	r := httptest.NewRequestWithContext(klog.NewContext(t.Context(), logger), http.MethodPost, "/convert?timeout=30s",
		strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var out conversionReview
	if w.Code != http.StatusOK {
		return w.Code, nil
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Response == nil || out.Request != nil ||
		out.Kind != "ConversionReview" || out.APIVersion != "apiextensions.k8s.io/v1" || out.Response.UID != "1" {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return w.Code, out.Response
}

func TestConverting(t *testing.T) {
	for name, tt := range map[string]struct {
		version string
		objects []string
		want    []string // objects; nothing if it fails
		says    string
	}{
		"to the hub":     {"v2", []string{boxJSON("v1", `{"size":"3m"}`)}, []string{boxJSON("v2", `{"width":3}`)}, ""},
		"from the hub":   {"v1", []string{boxJSON("v2", `{"width":3}`)}, []string{boxJSON("v1", `{"size":"3m"}`)}, ""},
		"through it":     {"v3", []string{boxJSON("v1", `{"size":"3m"}`)}, []string{boxJSON("v3", `{"millimeters":3000}`)}, ""},
		"without a type": {"v1", []string{boxJSON("v3", `{"millimeters":3000}`)}, []string{boxJSON("v1", `{"size":"3m"}`)}, ""},
		"nothing to do":  {"v1", []string{boxJSON("v1", `{"x":1}`)}, []string{boxJSON("v1", `{"x":1}`)}, ""},
		"no object":      {"v1", nil, []string{}, ""},
		"several, in order": {"v2", []string{boxJSON("v1", `{"size":"1m"}`), boxJSON("v3", `{"millimeters":2000}`)},
			[]string{boxJSON("v2", `{"width":1}`), boxJSON("v2", `{"width":2}`)}, ""},
		"a changed label": {"v2", []string{boxJSON("v1", `{"size":"label"}`)}, []string{
			`{"apiVersion":"example.com/v2","kind":"Box","metadata":{"name":"a","uid":"u","labels":{"size":"unknown"}},"spec":{"width":0}}`}, ""},
		"an error": {"v2", []string{boxJSON("v1", `{"size":"3m"}`), boxJSON("v1", `{"size":"big"}`)}, nil,
			`cannot convert Box "a" from example.com/v1 to example.com/v2: expected integer`},
		"a panic":          {"v2", []string{boxJSON("v1", `{"size":"panic"}`)}, nil, "it panicked"},
		"another type":     {"v2", []string{boxJSON("v1", `[]`)}, nil, "cannot unmarshal array"},
		"unknown version":  {"v9", []string{boxJSON("v1", `{}`)}, nil, `no Box.example.com of apiVersion "example.com/v9"`},
		"unknown source":   {"v2", []string{boxJSON("v9", `{}`)}, nil, `no Box.example.com of apiVersion "example.com/v9"`},
		"unknown kind":     {"v2", []string{`{"apiVersion":"example.com/v1","kind":"Bag"}`}, nil, "converts no Bag.example.com"},
		"no object at all": {"v2", []string{`7`}, nil, "cannot read an object"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandlerOf(t, Options{})
			_, got := convertReview(t, h, conversionBody(tt.version, tt.objects...))
			if tt.want == nil {
				if got.Result.Status != metav1.StatusFailure || !strings.Contains(got.Result.Message, tt.says) || got.ConvertedObjects != nil {
					t.Errorf("got %+v, want %q", got, tt.says)
				}
				return
			}
			if got.Result.Status != metav1.StatusSuccess || len(got.ConvertedObjects) != len(tt.want) {
				t.Fatalf("got %+v", got)
			}
			for i := range tt.want {
				if diff := cmp.Diff(parsed(t, []byte(tt.want[i])), parsed(t, got.ConvertedObjects[i])); diff != "" {
					t.Errorf("object %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// namedBox has a type of its own for the metadata, which knows little of them.
type namedBox struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Width int `json:"width"`
	} `json:"spec"`
}

// What a type without ObjectMeta makes of the metadata does not count.
func TestConvertingKeepsMetadataThatATypeDoesNotKnow(t *testing.T) {
	conversion := ConvertFor(boxHub(), SpokeFor("v1",
		func(_ context.Context, from *namedBox, to *hubBox) error { to.Spec = from.Spec; return nil },
		func(_ context.Context, from *hubBox, to *namedBox) error { to.Spec = from.Spec; return nil }))
	for _, way := range [][2]string{{"v2", "v1"}, {"v1", "v2"}} {
		got, err := conversion.Convert(t.Context(), []byte(boxJSON(way[0], `{"width":3}`)), "example.com/"+way[1])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(parsed(t, []byte(boxJSON(way[1], `{"width":3}`))), parsed(t, got)); diff != "" {
			t.Errorf("from %s to %s (-want +got):\n%s", way[0], way[1], diff)
		}
	}
}

func TestConversionsThatCannotBeServed(t *testing.T) {
	for name, tt := range map[string]struct {
		conversions []*Conversion
		want        string
	}{
		"none":       {nil, ""},
		"one":        {[]*Conversion{boxConversion()}, ""},
		"nil":        {[]*Conversion{boxConversion(), nil}, "conversion 1 is empty: make it with ConvertFor, or remove it"},
		"empty":      {[]*Conversion{{}}, "conversion 0 is empty: make it with ConvertFor, or remove it"},
		"two of one": {[]*Conversion{boxConversion(), ConvertFor[hubBox](boxHub())}, "Box.example.com has two conversions: give all its versions to one ConvertFor"},
	} {
		t.Run(name, func(t *testing.T) {
			var err string
			if got := ValidateConversions(tt.conversions...); got != nil {
				err = got.Error()
			}
			if err != tt.want {
				t.Errorf("got %q, want %q", err, tt.want)
			}
			defer func() {
				if got := recover(); (got == nil) != (tt.want == "") {
					t.Errorf("panic: %v", got)
				}
			}()
			newHandler(t).Converting(tt.conversions...)
		})
	}
}

// A panic is in the log with the object that it happened to, and ends no process wherever it comes from.
func TestConversionsThatPanic(t *testing.T) {
	for name, tt := range map[string]struct {
		conversion *Conversion
		logs       string
	}{
		"in a function":  {boxConversion(), `kind="Box.example.com" object="Box \"a\"" panic="no size"`},
		"outside of one": {nil, `panic="runtime error: invalid memory address`},
	} {
		t.Run(name, func(t *testing.T) {
			logger, log := loggedAt(t, 0)
			r := httptest.NewRequestWithContext(klog.NewContext(t.Context(), logger), http.MethodPost, "/convert",
				strings.NewReader(conversionBody("v2", boxJSON("v1", `{"size":"panic"}`))))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			(&converting{handler: newHandler(t), conversions: []*Conversion{tt.conversion}}).ServeHTTP(w, r)
			if !strings.Contains(w.Body.String(), "it panicked") || !strings.Contains(log(), tt.logs) {
				t.Errorf("answered %s, logged %s", w.Body, log())
			}
		})
	}
}

// parsed is a document without the creationTimestamp that metav1.ObjectMeta writes in old versions.
func parsed(t *testing.T, document []byte) map[string]any {
	t.Helper()
	var parsed map[string]any
	if err := json.Unmarshal(document, &parsed); err != nil {
		t.Fatal(err)
	}
	delete(parsed["metadata"].(map[string]any), "creationTimestamp")
	return parsed
}

// largeCleanup is an AdmissionReview that its own path lets pass.
func largeCleanup() string {
	const object = `{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"%s},"data":"%s"}`
	data := strings.Repeat("x", maxBody/2)
	return replaced(`"u"`, `"u","operation":"UPDATE","object":`+fmt.Sprintf(object, "", data)+
		`,"oldObject":`+fmt.Sprintf(object, `,"finalizers":["a/b"]`, data))
}

func TestConvertingRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		code int
	}{
		"no JSON":         {"{", http.StatusBadRequest},
		"another review":  {`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1"}}`, http.StatusBadRequest},
		"another version": {`{"apiVersion":"apiextensions.k8s.io/v2","kind":"ConversionReview","request":{"uid":"1"}}`, http.StatusBadRequest},
		"no request":      {`{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview"}`, http.StatusBadRequest},
		"no uid":          {`{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{}}`, http.StatusBadRequest},
		"a large cleanup": {largeCleanup(), http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			if code, _ := convertReview(t, newHandlerOf(t, Options{Registerer: registry}), tt.body); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			wantConversions(t, registry, `{from="other",kind="other",result="refused",to="other"} 1`)
		})
	}
}

// What users are to read is in a review: of most errors of HTTP, an API server passes on a sentence of its own.
func TestRefusedConversionsSayWhy(t *testing.T) {
	box := func(size string) string { return conversionBody("v2", boxJSON("v1", `{"size":"`+size+`"}`)) }
	for name, tt := range map[string]struct{ body, want string }{
		"more than the most": {box(strings.Repeat("x", maxBody)), "the ConversionReview is larger than 7 MiB"},
		"more than there is": {box(strings.Repeat("x", 1<<20)), "raise the memory limit"},
		"cut off":            {strings.TrimSuffix(box("1m"), "}"), "the body is not a ConversionReview"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			h := newHandlerOf(t, Options{Registerer: registry, Limits: Limits{Concurrent: 1, Queued: 1, Decoded: 1}})
			code, got := convertReview(t, h, tt.body)
			if got == nil || got.Result.Status != metav1.StatusFailure || !strings.Contains(got.Result.Message, tt.want) {
				t.Errorf("code %d, %+v, want %q", code, got, tt.want)
			}
			wantConversions(t, registry, `{from="other",kind="other",result="refused",to="other"} 1`)
		})
	}
}

// Whatever there is no memory for at the moment, the review or its object, the API server is made to ask again.
func TestConversionsAtABadTime(t *testing.T) {
	const limit = 16 << 20
	h := newHandlerOf(t, Options{Limits: Limits{Concurrent: 1, Queued: 1, Decoded: limit}})
	labels := strings.TrimSuffix(strings.Repeat(`"a":"",`, 50_000), ",")
	body := conversionBody("v2", strings.Replace(boxJSON("v1", `{"size":"1m"}`), `"name"`, `"labels":{`+labels+`},"name"`, 1))
	codes := map[int]int{}
	logger, logged := loggedAt(t, 0)
	for taken := int64(0); taken <= limit; taken += 1 << 20 {
		h.gate.decoded.taken.Store(taken)
		code, got := convertReviewLogged(t, logger, h.Converting(boxConversion()), body)
		if codes[code]++; got != nil && got.Result.Status != metav1.StatusSuccess {
			t.Errorf("%d MiB are taken: %+v", taken>>20, got.Result)
		}
		if n := h.gate.decoded.taken.Load(); n != taken {
			t.Errorf("%d bytes were not given back", n-taken)
		}
	}
	if codes[http.StatusOK] == 0 || codes[http.StatusServiceUnavailable] == 0 || len(codes) != 2 {
		t.Errorf("the codes were %v", codes)
	}
	if lines := strings.Count(logged(), `Not converted`); lines == 0 || lines > linesOfNamespace ||
		!strings.Contains(logged(), `uid="1" message="too busy: decoding the review takes`) {
		t.Errorf("%d lines for %d refusals:\n%.500s", lines, codes[http.StatusServiceUnavailable], logged())
	}
}

// Who is still sending reads that it is worth trying again; and who does not send all of it, why it failed.
func TestRefusedWhileSending(t *testing.T) {
	h := newHandlerOf(t, Options{})
	server := httptest.NewServer(h.Converting(boxConversion()))
	t.Cleanup(server.Close)
	ask := func(length int64, body io.Reader) (code int, text string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/convert?timeout=2s", body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close() // It is read only.
		said, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header.Get("Retry-After") + string(said)
	}
	body := conversionBody("v2", boxJSON("v1", `{"size":"`+strings.Repeat("1", 5<<20)+`m"}`))
	stalled, stall := io.Pipe()
	t.Cleanup(func() { _ = stall.Close() })
	go func() { _, _ = io.WriteString(stall, body[:100<<10]) }()
	if code, said := ask(int64(len(body)), stalled); code != http.StatusOK || !strings.Contains(said, "did not come within its timeout") {
		t.Errorf("stalled: got %d %.300s", code, said)
	}
	h.gate.mu.Lock()
	h.gate.bytes = h.gate.limits.Bytes
	h.gate.mu.Unlock()
	if code, said := ask(int64(len(body)), strings.NewReader(body)); code != http.StatusServiceUnavailable || !strings.HasPrefix(said, "1too busy") {
		t.Errorf("without memory: got %d %.300s", code, said)
	}
}

func TestConversionsAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	h := newHandlerOf(t, Options{Registerer: registry})
	convertReview(t, h, conversionBody("v2", boxJSON("v1", `{"size":"1m"}`), boxJSON("v1", `{"size":"big"}`)))
	convertReview(t, h, conversionBody("v9", boxJSON("v1", `{"size":"1m"}`)))
	wantConversions(t, registry, `{from="v1",kind="Box.example.com",result="converted",to="v2"} 1`,
		`{from="v1",kind="Box.example.com",result="failed",to="other"} 1`, `{from="v1",kind="Box.example.com",result="failed",to="v2"} 1`)
}

func wantConversions(t *testing.T, registry *prometheus.Registry, lines ...string) {
	t.Helper()
	const name = "hookstrap_conversion_objects_total"
	want := "# HELP " + name + " Objects by kind, versions and result (converted, failed), and requests that were refused.\n" +
		"# TYPE " + name + " counter\n" + name + strings.Join(lines, "\n"+name) + "\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}

// A conversion that does not heed its deadline is answered in time, and holds its turn until it ends.
func TestASlowConversion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandlerOf(t, Options{Limits: Limits{Concurrent: 1, Queued: 1}})
		release := make(chan struct{})
		slow := ConvertFor(boxHub(), SpokeFor("v1", func(context.Context, *bareBox, *hubBox) error {
			<-release
			return nil
		}, func(context.Context, *hubBox, *bareBox) error { return nil }))
		body := conversionBody("v2", boxJSON("v1", `{}`))
		_, got := convertReviewWith(t, h.Converting(slow), body)
		if got == nil || got.Result.Status != metav1.StatusFailure || !strings.Contains(got.Result.Message, "no answer in time") {
			t.Errorf("%+v", got)
		}
		if code, _ := convertReviewWith(t, h.Converting(slow), body); code != http.StatusServiceUnavailable {
			t.Errorf("while it goes on: code %d", code)
		}
		close(release)
		synctest.Wait()
		if _, got := convertReview(t, h, conversionBody("v2", boxJSON("v1", `{"size":"3m"}`))); got.Result.Status != metav1.StatusSuccess {
			t.Errorf("after it, %+v", got)
		}
	})
}

func TestVersionsOfAConversion(t *testing.T) {
	c := boxConversion()
	if diff := cmp.Diff([]string{"v2", "v1", "v3"}, c.Versions()); diff != "" || c.New("v9") != nil {
		t.Errorf("(-want +got):\n%s", diff)
	}
	defer func() {
		if reason := fmt.Sprint(recover()); !strings.Contains(reason, `version "v2" is there twice`) {
			t.Errorf("it panics with %s", reason)
		}
	}()
	failing := func(context.Context, *bareBox, *hubBox) error { return errors.New("no") }
	ConvertFor(boxHub(), SpokeFor("v2", failing, func(context.Context, *hubBox, *bareBox) error { return nil }))
}
