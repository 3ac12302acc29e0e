// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/pkg/bootstrap"
	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/site"
	"github.com/hookstrap/hookstrap/test/ports"
)

// fleet is many servers that start at once.
type fleet struct {
	plane   *cluster.Cluster
	admin   kubernetes.Interface
	shipped site.Shipped
	signer  string
	members []*member

	received atomic.Int64

	mu       sync.Mutex
	requests map[string]int // as "METHOD RESOURCE"
}

// member is one server, and the site that it is of.
type member struct {
	site    *site.Site
	options bootstrap.Options
	metrics *prometheus.Registry
}

func newFleet(b *testing.B, plane *cluster.Cluster, shipped site.Shipped, signerName string) *fleet {
	b.Helper()
	cfg := plane.Config()
	cfg.QPS = -1
	return &fleet{
		plane: plane, admin: mustClient(b, cfg), shipped: shipped, signer: signerName, requests: map[string]int{},
	}
}

// install makes what n servers need, with the shipped rights, and their options. Nothing is removed: the control plane
// is the benchmark's own.
func (c *fleet) install(b *testing.B, name string, n int, shared bool) {
	b.Helper()
	free, err := ports.Free(b.Context(), n)
	must(b, err)
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(8)
	c.members = make([]*member, n)
	for i := range n {
		c.members[i] = &member{site: c.newSite(fmt.Sprintf("%s-%d", name, i), free[i])}
		if shared && i > 0 {
			c.members[i].site = c.members[0].site
			continue
		}
		group.Go(func() error { return c.create(ctx, c.members[i].site) })
	}
	must(b, group.Wait())
	for i, m := range c.members {
		cfg, err := c.plane.ServiceAccountConfig(b.Context(), m.site.Namespace, site.ServiceAccount)
		must(b, err)
		clustertest.Eventually(b, m.site.RulesKnown)
		m.options, m.metrics = c.options(cfg, m.site, i, free[i]), prometheus.NewRegistry()
		m.options.Registerer = m.metrics
	}
}

func (c *fleet) newSite(name string, port int) *site.Site {
	s := &site.Site{Cluster: c.plane, Admin: c.admin, Shipped: c.shipped, Namespace: name, Target: name,
		Configuration: name, SignerName: signer.BuiltIn, Port: port}
	if c.signer == "" {
		s.SignerName = "hookstrap.dev/" + name
	}
	return s
}

// options are those of one server, whose connection to the API server and whose requests are counted.
func (c *fleet) options(cfg *rest.Config, s *site.Site, i, port int) bootstrap.Options {
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &countingConn{Conn: conn, received: &c.received}, nil
	}
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(r)
			c.count(r, answer)
			return answer, err
		})
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	return bootstrap.Options{
		RESTConfig: cfg,
		Environment: bootstrap.Environment{
			Service: site.Service, Namespace: s.Namespace, ServiceAccount: site.ServiceAccount,
			PodName: fmt.Sprintf("hookstrap-%d", i), PodIPs: []netip.Addr{netip.MustParseAddr("10.244.0.7")},
		},
		SignerName: c.signer, BuiltInSignerName: s.SignerName, SelfAddress: address,
		WebhookConfigurations: []bootstrap.Target{{Kind: bootstrap.Validating, Name: s.Configuration}},
		Server: bootstrap.ServerOptions{
			Address: address, HealthAddress: bootstrap.Disabled, ShutdownDelay: -1},
	}
}

// count notes what a server has asked for, and if it was refused.
func (c *fleet) count(r *http.Request, answer *http.Response) {
	resource, name, subresource := resourceOf(r.URL.Path)
	what := r.Method
	if r.Method == http.MethodGet && name == "" {
		what = "WATCH"
		if r.URL.Query().Get("watch") == "" {
			what = "LIST"
		}
	}
	what = strings.TrimSuffix(what+" "+resource+"/"+subresource, "/")
	if answer != nil && answer.StatusCode >= http.StatusBadRequest {
		what += " " + strconv.Itoa(answer.StatusCode)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[what]++
}

// countingConn counts what comes in.
type countingConn struct {
	net.Conn
	received *atomic.Int64
}

// Read implements [net.Conn].
func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.received.Add(int64(n))
	return n, err
}

// create makes the objects of one site, with the same rights as the manifests.
func (c *fleet) create(ctx context.Context, s *site.Site) error {
	core, rbac, to := c.admin.CoreV1(), c.admin.RbacV1(), metav1.CreateOptions{}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace}}
	if _, err := core.Namespaces().Create(ctx, namespace, to); err != nil {
		return err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: site.ServiceAccount}}
	if _, err := core.ServiceAccounts(s.Namespace).Create(ctx, account, to); err != nil {
		return err
	}
	port := corev1.ServicePort{Port: int32(s.Port), TargetPort: intstr.FromInt(s.Port)} // #nosec G115 -- a port.
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: site.Service}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: []corev1.ServicePort{port}}}
	if _, err := core.Services(s.Namespace).Create(ctx, service, to); err != nil {
		return err
	}
	configurations := c.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := configurations.Create(ctx, s.Local(s.Shipped.Configuration), to); err != nil {
		return err
	}
	if _, err := rbac.ClusterRoles().Create(ctx, s.ClusterRole(), to); err != nil {
		return err
	}
	if _, err := rbac.Roles(s.Namespace).Create(ctx, s.Role(), to); err != nil {
		return err
	}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: site.ServiceAccount, Namespace: s.Namespace}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: s.Configuration}
	if _, err := rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.Configuration}, Subjects: subjects, RoleRef: ref}, to); err != nil {
		return err
	}
	ref.Kind, ref.Name = "Role", s.Role().Name
	_, err := rbac.RoleBindings(s.Namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: ref.Name}, Subjects: subjects, RoleRef: ref}, to)
	return err
}

// watchedEvents is what an API server has sent to watches.
type watchedEvents struct{ events, bytes float64 }

// watchedRequests is what the API server has sent to all who watch CertificateSigningRequests.
func (c *fleet) watchedRequests(b *testing.B) (sent watchedEvents) {
	b.Helper()
	text, err := c.admin.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(b.Context())
	must(b, err)
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, "{")
		labels, value, _ := strings.Cut(rest, "} ")
		if !strings.Contains(labels, `resource="certificatesigningrequests"`) {
			continue
		}
		switch name {
		case "apiserver_watch_events_total":
			sent.events, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
		case "apiserver_watch_events_sizes_sum":
			sent.bytes, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
		must(b, err)
	}
	return sent
}

// reportTraffic reports what the servers have asked for and received, and how often an object was written for them.
func (c *fleet) reportTraffic(b *testing.B) {
	b.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	n, writes := float64(len(c.members)), int64(0)
	var requests, most float64
	for _, m := range c.members {
		live, err := m.site.LiveConfiguration(b.Context())
		must(b, err)
		writes = max(writes, live.Generation-1)
		untilReady := site.Value(b, m.metrics, "hookstrap_bootstrap_api_requests")
		requests, most = requests+untilReady, max(most, untilReady)
	}
	b.ReportMetric(float64(writes), "writes/object")
	b.ReportMetric(requests/n, "requests/start")
	b.ReportMetric(most, "requests/start-most")
	b.ReportMetric(float64(c.requests["WATCH certificatesigningrequests"])/n, "csr-watches/server")
	b.ReportMetric(float64(c.received.Load())/n/1e3, "kB/server")
	b.ReportMetric(0, "ns/op") // The installation counts for nothing.
	b.Logf("requests, with those of the first seconds after the start: %v", c.requests)
}
