// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// direct asks a site's server as the API server does, while there is none: HTTPS for the Service's name, verified with
// nothing but the caBundle.
type direct struct {
	site   *site.Site
	bundle []byte
}

func (d direct) config() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(d.bundle)
	name := site.Service + "." + d.site.Namespace + ".svc"
	return &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12}
}

// leaf is the certificate that is presented; it has been verified.
func (d direct) leaf(t *testing.T) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", address(d.site), d.config())
	must(t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

// review asks for a verdict about a Pod with that image.
func (d direct) review(t *testing.T, image string) (allowed bool, message string) {
	t.Helper()
	pod := site.Pod(image)
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	object, err := json.Marshal(pod)
	must(t, err)
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: types.UID("direct"), Operation: admissionv1.Create, Namespace: d.site.Target,
			Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: string(corev1.ResourcePods)},
			Object:   runtime.RawExtension{Raw: object},
		},
	})
	must(t, err)
	transport := &http.Transport{TLSClientConfig: d.config(), DisableKeepAlives: true}
	client := &http.Client{Timeout: 10 * time.Second, Transport: transport}
	answer, err := client.Post("https://"+address(d.site)+"/validate", "application/json", bytes.NewReader(body))
	must(t, err)
	defer answer.Body.Close()
	var review admissionv1.AdmissionReview
	must(t, json.NewDecoder(answer.Body).Decode(&review))
	if review.Response.Result != nil {
		message = review.Response.Result.Message
	}
	return review.Response.Allowed, message
}

// get asks an endpoint of the server's probes.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	status, body, err := fetch(t.Context(), url)
	must(t, err)
	return status, body
}

// fetch returns the status and the body of an answer.
func fetch(ctx context.Context, url string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// goodState is what must survive whatever anybody tries: what is served, what is trusted, and the CA.
type goodState struct {
	site   *site.Site
	leaf   *x509.Certificate
	bundle []byte
	secret map[string][]byte
}

func snapshot(t *testing.T, s *site.Site) goodState {
	t.Helper()
	bundle := liveBundle(t, s)
	return goodState{site: s, bundle: bundle, leaf: direct{site: s, bundle: bundle}.leaf(t), secret: secretsOf(t, s)}
}

// secretsOf is the data of all Secrets of the site, by the Secret's name and the key.
func secretsOf(t *testing.T, s *site.Site) map[string][]byte {
	t.Helper()
	list, err := s.Admin.CoreV1().Secrets(s.Namespace).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	all := map[string][]byte{}
	for _, secret := range list.Items {
		for key, value := range secret.Data {
			all[secret.Name+"/"+key] = value
		}
	}
	return all
}

func (g goodState) wantUntouched(t *testing.T) {
	t.Helper()
	if now := (direct{site: g.site, bundle: g.bundle}).leaf(t); !now.Equal(g.leaf) {
		t.Error("another certificate is served")
	}
	if !bytes.Equal(liveBundle(t, g.site), g.bundle) {
		t.Error("the caBundle was changed")
	}
	if !maps.EqualFunc(secretsOf(t, g.site), g.secret, bytes.Equal) {
		t.Error("a Secret was changed")
	}
}
