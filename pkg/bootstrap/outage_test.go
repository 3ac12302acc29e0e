// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/ktesting"

	"github.com/hookstrap/hookstrap/internal/trust"
)

// request is one that was made of a connection, when, and how it was answered; 0 if it was not.
type request struct {
	what   string
	at     time.Time
	status int
}

// connection is to an API server that has failed: answer says how.
type connection struct {
	mu     sync.Mutex
	made   []request
	answer func(*http.Request) (status int, err error)
}

// RoundTrip implements [http.RoundTripper].
func (c *connection) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	status, err := c.answer(r)
	c.made = append(c.made, request{r.Method + " " + r.URL.Path, time.Now(), status})
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/plain"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(http.StatusText(status)))}, nil
}

// switchTo has the connection answer otherwise from now on.
func (c *connection) switchTo(answer func(*http.Request) (int, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

// requests are those from a moment on, by what they ask for, without those that were answered with 401.
func (c *connection) requests(from time.Time) map[string][]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := map[string][]time.Time{}
	for _, r := range c.made {
		if !r.at.Before(from) && r.status != http.StatusUnauthorized {
			made[r.what] = append(made[r.what], r.at)
		}
	}
	return made
}

func status(code int) func(*http.Request) (int, error) {
	return func(*http.Request) (int, error) { return code, nil }
}

// startWith starts a server and a publisher of a ClusterTrustBundle that have the connection, and the token in a file.
// What they ask for from their start on is in wantAsked.
func startWith(t *testing.T, c *connection, tokenFile string) {
	t.Helper()
	ctx, cancel := context.WithCancel(klog.NewContext(context.Background(),
		ktesting.NewLogger(t, ktesting.NewConfig(ktesting.Verbosity(0)))))
	cfg := &rest.Config{Host: "https://api.test", Transport: c, BearerTokenFile: tokenFile}
	b, err := New(Options{
		RESTConfig:            cfg,
		Environment:           Environment{Service: "web", Namespace: "shop", ServiceAccount: "web"},
		WebhookConfigurations: []trust.Target{{Kind: trust.Validating, Name: "web"}},
		Registerer:            prometheus.NewRegistry(),
	})
	check(t, err)
	publisher, err := trust.NewPublisher(trust.PublisherOptions{Client: b.clients.dynamic, SignerName: "example.com/web",
		Service: types.NamespacedName{Namespace: "shop", Name: "web"}})
	check(t, err)
	ended := make(chan error)
	go func() { ended <- b.Start(ctx) }()
	go func() { ended <- publisher.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		check(t, errors.Join(<-ended, <-ended))
	})
}

// TestAnOutageIsOverWithin15Seconds: whatever it was, and however long it took, each thing that was asked for in vain
// gets an answer within 15 s of the API server's return.
func TestAnOutageIsOverWithin15Seconds(t *testing.T) {
	for name, outage := range map[string]func(*http.Request) (int, error){
		"no connection": func(*http.Request) (int, error) { return 0, syscall.ECONNREFUSED },
		"no answer":     func(*http.Request) (int, error) { return 0, os.ErrDeadlineExceeded },
		"cut off":       func(*http.Request) (int, error) { return 0, io.ErrUnexpectedEOF },
		"unavailable":   status(http.StatusServiceUnavailable),
		"broken":        status(http.StatusInternalServerError),
		"a bad token":   status(http.StatusUnauthorized),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &connection{answer: outage}
				startWith(t, c, "")
				after(20 * time.Minute)
				c.switchTo(status(http.StatusNotFound))
				back := time.Now()
				after(15 * time.Second)
				wantAsked(t, c.requests(back))
			})
		})
	}
}

// wantAsked wants each thing to have been asked for that a server and a publisher ask for from their start on.
func wantAsked(t *testing.T, made map[string][]time.Time) {
	t.Helper()
	for _, path := range []string{
		"/api/v1/namespaces/shop/services/web",
		"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
		"/apis/certificates.k8s.io/v1/clustertrustbundles",
	} {
		if len(made["GET "+path]) == 0 {
			t.Errorf("%s was not asked for; requests: %v", path, made)
		}
	}
}

// TestANewTokenIsUsedWithin15Seconds: client-go reads the file again by itself once a minute.
func TestANewTokenIsUsedWithin15Seconds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(t *testing.T, token string) { check(t, os.WriteFile(file, []byte(token), 0o600)) }
	for name, down := range map[string]time.Duration{
		"soon": 20 * time.Second, "after a while": 10 * time.Minute, "after an hour": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				write(t, "bad")
				c := &connection{answer: func(r *http.Request) (int, error) {
					if r.Header.Get("Authorization") != "Bearer good" {
						return http.StatusUnauthorized, nil
					}
					return http.StatusNotFound, nil
				}}
				startWith(t, c, file)
				began := time.Now()
				after(down)
				write(t, "good")
				if made := c.requests(began); len(made) > 0 {
					t.Fatalf("the bad token was taken: %v", made)
				}
				after(15 * time.Second)
				wantAsked(t, c.requests(began))
			})
		})
	}
}

// TestWhatIsRefusedIsAskedForEveryFewMinutes: what is not served or not allowed is asked for by one request each time.
func TestWhatIsRefusedIsAskedForEveryFewMinutes(t *testing.T) {
	for name, code := range map[string]int{"not served": http.StatusNotFound, "not allowed": http.StatusForbidden} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &connection{answer: status(code)}
				startWith(t, c, "")
				began := time.Now()
				const hours = 3
				after(hours * time.Hour)
				for what, times := range c.requests(began) {
					if len(times) > 25*hours {
						t.Errorf("%s: %d requests in %d hours", what, len(times), hours)
					}
					if last := time.Since(times[len(times)-1]); last > 5*time.Minute && len(times) > 1 {
						t.Errorf("%s: not asked for in the last %s", what, last)
					}
				}
			})
		})
	}
}
