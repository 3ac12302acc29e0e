// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"io"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// answering answers each request with a text.
type answering struct {
	text string
	asks []string // what each request takes for an answer
}

// RoundTrip implements [http.RoundTripper].
func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asks = append(a.asks, r.Header.Get("Accept"))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(a.text))}, nil
}

// TestPatchMetadata: an answer with the metadata alone is asked for, and is enough to know the revision, and later who
// wrote in between.
func TestPatchMetadata(t *testing.T) {
	text, err := yaml.YAMLToJSON([]byte("apiVersion: meta.k8s.io/v1\nkind: PartialObjectMetadata\n" +
		strings.Replace(managedYAML, "metadata:\n", "metadata:\n  name: hookstrap\n  uid: u\n  resourceVersion: \"8\"\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	server := &answering{text: string(text)}
	client, err := metadata.NewForConfig(&rest.Config{Transport: server})
	if err != nil {
		t.Fatal(err)
	}
	written, err := patchMetadata(client, hookstrap())(t.Context(), []byte(`[]`), metav1.PatchOptions{FieldManager: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if len(server.asks) != 1 || strings.Count(server.asks[0], "as=PartialObjectMetadata") != 2 {
		t.Errorf("asks for %q, want the metadata alone", server.asks)
	}
	if got, want := revisionOf(written), (revision{"u", "8"}); got != want {
		t.Errorf("the revision is %v, want %v", got, want)
	}
	live := object(t, managedYAML)
	live.SetUID("u")
	if got := overwriter(Validating, written, live, []string{"one"}, DefaultFieldManager); got != "" {
		t.Errorf("the overwriter is %q, want none: nothing was written", got)
	}
}
