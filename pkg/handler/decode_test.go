// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package handler

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/hookstrap/hookstrap/internal/lean"
	"github.com/hookstrap/hookstrap/test/sample"
)

func sampleReview(t testing.TB, size int) []byte {
	t.Helper()
	body, err := sample.Review(size)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestObjectsOfAReviewAreNotCopied(t *testing.T) {
	body := sampleReview(t, 8800)
	if _, ok := lean.DecodeAround(&review{}, lean.Object{Raw: body}, envelope); !ok {
		t.Fatal("a usual review is decoded in the slow way")
	}
	in, err := parse(body, nil, envelope)
	if err != nil {
		t.Fatal(err)
	}
	raw := in.Request.Object.Raw
	if at := bytes.Index(body, raw); at < 0 || &body[at] != &raw[0] || cap(raw) != len(raw) {
		t.Errorf("the object is not a part of the body, or can be appended to: at %d, %d of %d", at, len(raw), cap(raw))
	}
	if allocations := testing.AllocsPerRun(100, func() { _, _ = parse(body, nil, envelope) }); allocations > 30 {
		t.Errorf("a review takes %v allocations", allocations)
	}
}

// FuzzParse holds parse to Kubernetes' own decoder: it accepts the same, and sees the same. The mode says what becomes
// of the text: a review by itself, or in place of a value in a sample, or after one.
func FuzzParse(f *testing.F) {
	body := sampleReview(f, 0)
	body = bytes.Replace(body, []byte(`"dryRun"`), []byte(`"userInfo":{"username":"a","groups":["b"],"extra":{"c":["d"]}},"oldObject":null,"dryRun"`), 1)
	places := sample.Values(body)
	for _, text := range []string{
		``, `{}`, `null`, `[]`, `5`, `"x"`, `"\ud800"`, "\"\xff\"", `{"request":null}`, `"object":{}`, `"obj\u0065ct":{}`,
		`"response":{}`, `"response":5`, `"uid":"v"`, `"Object":5`, `"request":{"uid":"v"}`, `"options":5`, " {} ", "{}{}",
		`"apiVersion":"admission.k8s.io/v1beta1"`, `"dryRun":null`, `"kind":{"kind":5}`,
	} {
		for at := range uint16(len(places)) {
			if at < 4 || at > uint16(len(places))-14 || at%31 == 0 {
				f.Add(uint8(1), at, []byte(text))
				f.Add(uint8(2), at, []byte(text))
			}
		}
		f.Add(uint8(0), uint16(0), []byte(text))
	}
	f.Fuzz(func(t *testing.T, mode uint8, at uint16, text []byte) {
		text = sample.Mutate(body, places, mode, int(at), text)
		want := &review{}
		wantErr := json.Unmarshal(text, want)
		for name, shape := range map[string]lean.Shape{"checks": envelope, "mutations": bareEnvelope} {
			got, err := parse(text, nil, shape)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("for %s: %s\ngot error %v, want %v", name, text, err, wantErr)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(review{})); err == nil && diff != "" {
				t.Fatalf("for %s: %s\n%s", name, text, diff)
			}
		}
	})
}
