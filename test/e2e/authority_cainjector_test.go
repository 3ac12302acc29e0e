// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build authority

package e2e

import (
	"os"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hookstrap/hookstrap/internal/keeper"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
)

const keptSigner, keptBundle = "bench.example.com/keeper", "bench.example.com:keeper:roots"

// filler is a program that keeps caBundles, where it takes its CAs from, and how an object asks for it.
type filler struct {
	name    string
	publish func(pem []byte)
	start   func(*meter) *process.Server
	asking  metav1.ObjectMeta
	// removes says that it takes the old CA away.
	removes bool
}

// TestMeasureAuthorityBesideCainjector has `webhook authority`, and then cert-manager's cainjector (the program in the
// environment variable CAINJECTOR), fill the caBundles of 1,000 webhook configurations (TARGETS) of five entries, and rotate
// the CA. It prints what both cost.
func TestMeasureAuthorityBesideCainjector(t *testing.T) {
	cfg := shared.Config()
	cfg.QPS, cfg.ContentType = -1, runtime.ContentTypeProtobuf
	client, n := mustClient(t, cfg), atoi(t, "TARGETS", 1000)
	first, second := newTestCA(t, "first"), newTestCA(t, "second")
	_, err := binary() // Or the first start would take as long as to build it.
	must(t, err)
	measured := map[string]map[string]costs{}
	for _, f := range []*filler{theKeeper(t, client), theCainjector(t, client)} {
		measured[f.name] = f.measure(t, client, n, first, second)
	}
	for _, what := range []string{"fill", "rotate"} {
		ours, theirs := measured["authority"][what], measured["cainjector"][what]
		t.Logf("%-6s cainjector takes %.1f times the time, %.1f times the requests, %.1f times the bytes, %.1f times the CPU "+
			"seconds, and %.2f times the memory of authority", what, float64(theirs.took)/float64(ours.took),
			float64(theirs.requests)/float64(ours.requests), float64(theirs.bytes)/float64(ours.bytes),
			float64(theirs.cpu)/float64(ours.cpu), float64(theirs.peak)/float64(ours.peak))
	}
}

// theKeeper is `webhook authority` with the CAs of a ClusterTrustBundle.
func theKeeper(t *testing.T, client kubernetes.Interface) *filler {
	t.Helper()
	cfg := podAuthorityConfig(t, shared)
	return &filler{
		name: "authority", removes: true,
		publish: func(pem []byte) { publishKept(t, client, pem) },
		start: func(m *meter) *process.Server {
			return runPodAuthority(t, shared, m.config(cfg), "--bundle-overlap=0s")
		},
		asking: metav1.ObjectMeta{Labels: map[string]string{keeper.Key: keeper.OptedIn},
			Annotations: map[string]string{keeper.Key: "clustertrustbundle/" + keptSigner}},
	}
}

// theCainjector takes the CA from a Secret.
func theCainjector(t *testing.T, client kubernetes.Interface) *filler {
	t.Helper()
	applyCertManagerKinds(t)
	namespace := clustertest.Namespace(t, shared)
	cfg := clusterAdmin(t, client, namespace)
	return &filler{
		name: "cainjector",
		publish: func(pem []byte) {
			secret := &corev1.Secret{Data: map[string][]byte{"ca.crt": pem}, ObjectMeta: metav1.ObjectMeta{Name: "ca",
				Annotations: map[string]string{"cert-manager.io/allow-direct-injection": "true"}}}
			if _, err := client.CoreV1().Secrets(namespace).Update(t.Context(), secret, metav1.UpdateOptions{}); err == nil {
				return
			}
			_, err := client.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{})
			must(t, err)
		},
		start: func(m *meter) *process.Server {
			return startPeer(t, os.Getenv("CAINJECTOR"), peerKubeconfig(t, m.config(cfg)))
		},
		asking: metav1.ObjectMeta{Annotations: map[string]string{"cert-manager.io/inject-ca-from-secret": namespace + "/ca"}},
	}
}

func publishKept(t *testing.T, client kubernetes.Interface, pem []byte) {
	t.Helper()
	bundles := client.CertificatesV1().ClusterTrustBundles()
	wanted := &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: keptBundle},
		Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: keptSigner, TrustBundle: string(pem)}}
	live, err := bundles.Get(t.Context(), keptBundle, metav1.GetOptions{})
	if err != nil {
		_, err = bundles.Create(t.Context(), wanted, metav1.CreateOptions{})
	} else {
		wanted.ResourceVersion = live.ResourceVersion
		_, err = bundles.Update(t.Context(), wanted, metav1.UpdateOptions{})
	}
	must(t, err)
}

// measure has new configurations filled, and their CA rotated.
func (f *filler) measure(t *testing.T, client kubernetes.Interface, n int, first, second *testCA) map[string]costs {
	t.Helper()
	createTargets(t, client, n, f.asking)
	f.publish(first.pem())
	m := newMeter(t, shared.Config())
	before := costs{at: time.Now()}
	server := f.start(m)
	done := map[string]costs{}
	step := func(what string, has, hasNot []*testCA) {
		took := awaitFilled(t, client, n, has, hasNot).Sub(before.at)
		m.awaitQuiet(t)
		now := m.read(t, server)
		done[what] = now.since(before, took)
		t.Logf("%-10s %-6s %s", f.name, what, done[what])
		before = m.read(t, server)
	}
	step("fill", []*testCA{first}, []*testCA{second})
	afterFill := before
	if !f.removes {
		f.publish(second.pem())
		step("rotate", []*testCA{second}, nil)
	} else {
		f.publish(append(first.pem(), second.pem()...))
		step("add", []*testCA{first, second}, nil)
		f.publish(second.pem())
		step("remove", []*testCA{second}, []*testCA{first})
		done["rotate"] = before.since(afterFill, done["add"].took+done["remove"].took)
	}
	<-time.After(10 * time.Second)
	t.Logf("%-10s %-6s %s", f.name, "idle", m.read(t, server).since(before, 10*time.Second))
	must(t, server.Stop())
	must(t, client.AdmissionregistrationV1().ValidatingWebhookConfigurations().DeleteCollection(t.Context(),
		metav1.DeleteOptions{}, metav1.ListOptions{}))
	return done
}

// clusterAdmin is a ServiceAccount that may do everything, as cert-manager's programs may do nearly.
func clusterAdmin(t *testing.T, client kubernetes.Interface, namespace string) *rest.Config {
	t.Helper()
	_, err := client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "default"}},
	}, metav1.CreateOptions{})
	must(t, err)
	cfg, err := shared.ServiceAccountConfig(t.Context(), namespace, "default")
	must(t, err)
	return cfg
}

func peerKubeconfig(t *testing.T, cfg *rest.Config) string {
	t.Helper()
	kubeconfig, err := shared.WriteKubeconfig(cfg, "peer")
	must(t, err)
	return kubeconfig
}
