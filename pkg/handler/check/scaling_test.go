// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// scaledCase is a list of an object, or several of them, that one review after the other has more items of.
type scaledCase struct {
	kind, name string
	review     func(t testing.TB, n int) []byte
}

// scaledOf has every list and map of the kind of an example, grown by itself and together with what checks look at each
// item of: containers, and volumes of the node. The reviews are of updates that change nothing but a label, which look at
// both objects, and compare.
func scaledOf(t testing.TB, manifest string) []scaledCase {
	t.Helper()
	req := requestOf(t, admissionv1.Update, manifest)
	decode := func(t testing.TB) apiruntime.Object {
		t.Helper()
		obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(req.AdmissionRequest.Object.Raw, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return obj
	}
	var all []scaledCase
	add := func(name string, grow ...growth) {
		all = append(all, scaledCase{req.Kind.Kind, name, func(t testing.TB, n int) []byte {
			t.Helper()
			obj := decode(t)
			if name == everything {
				n /= 8
			}
			for _, g := range grow {
				g.grow(obj, n)
			}
			return updateOf(t, req, obj)
		}})
	}
	found := growths(decode(t))
	// Pods look the same in everything that has a template of one, and so do all sorts of containers.
	found = slices.DeleteFunc(found, func(g growth) bool {
		return strings.Contains(g.name, "emplate.spec.") || strings.Contains(g.name, "itContainers[0]") ||
			strings.Contains(g.name, "ephemeralContainers[0]")
	})
	for _, g := range found {
		add(g.name, g)
	}
	for _, with := range found {
		if !isFactor(with.name) {
			continue
		}
		for _, g := range found {
			list, _, _ := strings.Cut(with.name, "[")
			isDeep := strings.Contains(g.name, "[0]") && !strings.HasSuffix(g.name, "volumeMounts[]")
			isOptional := strings.HasSuffix(g.name, "]") && !strings.HasSuffix(g.name, "[]")
			if !isDeep && !strings.HasPrefix(g.name, list) && (!isOptional || isFactor(g.name)) {
				add(with.name+" × "+g.name, with, g)
			}
		}
	}
	add(everything, found...)
	return all
}

// everything is the name of what has all lists of a kind grown at the same time, to an eighth of the length.
const everything = "everything"

// isFactor says whether there may be something to look at in each of other lists for each item of this one.
func isFactor(name string) bool {
	return name == "spec.containers[SecurityContext]" || name == "spec.volumes[HostPath]"
}

func updateOf(t testing.TB, req *handler.Request, obj apiruntime.Object) []byte {
	t.Helper()
	old, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	changed, isObject := obj.(metav1.Object)
	if !isObject {
		t.Fatalf("%T has no metadata", obj)
	}
	changed.SetGeneration(7)
	now, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	r := req.AdmissionRequest
	r.Object.Raw, r.OldObject.Raw = now, old
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &r,
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// review has a body answered.
func review(t testing.TB, h http.Handler, body []byte) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate?timeout=30s", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

// allocated is how many bytes a review of a body takes on the way, the least of some tries: pools may be empty, and are
// made to be so at random under the race detector.
func allocated(t testing.TB, h http.Handler, body []byte, tries int) float64 {
	t.Helper()
	least := allocatedOnce(t, h, body)
	for range tries - 1 {
		least = min(least, allocatedOnce(t, h, body))
	}
	return least
}

func allocatedOnce(t testing.TB, h http.Handler, body []byte) float64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	answer := review(t, h, body)
	runtime.ReadMemStats(&after)
	if !strings.Contains(answer, `"allowed"`) || strings.Contains(answer, `"code":5`) || strings.Contains(answer, `"code":413`) {
		t.Fatalf("got %.300s", answer)
	}
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// handlerOf is a server of checks with the parameters of their pages, which make them look.
func handlerOf(t testing.TB, definitions ...handler.Definition) *handler.Handler {
	t.Helper()
	var entries []handler.Entry
	for _, d := range definitions {
		entries = append(entries, handler.Entry{
			Check: built(t, d, d.Doc.Parameters), Exempt: handler.Exemptions{Images: []string{"vendor/*"}},
		})
	}
	h, err := handler.New(handler.Options{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// kinds are those that checks look at, with an example of each. Every kind with a Pod in it is a Pod here.
func kinds(t testing.TB) map[string]string {
	t.Helper()
	examples := map[string]string{}
	for _, d := range updatable() {
		kind := kindOf(t, d)
		if requestOf(t, admissionv1.Create, d.Doc.Denied).Kind.Kind == kind {
			examples[kind] = d.Doc.Denied
		}
	}
	return examples
}

// updatable are the checks that look at objects that people write, and not at other requests.
func updatable() []handler.Definition {
	return slices.DeleteFunc(Definitions(), func(d handler.Definition) bool { return d.Doc.Operation != "" })
}

func kindOf(t testing.TB, d handler.Definition) string {
	t.Helper()
	req := requestOf(t, admissionv1.Create, d.Doc.Denied)
	if _, isPod, err := podOf(req); err != nil {
		t.Fatal(err)
	} else if isPod {
		return "Pod"
	}
	return req.Kind.Kind
}

// What eight times as much of anything takes is not much more than eight times as much. Bytes are counted, since time
// depends on the machine; what takes time and no memory is for BenchmarkScaling to show. The two checks that compare
// lists with each other are by themselves, as the others would hide what they take.
func TestCostFollowsSize(t *testing.T) {
	const few, times = 24, 8
	all := Definitions()
	isAlone := func(d handler.Definition) bool { return d.Name == "podSecurity" || d.Name == "hostPaths" }
	handlers := map[string]*handler.Handler{
		"podSecurity": handlerOf(t, definition(t, "podSecurity")), "hostPaths": handlerOf(t, definition(t, "hostPaths")),
		"the others": handlerOf(t, slices.DeleteFunc(slices.Clone(all), isAlone)...),
	}
	n, worst := 0, 0.0
	for kind, manifest := range kinds(t) {
		for _, s := range scaledOf(t, manifest) {
			n++
			small, large := s.review(t, few), s.review(t, few*times)
			for name, h := range handlers {
				if kind != "Pod" && name != "the others" {
					continue
				}
				size := float64(len(large)) / float64(len(small))
				isTooMuch := func(was, is float64) bool { return is > mostCost*was && is > 1.5*size*was }
				was, is := allocated(t, h, small, 1), allocated(t, h, large, 1)
				if isTooMuch(was, is) {
					was, is = allocated(t, h, small, 10), allocated(t, h, large, 10)
				}
				worst = max(worst, is/was)
				if isTooMuch(was, is) {
					t.Errorf("%s: %s %s: %d times as many, %.1f times as large: takes %.1f times as much: %.0f and %.0f KiB", name, kind,
						s.name, times, size, is/was, was/1024, is/1024)
				}
			}
		}
	}
	t.Logf("%d lists and maps; %d times as many of one take at most %.1f times as much", n, times, worst)
}

// BenchmarkScaling prints what a review takes with 1, 2, 4 and 8 times as many items in a list, and how that grows from
// one to the next: by about 2, where the square of the number would be 4. All checks look at each of the lists, and each
// check at all lists together.
func BenchmarkScaling(b *testing.B) {
	all := handlerOf(b, Definitions()...)
	for kind, manifest := range kinds(b) {
		for _, s := range scaledOf(b, manifest) {
			few := 500
			if strings.Contains(s.name, " × ") {
				few = 100 // A review has a limit.
			}
			b.Run(kind+"/"+strings.ReplaceAll(s.name, " ", ""), func(b *testing.B) { benchmarkScaling(b, all, s, few) })
		}
	}
	for _, d := range updatable() {
		h, scaledCase := handlerOf(b, d), scaledOf(b, kinds(b)[kindOf(b, d)])
		b.Run(d.Name, func(b *testing.B) { benchmarkScaling(b, h, scaledCase[len(scaledCase)-1], 100) })
	}
	security := handlerOf(b, definition(b, "podSecurity"))
	add := slices.DeleteFunc(scaledOf(b, kinds(b)["Pod"]), func(s scaledCase) bool {
		return s.name != "spec.containers[0].securityContext.capabilities.add[]"
	})
	b.Run("podSecurity/40000-capabilities", func(b *testing.B) { benchmarkScaling(b, security, add[0], 5000) })
}

func benchmarkScaling(b *testing.B, h http.Handler, s scaledCase, few int) {
	b.Helper()
	bodies := [4][]byte{}
	for i := range bodies {
		bodies[i] = s.review(b, few<<i)
	}
	var least [4]time.Duration
	for b.Loop() {
		for i, body := range bodies {
			start := time.Now()
			review(b, h, body)
			if took := time.Since(start); least[i] == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	for i, took := range least {
		b.ReportMetric(took.Seconds()*1000, fmt.Sprintf("ms-%dx", 1<<i))
		if i > 0 {
			b.ReportMetric(float64(took)/float64(least[i-1]), fmt.Sprintf("ratio-%dx", 1<<i))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(bodies[3]))/1024, "KiB-8x")
}
