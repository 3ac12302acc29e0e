// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build flood

package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/hookstrap/hookstrap/internal/signer"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// floodOutcome is what became of a request.
type floodOutcome int

const (
	floodDone    floodOutcome = iota // it was let in, as it may be
	floodRefused                     // it was refused, as it may be
	floodWrong                       // neither
)

// floodKind is one way to do harm.
type floodKind struct {
	name  string
	pause time.Duration // between two attempts of a tenant
	do    func(ctx context.Context, f *flood, tenant *flooder, n int) (floodOutcome, string)
}

// floodKinds are the ways to do harm. The pauses keep the API server, which shares the processors, from being the one
// that is flooded.
func floodKinds() []floodKind {
	return []floodKind{
		{"anonymous access", 15 * time.Second, forbidden(createAnonymous)},
		{"wildcard host", 15 * time.Second, forbidden(createWildcard)},
		{"external IP", 8 * time.Second, forbidden(createExternalIP)},
		{"capabilities", 8 * time.Second, forbidden(createCapabilities)},
		{"escaped Deployment", 15 * time.Second, allowed(updateEscaped)},
		{"large Ingresses", 10 * time.Second, allowed(createLargeIngress)},
		{"many Deployments", 2 * time.Second, allowed(createDeployment)},
		{"deleted Pods", 20 * time.Second, allowed(finalizePod)},
		{"signing requests", 5 * time.Second, allowed(createLargeRequest)},
		{"endless headers", 2 * time.Second, sentDirectly(sendEndlessHeader)},
		{"idle connections", 100 * time.Millisecond, sentDirectly(holdConnections)},
		{"probes", 100 * time.Millisecond, sentDirectly(probe)},
		{"raw reviews", 5 * time.Second, sentDirectly(sendReview)},
	}
}

// grant lets a user do what a tenant may, and create certificate requests.
func grant(ctx context.Context, admin kubernetes.Interface, user, namespace string) error {
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	_, err := admin.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "admin"}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{certificatesv1.GroupName}, Resources: []string{"certificatesigningrequests"}, Verbs: []string{"create"},
	}}}
	if _, err := admin.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err = admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
	}, metav1.CreateOptions{})
	return err
}

// refusedByUs says whether an error is a verdict of the webhook.
func refusedByUs(err error) bool {
	return err != nil && strings.Contains(err.Error(), "denied the request")
}

// forbidden wants each attempt to be refused, by the webhook or for being one too many; to be let in is wrong.
func forbidden(try func(context.Context, *flooder, int) error) func(context.Context, *flood, *flooder, int) (floodOutcome, string) {
	return func(ctx context.Context, _ *flood, tenant *flooder, n int) (floodOutcome, string) {
		err := try(ctx, tenant, n)
		if refusedByUs(err) || apierrors.IsTooManyRequests(err) {
			return floodRefused, ""
		}
		return floodWrong, fmt.Sprint("it was to be denied: ", err)
	}
}

// allowed wants each attempt to be let in, or to be told in a verdict that it is too much. A failed call is wrong.
func allowed(try func(context.Context, *flooder, int) error) func(context.Context, *flood, *flooder, int) (floodOutcome, string) {
	return func(ctx context.Context, _ *flood, tenant *flooder, n int) (floodOutcome, string) {
		switch err := try(ctx, tenant, n); {
		case err == nil:
			return floodDone, ""
		case refusedByUs(err) || apierrors.IsTooManyRequests(err) || apierrors.IsConflict(err):
			return floodRefused, fmt.Sprint(err)
		default:
			return floodWrong, fmt.Sprint(err)
		}
	}
}

// sentDirectly counts what is sent to the replicas themselves; they may refuse all of it.
func sentDirectly(try func(context.Context, *flood, *flooder, int) error) func(context.Context, *flood, *flooder, int) (floodOutcome, string) {
	return func(ctx context.Context, f *flood, tenant *flooder, n int) (floodOutcome, string) {
		if err := try(ctx, f, tenant, n); err != nil {
			return floodRefused, fmt.Sprint(err)
		}
		return floodDone, ""
	}
}

// lessThans are n characters of which each takes six bytes when it reaches the webhook.
func lessThans(n int) string { return strings.Repeat("<", n) }

func named(n int, kind string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", kind, n)}
}

func createAnonymous(ctx context.Context, tenant *flooder, n int) error {
	_, err := tenant.RbacV1().RoleBindings(tenant.namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: named(n, "anonymous"),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{
			{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:unauthenticated"},
			{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: lessThans(1_250_000)},
		},
	}, metav1.CreateOptions{})
	return err
}

// ingress is one for a host, with paths that are as long as they have to be.
func ingress(meta metav1.ObjectMeta, host, path string) *networkingv1.Ingress {
	prefix := networkingv1.PathTypePrefix
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
		Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}}
	return &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{
		TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: "web"}},
		Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
			HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{
				{Path: path, PathType: &prefix, Backend: backend}}}}}},
	}}
}

func createWildcard(ctx context.Context, tenant *flooder, n int) error {
	_, err := tenant.NetworkingV1().Ingresses(tenant.namespace).Create(ctx,
		ingress(named(n, "wildcard"), "*.example.com", "/"+lessThans(1_250_000)), metav1.CreateOptions{})
	return err
}

func createExternalIP(ctx context.Context, tenant *flooder, n int) error {
	meta := named(n, "external")
	meta.Annotations = map[string]string{"note": lessThans(250_000)}
	_, err := tenant.CoreV1().Services(tenant.namespace).Create(ctx, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Ports: []corev1.ServicePort{{Port: 80}}, ExternalIPs: []string{"192.0.2.1"},
	}}, metav1.CreateOptions{})
	return err
}

// pod is one that the checks let in.
func pod(meta metav1.ObjectMeta, args ...string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "app", Image: site.GoodImage, Args: args}}}}
}

func createCapabilities(ctx context.Context, tenant *flooder, n int) error {
	greedy := pod(named(n, "capabilities"))
	capabilities := &corev1.Capabilities{}
	for i := range 40_000 {
		capabilities.Add = append(capabilities.Add, corev1.Capability(fmt.Sprintf("CAP_%d", i)))
	}
	greedy.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: capabilities}
	_, err := tenant.CoreV1().Pods(tenant.namespace).Create(ctx, greedy, metav1.CreateOptions{})
	return err
}

func deployment(meta metav1.ObjectMeta, args ...string) *appsv1.Deployment {
	labels := map[string]string{"app": meta.Name}
	return &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod(meta, args...).Spec},
	}}
}

// updateEscaped creates a Deployment that grows on its way to the webhook, and changes it from then on.
func updateEscaped(ctx context.Context, tenant *flooder, n int) error {
	deployments := tenant.AppsV1().Deployments(tenant.namespace)
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"n":"%d"}}}`, n)
	_, err := deployments.Patch(ctx, "escaped", types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		_, err = deployments.Create(ctx, deployment(metav1.ObjectMeta{Name: "escaped"}, lessThans(620_000)), metav1.CreateOptions{})
	}
	return err
}

func createLargeIngress(ctx context.Context, tenant *flooder, n int) error {
	host := fmt.Sprintf("%d-%d.example.com", tenant.number, n)
	_, err := tenant.NetworkingV1().Ingresses(tenant.namespace).Create(ctx,
		ingress(named(n, "large"), host, "/"+strings.Repeat("p", 1_200_000)), metav1.CreateOptions{})
	return err
}

func createDeployment(ctx context.Context, tenant *flooder, n int) error {
	_, err := tenant.AppsV1().Deployments(tenant.namespace).Create(ctx,
		deployment(named(n, "many"), strings.Repeat("a", 10_000)), metav1.CreateOptions{})
	return err
}

// finalizePod creates a Pod with a finalizer that grows on its way to the webhook, deletes it and takes the finalizer
// away.
func finalizePod(ctx context.Context, tenant *flooder, n int) error {
	pods := tenant.CoreV1().Pods(tenant.namespace)
	meta := named(n, "deleted")
	meta.Finalizers = []string{"example.com/wait"}
	if _, err := pods.Create(ctx, pod(meta, lessThans(620_000)), metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := pods.Delete(ctx, meta.Name, *metav1.NewDeleteOptions(0)); err != nil {
		return err
	}
	_, err := pods.Patch(ctx, meta.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	if refusedByUs(err) {
		return fmt.Errorf("the finalizer of a deleted Pod cannot be removed: %s", strings.ReplaceAll(err.Error(), "denied", "DENIED"))
	}
	return err
}

// largeRequest is a valid PKCS #10 request of 880 kB.
func largeRequest() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "flood"},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: make([]byte, 650_000)}},
	}, key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), err
}

func createLargeRequest(ctx context.Context, tenant *flooder, n int) error {
	request, err := largeRequest()
	if err != nil {
		return err
	}
	_, err = tenant.CertificatesV1().CertificateSigningRequests().Create(ctx, &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("flood-%d-%d", tenant.number, n)},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: request, SignerName: signer.BuiltIn,
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
		},
	}, metav1.CreateOptions{})
	return err
}

// dialer connects from an address of the tenant's own, as its Pods would.
func (tenant *flooder) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(tenant.number+1))}}
}

func (tenant *flooder) dialTLS(ctx context.Context, f *flood, n int) (net.Conn, error) {
	dialer := &tls.Dialer{NetDialer: tenant.dialer(), Config: &tls.Config{InsecureSkipVerify: true}}
	return dialer.DialContext(ctx, "tcp", f.backends[n%len(f.backends)])
}

// sendEndlessHeader sends one header line of a MiB and does not end it. Thirty at a time by each tenant.
func sendEndlessHeader(ctx context.Context, f *flood, tenant *flooder, n int) error {
	var senders sync.WaitGroup
	failures := make(chan error, 30)
	for i := range 30 {
		senders.Go(func() {
			conn, err := tenant.dialTLS(ctx, f, n+i)
			if err != nil {
				failures <- err
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			_, err = io.WriteString(conn, "POST /validate HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 1<<20))
			if err == nil {
				_, err = io.Copy(io.Discard, conn)
			}
			failures <- err
		})
	}
	senders.Wait()
	return <-failures
}

// holdConnections opens connections and leaves them as they are: 500 for each tenant in the end, some of them with a
// handshake.
func holdConnections(ctx context.Context, f *flood, tenant *flooder, n int) error {
	if n >= 500 {
		return errors.New("enough are open")
	}
	var conn net.Conn
	var err error
	if n%5 == 0 {
		conn, err = tenant.dialTLS(ctx, f, n)
	} else {
		conn, err = tenant.dialer().DialContext(ctx, "tcp", f.backends[n%len(f.backends)])
	}
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return nil
}

func probe(ctx context.Context, f *flood, tenant *flooder, n int) error {
	_, _, err := fetch(ctx, "http://"+f.health[(n+tenant.number)%len(f.health)]+"/readyz")
	return err
}

// sendReview sends a review of 2.9 MB by itself.
func sendReview(ctx context.Context, f *flood, tenant *flooder, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		DialContext: tenant.dialer().DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"https://"+f.backends[(n+tenant.number)%len(f.backends)]+"/validate?timeout=10s", bytes.NewReader(f.review))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
