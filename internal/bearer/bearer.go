// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bearer answers clients whose bearer token has the right to what they ask for, and refuses all others. It asks
// the API server who has sent the token (TokenReview), and whether that user may (SubjectAccessReview), as the kubelet
// and controller-runtime's metrics/filters do. Those are built on k8s.io/apiserver, which would add 28 MB to the binary
// and 20 modules to go.mod.
package bearer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/hookstrap/hookstrap/internal/logcap"
	"github.com/hookstrap/hookstrap/internal/timing"
)

// askTimeout bounds both questions about one request.
const askTimeout = 5 * time.Second

// Gate lets requests through whose token has the right to the verb (the method in lower case) on the path, as a rule
// with nonResourceURLs gives it. It is safe for concurrent use.
type Gate struct {
	client   kubernetes.Interface
	verdicts verdicts
	unasked  timing.Rarely // lines in the log; clients without a right can send as much as they like
	now      func() time.Time
}

// NewGate returns a gate that asks by client. The rate of client bounds what clients with tokens that are not known can
// cost the API server: give it one of its own.
func NewGate(client kubernetes.Interface) *Gate {
	return &Gate{client: client, now: time.Now}
}

// Protect returns a handler that answers with 401 what has no token or one that the API server does not know, with 403
// what has no right, with 503 what cannot be asked about, and lets next answer the others.
func (g *Gate) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(logcap.NewContext(r.Context()), askTimeout)
		defer cancel()
		err := g.admit(ctx, r)
		if err == nil {
			next.ServeHTTP(w, r)
			return
		}
		denied := &denial{http.StatusServiceUnavailable, "The API server cannot be asked who you are: try again"}
		if !errors.As(err, &denied) {
			g.complain(ctx, err)
		}
		if denied.code == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		http.Error(w, denied.text, denied.code)
	})
}

// complain logs why it could not be asked who sends requests. A client whose tokens are not known uses up how often may
// be asked; then it is that, and not the API server, that keeps others out.
func (g *Gate) complain(ctx context.Context, err error) {
	if pass, dropped := g.unasked.Pass(g.now()); pass {
		klog.FromContext(ctx).Error(err, "Refused a request, for it cannot be asked who sent it: the API server does not "+
			"answer, or there are more requests with unknown tokens than may be asked about", "unlogged", dropped)
	}
}

// denial is the answer to a client that is not let through.
type denial struct {
	code int
	text string
}

func (d *denial) Error() string { return d.text }

// request is what a verdict is about.
type request struct{ token, verb, path string }

// key is what is remembered in place of the token.
func (r request) key() [sha256.Size]byte {
	return sha256.Sum256([]byte(r.verb + "\x00" + r.path + "\x00" + r.token))
}

// admit returns nil, a [denial], or why the API server could not be asked.
func (g *Gate) admit(ctx context.Context, r *http.Request) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return &denial{http.StatusUnauthorized, "Send a bearer token: Authorization: Bearer TOKEN"}
	}
	asked := request{token: token, verb: strings.ToLower(r.Method), path: r.URL.Path}
	key, now := asked.key(), g.now()
	if g.verdicts.allowed(key, now, fresh) {
		return nil
	}
	err := g.ask(ctx, asked)
	switch {
	case err == nil:
		g.verdicts.allow(key, now)
	case errors.As(err, new(*denial)):
		g.verdicts.forget(key)
	case g.verdicts.allowed(key, now, stale):
		return nil
	}
	return err
}

// ask asks the API server.
func (g *Gate) ask(ctx context.Context, r request) error {
	who, err := g.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: r.token},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("asking the API server whose token it is: %w", err)
	}
	if !who.Status.Authenticated {
		return &denial{http.StatusUnauthorized, "The API server does not know this token"}
	}
	user, extra := who.Status.User, map[string]authorizationv1.ExtraValue{}
	for name, value := range user.Extra {
		extra[name] = authorizationv1.ExtraValue(value)
	}
	may, err := g.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: r.verb, Path: r.path},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("asking the API server what %s may do: %w", user.Username, err)
	}
	if !may.Status.Allowed {
		return &denial{http.StatusForbidden, fmt.Sprintf("%s may not %s %s: give it a ClusterRole with the rule "+
			"{nonResourceURLs: [%s], verbs: [%[2]s]}", user.Username, r.verb, r.path, r.path)}
	}
	return nil
}
