// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// transport answers every request of a client.
type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// TestAnswersWaitForNoLimit: the answers to a burst of requests are sent at once, also if the client of everything else
// has a limit, and the API server does not send back the certificate that it was sent.
func TestAnswersWaitForNoLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const burst = 2000
		sent := 0
		client, err := newAnsweringClient(&rest.Config{QPS: authorityQPS, Burst: authorityBurst,
			Transport: transport(func(r *http.Request) *http.Response {
				if accept := r.Header.Get("Accept"); !strings.Contains(accept, "as=PartialObjectMetadata") {
					t.Fatalf("the answer to a patch is to be %q, want the metadata alone", accept)
				}
				sent++
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
					Body: io.NopCloser(strings.NewReader(`{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata"}`))}
			})})
		if err != nil {
			t.Fatal(err)
		}
		requests := client.Resource(schema.GroupVersionResource{Group: "certificates.k8s.io", Version: "v1",
			Resource: "podcertificaterequests"}).Namespace("shop")
		began := time.Now()
		for range burst {
			_, err := requests.Patch(t.Context(), "web-0", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{}, "status")
			if err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > 0 || sent != burst {
			t.Errorf("%d answers were sent in %s, want %d without a wait", sent, took, burst)
		}
	})
}
