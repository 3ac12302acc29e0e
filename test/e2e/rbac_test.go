// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/csr"
	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestEveryRuleIsNeeded runs all that a server does under its ServiceAccount: with the shipped rules nothing is
// refused, and without any one of them something is.
func TestEveryRuleIsNeeded(t *testing.T) {
	t.Parallel()
	for _, manifests := range []string{"manifests", "manifests/overlays/kubelet-serving"} {
		shipped, err := site.Render(t.Context(), shared, manifests)
		must(t, err)
		t.Run(manifests, func(t *testing.T) {
			t.Parallel()
			if refused := newErrand(t, manifests, "").run(t); len(refused) > 0 {
				t.Errorf("refused with all the rules: %q", refused)
			}
		})
		for _, rule := range slices.Concat(shipped.ClusterRole.Rules, shipped.Role.Rules) {
			t.Run(manifests+" without "+describeRule(rule), func(t *testing.T) {
				t.Parallel()
				if refused := newErrand(t, manifests, describeRule(rule)).run(t); len(refused) == 0 {
					t.Error("nothing was refused: either the rule is not needed, or what needs it is not done here")
				}
			})
		}
	}
}

func describeRule(rule rbacv1.PolicyRule) string {
	return strings.Join(slices.Concat(rule.Verbs, rule.Resources, rule.ResourceNames), " ")
}

// errand is everything that a server of a site does, and what the API server refused it.
type errand struct {
	*site.Site

	external bool // the signer is the cluster's
	all      bool // no rule is missing
	older    bool // than 1.37, since which a default role lets each ServiceAccount read ClusterTrustBundles

	mu      sync.Mutex
	refused []string
	watches map[string]bool // the paths that are watched
}

func newErrand(t *testing.T, manifests, without string) *errand {
	t.Helper()
	drop := func(rule rbacv1.PolicyRule) bool { return describeRule(rule) == without }
	return newErrandWith(t, manifests, without == "", func(shipped *site.Shipped) {
		before := len(shipped.ClusterRole.Rules) + len(shipped.Role.Rules)
		shipped.ClusterRole.Rules = slices.DeleteFunc(shipped.ClusterRole.Rules, drop)
		shipped.Role.Rules = slices.DeleteFunc(shipped.Role.Rules, drop)
		if left := len(shipped.ClusterRole.Rules) + len(shipped.Role.Rules); without != "" && left != before-1 {
			t.Errorf("%d rules are left of %d, want one less", left, before)
		}
	})
}

func newErrandWith(t *testing.T, manifests string, all bool, edit func(*site.Shipped)) *errand {
	t.Helper()
	e := &errand{external: manifests != "manifests", all: all, older: clustertest.Minor(t, shared) < 37,
		watches: map[string]bool{}}
	e.Site = site.New(t, shared, site.Options{Manifests: manifests, Edit: edit, Waits: true})
	return e
}

// A server runs with what `webhook rbac` prints for its flags, and with nothing else.
func TestPrintedRulesSuffice(t *testing.T) {
	t.Parallel()
	for _, approval := range []csr.Approval{csr.ApproveSelf, csr.ApproveExternal} {
		t.Run(string(approval), func(t *testing.T) {
			t.Parallel()
			e := newErrandWith(t, "manifests", true, func(shipped *site.Shipped) {
				printed := printedRules(t, approval, shipped.Configuration.Name, shipped.InForce.Name)
				shipped.ClusterRole.Rules, shipped.Role.Rules = printed.ClusterRole.Rules, printed.Role.Rules
			})
			approve := e.approve
			if approval == csr.ApproveSelf {
				approve = func(context.Context) error { return nil }
			}
			server := e.start(t, approval)
			e.await(t, func(ctx context.Context) error {
				return errors.Join(approve(ctx), server.Readyz(request(t)), e.settled(ctx))
			})
			before := server.Leaf()
			askForRotation(t, e.Site, "to see that the Secret can be updated")
			e.await(t, func(ctx context.Context) error {
				if server.Leaf().Equal(before) {
					return errors.Join(errors.New("the CA was not rotated"), approve(ctx))
				}
				return nil
			})
			if refused := e.sofar(); len(refused) > 0 {
				t.Errorf("refused with the rules that are printed: %q", refused)
			}
		})
	}
}

// printedRules are the roles that the command prints.
func printedRules(t *testing.T, approval csr.Approval, configuration, inForce string) site.Shipped {
	t.Helper()
	program, err := binary()
	must(t, err)
	out, err := exec.CommandContext(t.Context(), program, "rbac", "--service-name="+site.Service, "--namespace=any",
		"--service-account="+site.ServiceAccount, "--webhook-configuration="+configuration, "--approve="+string(approval),
		"--in-force-binding="+inForce,
	).Output()
	must(t, err)
	printed, err := site.Parse(out)
	must(t, err)
	return printed
}

// run does it all, and returns what was refused. As soon as something is, the rest may fail.
func (e *errand) run(t *testing.T) []string {
	t.Helper()
	first := e.start(t, csr.ApproveSelf)
	e.await(t, func(ctx context.Context) error { return errors.Join(first.Readyz(request(t)), e.settled(ctx)) })
	if e.external {
		return e.sofar()
	}
	askedFor := first.Leaf()
	if len(e.sofar()) == 0 {
		askForRotation(t, e.Site, "for the right to update")
	}
	e.await(t, func(context.Context) error {
		if first.Leaf().Equal(askedFor) {
			return errors.New("the CA was not rotated")
		}
		return nil
	})
	second := e.start(t, csr.ApproveExternal)
	e.await(t, func(ctx context.Context) error {
		return errors.Join(e.approve(ctx), second.Readyz(request(t)))
	})
	return e.sofar()
}

// settled wants what a server does only some moments after it is ready: it says so in an event, watches its Service, and
// puts its entries in force.
func (e *errand) settled(ctx context.Context) error {
	events, err := e.Admin.CoreV1().Events(e.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if len(events.Items) == 0 {
		return errors.New("there is no event")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.watches["/api/v1/namespaces/"+e.Namespace+"/services"] {
		return errors.New("the Service is not watched")
	}
	return subjects(ctx, e.Site, 1)
}

// start runs a server that notes what it is refused.
func (e *errand) start(t *testing.T, approval csr.Approval) *site.Server {
	t.Helper()
	options := e.BootstrapOptions(t)
	options.Approval = approval
	options.SelfAddress = fmt.Sprintf("127.0.0.1:%d", clustertest.FreePort(t))
	if e.external {
		options.SignerName = signer.KubeletServing
	}
	options.RESTConfig = e.noting(options.RESTConfig)
	return e.Start(t, options)
}

func (e *errand) noting(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if err == nil {
				e.note(r, response.StatusCode)
			}
			return response, err
		})
	})
	return cfg
}

func (e *errand) note(r *http.Request, status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.older && strings.HasSuffix(r.URL.Path, "/clustertrustbundles"):
	case status == http.StatusForbidden:
		e.refused = append(e.refused, r.Method+" "+r.URL.Path)
	case status == http.StatusOK && r.URL.Query().Has("watch"):
		e.watches[r.URL.Path] = true
	}
}

func (e *errand) sofar() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.refused)
}

// await waits until done, or until something was refused where a rule is missing.
func (e *errand) await(t *testing.T, done func(context.Context) error) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		if !e.all && len(e.sofar()) > 0 {
			return nil
		}
		return done(ctx)
	})
}

// approve does what a person does: approve whatever of this site is pending.
func (e *errand) approve(ctx context.Context) error {
	requests := e.Admin.CertificatesV1().CertificateSigningRequests()
	list, err := requests.List(ctx, metav1.ListOptions{LabelSelector: csr.LabelNamespace + "=" + e.Namespace})
	if err != nil {
		return err
	}
	for _, item := range list.Items {
		if len(item.Status.Conditions) > 0 {
			continue
		}
		item.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{
			Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test", Message: "by a test"}}
		if _, err := requests.UpdateApproval(ctx, item.Name, &item, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
