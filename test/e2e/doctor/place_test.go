// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"

	"github.com/hookstrap/hookstrap/pkg/doctor"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// The ports of every server: that of the Service is one on which an ordinary user may listen.
const servicePort, podPort = 8443, 9443

// place is a webhook in a namespace of its own, healthy until a row changes it.
type place struct {
	ns       string
	ca, leaf *authority
	tls      *tls.Config
	plain    bool // no TLS

	service *corev1.Service
	pod     *corev1.Pod
	slice   *discoveryv1.EndpointSlice
	policy  *networkingv1.NetworkPolicy
	secret  *corev1.Secret
	webhook *admissionregistrationv1.ValidatingWebhook
	meta    metav1.ObjectMeta // of the configuration
	manager string            // who writes it
	program program           // the server, if it is not the test's own
	address string            // of the server, once it runs
	built   func(testing.TB)  // what happens when all is made; nil for nothing

	calls  atomic.Int64
	answer http.HandlerFunc // in place of a review; nil for one that allows
}

// newPlace makes the namespace, so that names are known. Everything else is only planned.
func newPlace(t testing.TB) *place {
	t.Helper()
	ns, err := shared.admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "doctor-"}}, metav1.CreateOptions{})
	must(t, err)
	p := &place{ns: ns.Name, ca: (*authority)(nil).signed(t, isCA), meta: metav1.ObjectMeta{Name: ns.Name}, manager: "test"}
	p.leaf = p.ca.signed(t, named(p.host()))
	p.tls = &tls.Config{Certificates: []tls.Certificate{p.leaf.pair(true)}, NextProtos: []string{"h2", "http/1.1"}}
	set := map[string]string{"app": "web"}
	p.service = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{
		Selector: set, Ports: []corev1.ServicePort{{Name: "https", Port: servicePort, TargetPort: intstr.FromInt32(podPort)}},
	}}
	p.pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Labels: set}, Spec: corev1.PodSpec{
		NodeName: nodeName, AutomountServiceAccountToken: new(false),
		Containers: []corev1.Container{{Name: "web", Image: "web:1", Ports: []corev1.ContainerPort{{Name: "https", ContainerPort: podPort}}}},
	}}
	p.slice = &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "web-1", Labels: map[string]string{discoveryv1.LabelServiceName: "web"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("https"), Port: ptr.To[int32](podPort)}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{"10.1.2.3"}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: p.ns, Name: "web-1"},
		}},
	}
	p.webhook = &admissionregistrationv1.ValidatingWebhook{
		Name: "web.example.com", AdmissionReviewVersions: []string{"v1"}, TimeoutSeconds: ptr.To[int32](5),
		SideEffects: new(admissionregistrationv1.SideEffectClassNone),
		ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: p.ca.pem(), Service: &admissionregistrationv1.ServiceReference{
			Namespace: p.ns, Name: "web", Port: ptr.To[int32](servicePort)}},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.ns}},
		Rules:             []admissionregistrationv1.RuleWithOperations{about("", "configmaps")},
	}
	return p
}

func (p *place) host() string { return "web." + p.ns + ".svc" }

func about(group string, resources ...string) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: resources},
	}
}

// build makes what is planned, the webhook configuration last.
func (p *place) build(t testing.TB) {
	t.Helper()
	ctx, core := t.Context(), shared.admin.CoreV1()
	_, err := core.ServiceAccounts(p.ns).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	must(t, err)
	p.address = p.serve(t)
	if p.pod != nil {
		status := p.pod.Status
		pod, err := core.Pods(p.ns).Create(ctx, p.pod, metav1.CreateOptions{})
		must(t, err)
		pod.Status = status
		pod.Status.Phase = corev1.PodRunning
		_, err = core.Pods(p.ns).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		must(t, err)
		shared.kubelet.listens(p.ns, p.pod.Name, podPort, p.address)
	}
	if p.secret != nil {
		_, err := core.Secrets(p.ns).Create(ctx, p.secret, metav1.CreateOptions{})
		must(t, err)
	}
	if p.policy != nil {
		_, err := shared.admin.NetworkingV1().NetworkPolicies(p.ns).Create(ctx, p.policy, metav1.CreateOptions{})
		must(t, err)
	}
	if p.slice != nil {
		_, err := shared.admin.DiscoveryV1().EndpointSlices(p.ns).Create(ctx, p.slice, metav1.CreateOptions{})
		must(t, err)
	}
	if p.service != nil {
		service, err := core.Services(p.ns).Create(ctx, p.service, metav1.CreateOptions{})
		must(t, err)
		if p.slice != nil && *p.slice.Endpoints[0].Conditions.Ready && *p.slice.Ports[0].Port == podPort {
			proxy(t, net.JoinHostPort(service.Spec.ClusterIP, fmt.Sprint(servicePort)), p.address)
		}
	}
	p.configure(t, p.meta, *p.webhook)
	if p.built != nil {
		p.built(t)
	}
}

func (p *place) configure(t testing.TB, meta metav1.ObjectMeta, webhooks ...admissionregistrationv1.ValidatingWebhook) {
	t.Helper()
	all := shared.admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := all.Create(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: meta, Webhooks: webhooks}, metav1.CreateOptions{FieldManager: p.manager})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		_ = all.Delete(ctx, meta.Name, metav1.DeleteOptions{})
		if slices.ContainsFunc(webhooks, func(w admissionregistrationv1.ValidatingWebhook) bool { return w.NamespaceSelector == nil }) {
			must(t, wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, p.isNotAsked))
		}
	})
}

// isNotAsked says whether the API server, which hears of a deletion a little later, has stopped calling the webhook for
// Namespaces: it would call it for the objects of the next test.
func (p *place) isNotAsked(ctx context.Context) (bool, error) {
	before := p.calls.Load()
	_, err := shared.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "doctor-"}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err == nil && p.calls.Load() == before, nil
}

// serve starts the server and returns its address.
func (p *place) serve(t testing.TB) string {
	t.Helper()
	if p.program.start != nil {
		return p.program.run(t, p)
	}
	server := httptest.NewUnstartedServer(p)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) //nolint:forbidigo // It goes nowhere.
	if p.plain {
		server.Start()
	} else {
		listener := server.Listener
		server.Listener = tls.NewListener(listener, p.tls)
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// ServeHTTP lets everything in.
func (p *place) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.calls.Add(1)
	if p.answer != nil {
		p.answer(w, r)
		return
	}
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	_ = json.NewEncoder(w).Encode(review)
}

// proxy is what kube-proxy is: what comes to a cluster IP goes to the server. A headless Service has none.
func proxy(t testing.TB, from, to string) {
	t.Helper()
	if host, _, _ := net.SplitHostPort(from); host == corev1.ClusterIPNone {
		return
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", from)
	if err != nil {
		t.Fatalf("no process can listen at a cluster IP here: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				go func() { _, _ = io.Copy(server, conn); _ = server.(*net.TCPConn).CloseWrite() }()
				_, _ = io.Copy(conn, server)
			}()
		}
	}()
}

// truth asks the API server: can it call the webhook?
func (p *place) truth(t *testing.T, callable bool) {
	t.Helper()
	ask := p.program.ask
	if ask == nil {
		ask = createBad
	}
	clustertest.Eventually(t, func(ctx context.Context) error {
		err := ask(ctx, p)
		failed := err != nil && strings.Contains(err.Error(), "failed calling webhook")
		answered := err == nil && p.calls.Load() > 0
		if p.program.denial != "" {
			answered = err != nil && strings.Contains(err.Error(), p.program.denial)
		}
		if callable && !answered || !callable && !failed {
			return fmt.Errorf("callable should be %t, and the API server says %w after %d calls", callable, err, p.calls.Load())
		}
		return nil
	})
}

func createBad(ctx context.Context, p *place) error {
	_, err := shared.admin.CoreV1().ConfigMaps(p.ns).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: "bad"}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// examine runs the binary on objects, and returns its report and its exit code.
func examine(t testing.TB, args ...string) (doctor.Report, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shared.program, append([]string{"doctor", "-o=json",
		"--kubeconfig=" + shared.plane.Kubeconfig()}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report doctor.Report
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v:\n%s%s", err, &stdout, &stderr)
	}
	return report, cmd.ProcessState.ExitCode()
}
