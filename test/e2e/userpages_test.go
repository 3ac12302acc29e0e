// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
	"github.com/hookstrap/hookstrap/test/e2e/process"
	"github.com/hookstrap/hookstrap/test/e2e/site"
)

// TestQuickstartPages runs, on a cluster of its own, the commands of the quick start, of an upgrade, of the platforms and
// of metrics-server, in this order. Where a page waits for a rollout, the test starts the server as the Pod would: with
// the arguments of the Deployment, and the rights of its ServiceAccount.
func TestQuickstartPages(t *testing.T) {
	t.Parallel()
	q := &quickstart{cluster: clustertest.Start(t), dir: t.TempDir()}
	must(t, os.CopyFS(filepath.Join(q.dir, "manifests"), os.DirFS(filepath.Join(site.Root(), "manifests"))))
	q.runQuickstart(t)
	q.run(t, "docs/upgrade.md", map[string]func(){rolloutOf("hookstrap"): func() { q.rollOut(t) }})
	q.run(t, "docs/platforms.md", map[string]func(){
		// Two lines of one command, which needs a Google account.
		"gcloud compute firewall-rules create hookstrap --network NETWORK --direction INGRESS --allow tcp:9443 \\": func() {},
		"--source-ranges CONTROL_PLANE_CIDR --target-tags NODE_TAG":                                                func() {},
	})
	q.runAPIServices(t)
}

func rolloutOf(deployment string) string {
	return "kubectl -n hookstrap-system rollout status deployment/" + deployment
}

// quickstart is an install on a cluster, in whose directory the commands of a page run.
type quickstart struct {
	cluster *cluster.Cluster
	dir     string
	address string
	server  *process.Server
}

func (q *quickstart) run(t *testing.T, page string, instead map[string]func()) string {
	t.Helper()
	return runPage(t, q.cluster, pageRun{page: page, dir: q.dir, instead: instead})
}

func (q *quickstart) runQuickstart(t *testing.T) {
	t.Helper()
	nothing := func() {} // It needs Docker.
	said := q.run(t, "docs/quickstart.md", map[string]func(){
		"kind create cluster --name hookstrap":                         nothing,
		"docker build --tag hookstrap:quickstart .":                    nothing,
		"kind load docker-image hookstrap:quickstart --name hookstrap": nothing,
		"kind delete cluster --name hookstrap":                         nothing,
		rolloutOf("hookstrap"):                                         func() { q.start(t) }, // The page waits.
		rolloutOf("hookstrap --timeout=5m"):                            func() { q.rollOut(t) },
	})
	for _, want := range []string{"Approved,Issued", "BEGIN CERTIFICATE", "Warning: imageTag", "pod/web created (server dry run)",
		"denied the request"} {
		if !strings.Contains(said, want) {
			t.Errorf("the commands do not say %q:\n%s", want, said)
		}
	}
}

// rollOut starts the server, and waits until it is asked.
func (q *quickstart) rollOut(t *testing.T) {
	t.Helper()
	q.start(t)
	q.awaitAsked(t)
}

// start replaces the running server by one with the arguments and the configuration that the cluster has now.
func (q *quickstart) start(t *testing.T) {
	t.Helper()
	const name, namespace = "hookstrap", "hookstrap-system"
	admin := mustClient(t, q.cluster.Config())
	if q.server == nil {
		var err error
		q.address, err = site.Route(t.Context(), admin, namespace, name, name)
		must(t, err)
		t.Cleanup(func() {
			q.server.Kill()
			if t.Failed() {
				t.Logf("webhook serve has logged:\n%s", q.server.Log())
			}
		})
	} else {
		must(t, q.server.Stop())
	}
	deployment, err := admin.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	pod := deployment.Spec.Template.Spec
	container := pod.Containers[0]
	cfg, err := q.cluster.ServiceAccountConfig(t.Context(), namespace, pod.ServiceAccountName)
	must(t, err)
	kubeconfig, err := q.cluster.WriteKubeconfig(cfg, name)
	must(t, err)
	host, port, err := net.SplitHostPort(q.address)
	must(t, err)
	args := slices.DeleteFunc(container.Args[1:], func(arg string) bool { // What names a directory of the Pod.
		return strings.HasPrefix(arg, "--config=") || strings.HasPrefix(arg, "--listener-socket=") ||
			strings.HasPrefix(arg, "--cert-dir=")
	})
	executable, err := binary()
	must(t, err)
	q.server, err = process.Start(context.WithoutCancel(t.Context()), process.Options{
		Binary: executable,
		Args: append(args, "--kubeconfig="+kubeconfig, "--config="+q.checks(t, pod.Volumes), "--bind-address="+host,
			"--secure-port="+port, "--health-probe-bind-address=0", "--metrics-bind-address=0", "--shutdown-delay=0s"),
		Env: []string{"SERVICE_NAME=" + name, "POD_NAMESPACE=" + namespace, "POD_NAME=hookstrap-0", "POD_IPS=10.244.0.7",
			"POD_SERVICE_ACCOUNT=" + pod.ServiceAccountName},
	})
	must(t, err)
	awaitPhase(t, q.server, "ready", 1)
}

// awaitAsked waits until the webhook is in force: some seconds after the API server can call the server.
func (q *quickstart) awaitAsked(t *testing.T) {
	t.Helper()
	clustertest.Eventually(t, func(ctx context.Context) error {
		said, err := q.cluster.Kubectl(ctx, "run", "web", "--image=nginx", "--dry-run=server").CombinedOutput()
		if !strings.Contains(string(said), "imageTag") {
			return fmt.Errorf("the server was not asked about a Pod: %w: %s", errOrNil(err), said)
		}
		return nil
	})
}

// checks writes the configuration file that the Pod would mount, and returns its path.
func (q *quickstart) checks(t *testing.T, volumes []corev1.Volume) string {
	t.Helper()
	for _, volume := range volumes {
		if volume.ConfigMap == nil {
			continue
		}
		found, err := mustClient(t, q.cluster.Config()).CoreV1().ConfigMaps("hookstrap-system").Get(t.Context(),
			volume.ConfigMap.Name, metav1.GetOptions{})
		must(t, err)
		file := filepath.Join(t.TempDir(), "checks.yaml")
		must(t, os.WriteFile(file, []byte(found.Data["checks.yaml"]), 0o600))
		return file
	}
	t.Fatal("the Pod mounts no ConfigMap")
	return ""
}

// runAPIServices runs the commands about metrics-server, with an APIService as metrics-server's manifests have it. The
// sidecar is one that has the rights which the page gives it.
func (q *quickstart) runAPIServices(t *testing.T) {
	t.Helper()
	e := &example{cluster: q.cluster, namespace: metav1.NamespaceSystem, service: "metrics-server", account: "metrics-server"}
	e.kubectl(t, `
apiVersion: v1
kind: ServiceAccount
metadata: {name: metrics-server, namespace: kube-system}
---
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec:
  ports: [{name: https, port: 443, targetPort: https}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: metrics-server, namespace: kube-system}
`, "apply", "-f", "-")
	q.run(t, "docs/apiservices.md", nil)
	var pod corev1.PodSpec
	must(t, yaml.UnmarshalStrict([]byte(pageBlock(t, "docs/apiservices.md", "```yaml\n# pod.yaml\n")), &pod))
	cfg, err := q.cluster.ServiceAccountConfig(t.Context(), e.namespace, e.account)
	must(t, err)
	kubeconfig, err := q.cluster.WriteKubeconfig(cfg, "metrics-server")
	must(t, err)
	executable, err := binary()
	must(t, err)
	issuer, err := process.Start(context.WithoutCancel(t.Context()), process.Options{Binary: executable, Command: "issue",
		Args: append(pod.Containers[0].Args[1:], "--kubeconfig="+kubeconfig, "--cert-dir="+t.TempDir(),
			"--health-probe-bind-address=0", "--metrics-bind-address=0"),
		Env: []string{"POD_NAMESPACE=" + e.namespace, "POD_SERVICE_ACCOUNT=" + e.account, "POD_NAME=metrics-server-0",
			"POD_IPS=10.244.0.8"}})
	must(t, err)
	t.Cleanup(issuer.Kill)
	awaitPhase(t, issuer, "trusted", 1)
}

// TestPlatformsPage: the overlays of docs/platforms.md do what they are for.
func TestPlatformsPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.CopyFS(filepath.Join(dir, "manifests"), os.DirFS(filepath.Join(site.Root(), "manifests"))))
	for _, file := range []string{"port/kustomization.yaml", "hostnetwork/kustomization.yaml",
		"hostnetwork/hostnetwork/kustomization.yaml", "openshift/kustomization.yaml"} {
		block := pageBlock(t, "docs/platforms.md", "```yaml\n# "+file+"\n")
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, file), []byte(block), 0o600))
	}
	for overlay, want := range map[string][]string{
		"port": {"- --secure-port=10250", "containerPort: 10250"},
		"hostnetwork": {"hostNetwork: true", "enforce: privileged", "dnsPolicy: ClusterFirstWithHostNet",
			"maxSurge: 0"},
		"openshift": {"runAsNonRoot: true"},
	} {
		out, err := shared.Kubectl(t.Context(), "kustomize", filepath.Join(dir, overlay)).CombinedOutput()
		must(t, err)
		for _, text := range want {
			if !strings.Contains(string(out), text) {
				t.Errorf("the overlay %s does not have %q", overlay, text)
			}
		}
		if n := strings.Count(string(out), "- --secure-port=10250"); overlay == "port" && n != 2 {
			t.Errorf("%d containers have the other port, want the server and the holder", n)
		}
		if overlay == "openshift" && strings.Contains(string(out), "runAsUser") {
			t.Error("the overlay openshift has a fixed user")
		}
	}
}

// TestKubebuilderPage: the commands make of the project without our files the one with them, which kubectl renders.
func TestKubebuilderPage(t *testing.T) {
	t.Parallel()
	dir, original := t.TempDir(), filepath.Join(site.Root(), "examples", "kubebuilder")
	must(t, os.CopyFS(dir, os.DirFS(original)))
	rules := filepath.Join("config", "rbac", "hookstrap.yaml")
	must(t, os.Remove(filepath.Join(dir, rules)))
	list := filepath.Join(dir, "config", "rbac", "kustomization.yaml")
	text, err := os.ReadFile(list)
	must(t, err)
	must(t, os.WriteFile(list, []byte(strings.Replace(string(text), "- hookstrap.yaml\n", "", 1)), 0o600))
	runPage(t, shared, pageRun{page: "docs/kubebuilder.md", dir: dir, instead: map[string]func(){
		"kubectl apply -k config/default": func() {},
		"kubectl -n kubebuilder-system rollout status deployment/kubebuilder-controller-manager": func() {},
		"kubectl create -f config/samples/storage_v1beta1_backup.yaml":                           func() {},
		"kubectl get backups.v1.storage.example.com backup-sample -o yaml":                       func() {},
	}})
	has, err := os.ReadFile(filepath.Join(dir, rules))
	must(t, err)
	want, err := os.ReadFile(filepath.Join(original, rules))
	must(t, err)
	if string(has) != string(want) {
		t.Errorf("%s is now\n%s", rules, has)
	}
	before, err := shared.Kubectl(t.Context(), "kustomize", filepath.Join(original, "config/default")).Output()
	must(t, err)
	now, err := shared.Kubectl(t.Context(), "kustomize", filepath.Join(dir, "config/default")).Output()
	must(t, err)
	if string(before) != string(now) {
		t.Error("kubectl kustomize config/default renders something else")
	}
}

// TestTLSPage: what docs/tls.md says of the defaults and of FIPS mode holds of the server that is running.
func TestTLSPage(t *testing.T) {
	t.Parallel()
	if said := runPage(t, shared, pageRun{page: "docs/tls.md"}); !strings.Contains(said, "go1") {
		t.Errorf("the command says %q", said)
	}
	for mode, want := range map[string]map[tls.CurveID]bool{
		"off": {tls.X25519MLKEM768: true, tls.X25519: true, tls.CurveP256: true},
		"on":  {tls.X25519MLKEM768: true, tls.X25519: false, tls.CurveP256: true},
	} {
		t.Run("FIPS "+mode, func(t *testing.T) {
			s := site.New(t, shared, site.Options{})
			server := startProcessIn(t, s, s.Config(t), []string{"GODEBUG=fips140=" + mode})
			awaitPhase(t, server, "ready", 1)
			for curve, accepted := range want {
				if err := handshakeWith(t.Context(), address(s), curve); (err == nil) != accepted {
					t.Errorf("a handshake with %s alone: %v; want it accepted: %t", curve, err, accepted)
				}
			}
		})
	}
}

func handshakeWith(ctx context.Context, address string, curve tls.CurveID) error {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, // #nosec G402 -- only what is negotiated matters.
		MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{curve}}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
