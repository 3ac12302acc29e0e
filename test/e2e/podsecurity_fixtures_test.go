// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	pstest "k8s.io/pod-security-admission/test"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/hookstrap/hookstrap/test/e2e/cluster"
	"github.com/hookstrap/hookstrap/test/e2e/cluster/clustertest"
)

// The labels by which the rules of the check tell the level and the version that a namespace is held to.
const (
	levelLabel   = "example.com/level"
	versionLabel = "example.com/version"
	fixtureLabel = "example.com/fixtures"
)

// fixture is a Pod of the library's own tests, with the verdict that its authors want.
type fixture struct {
	level, version, name string
	pod                  *corev1.Pod
	wantAllowed          bool
}

func (f fixture) namespace(prefix string) string {
	return prefix + "-" + f.level + "-" + strings.ReplaceAll(f.version, ".", "-")
}

// The official fixtures of the Pod Security Standards: for every level, version and control, Pods that are just good
// enough and Pods that are not. Our server, asked by the API server, says what the library says of what the API server
// sent, and what the fixture's authors want; of each Pod, and of a Deployment that makes such Pods.
func TestPodSecurityFixtures(t *testing.T) {
	s := newCheckSite(t)
	client := impatient(t)
	fixtures := podSecurityFixtures(t)
	if !keepsProcMount(t, client) {
		fixtures = slices.DeleteFunc(fixtures, func(f fixture) bool { return strings.Contains(f.name, "/fail/procmount") })
	}
	s.only(t, definitionOf(t, "podSecurity"), rulesFor(fixtures))
	prepareNamespaces(t, s, fixtures)

	tally := &tally{site: s, counts: map[string]int{}}
	var group errgroup.Group
	group.SetLimit(4)
	for _, f := range fixtures {
		group.Go(func() error {
			tally.judge(t, client, f)
			return nil
		})
	}
	must(t, group.Wait())
	t.Logf("%d fixtures of %d levels and versions: %v", len(fixtures), len(levelsOf(fixtures)), tally.counts)
	for _, kind := range []string{"Pod", "Deployment"} {
		if tally.counts[kind+" allowed"] < 1000 || tally.counts[kind+" denied"] < 3000 {
			t.Errorf("too few verdicts about %ss: this test proves nothing", kind)
		}
	}
}

// keepsProcMount says whether the API server passes the field on. Older ones take it out of every Pod.
func keepsProcMount(t *testing.T, client kubernetes.Interface) bool {
	t.Helper()
	unmasked := &corev1.SecurityContext{ProcMount: new(corev1.UnmaskedProcMount)}
	pod, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "unmasked"},
		Spec: corev1.PodSpec{
			HostUsers: new(false), Containers: []corev1.Container{{Name: "app", Image: "x:1", SecurityContext: unmasked}}},
	}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	must(t, err)
	kept := ptr.Deref(pod.Spec.Containers[0].SecurityContext.ProcMount, "") == corev1.UnmaskedProcMount
	t.Logf("the API server keeps procMount: %t", kept)
	return kept
}

// podSecurityFixtures reads them from the source of the library's module.
func podSecurityFixtures(t *testing.T) []fixture {
	t.Helper()
	file, _ := runtime.FuncForPC(reflect.ValueOf(pstest.GetMinimalValidPod).Pointer()).FileLine(0)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(file), "testdata", "*", "*", "*", "*.yaml"))
	must(t, err)
	var fixtures []fixture
	for _, path := range files {
		data, err := os.ReadFile(path)
		must(t, err)
		pod := &corev1.Pod{}
		must(t, yaml.UnmarshalStrict(data, pod))
		parts := strings.Split(path, string(filepath.Separator))
		parts = parts[len(parts)-4:]
		fixtures = append(fixtures, fixture{
			level: parts[0], version: parts[1], name: strings.Join(parts, "/"), pod: pod, wantAllowed: parts[2] == "pass",
		})
	}
	if len(fixtures) < 4000 {
		t.Fatalf("only %d fixtures beside %s", len(fixtures), file)
	}
	return fixtures
}

func levelsOf(fixtures []fixture) sets.Set[[2]string] {
	levels := sets.New[[2]string]()
	for _, f := range fixtures {
		levels.Insert([2]string{f.level, f.version})
	}
	return levels
}

// rulesFor are parameters with a rule for every level and version.
func rulesFor(fixtures []fixture) string {
	text := "level: privileged\nrules:\n"
	for l := range levelsOf(fixtures) {
		text += fmt.Sprintf("- namespaceSelector: {matchLabels: {%s: %s, %s: %s}}\n  level: %s\n  version: %s\n",
			levelLabel, l[0], versionLabel, l[1], l[0], l[1])
	}
	return text
}

// prepareNamespaces makes a namespace for every level and version, which is up to our check alone, and has the webhook
// asked about those.
func prepareNamespaces(t *testing.T, s *checkSite, fixtures []fixture) {
	t.Helper()
	for l := range levelsOf(fixtures) {
		name := fixture{level: l[0], version: l[1]}.namespace(s.Namespace)
		_, err := s.Admin.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				levelLabel: l[0], versionLabel: l[1], fixtureLabel: s.Namespace,
				psapi.EnforceLevelLabel: string(psapi.LevelPrivileged),
			},
		}}, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() {
			_ = s.Admin.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{})
		})
	}
	configuration, err := s.LiveConfiguration(t.Context())
	must(t, err)
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].NamespaceSelector = &metav1.LabelSelector{
			MatchLabels: map[string]string{fixtureLabel: s.Namespace},
		}
	}
	_, err = s.Admin.AdmissionregistrationV1().ValidatingWebhookConfigurations().Update(t.Context(), configuration,
		metav1.UpdateOptions{})
	must(t, err)
	client := impatient(t)
	for l := range levelsOf(fixtures) {
		name := fixture{level: l[0], version: l[1]}.namespace(s.Namespace)
		clustertest.EventuallyWithin(t, 2*time.Minute, func(ctx context.Context) error {
			return cluster.NamespaceReady(ctx, client, name)
		})
		clustertest.Eventually(t, func(ctx context.Context) error { return asked(ctx, client, name) })
	}
}

// asked says whether the API server asks us about the namespace's Pods by now.
func asked(ctx context.Context, client kubernetes.Interface, namespace string) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "probe"},
		Spec:       corev1.PodSpec{HostPID: true, Containers: []corev1.Container{{Name: "app", Image: "x:1"}}},
	}
	_, err := client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if !byUs(err) {
		return fmt.Errorf("a Pod with hostPID in namespace %s: %w", namespace, admittedOr(err))
	}
	return nil
}

// byUs says whether an error is a denial of our check.
func byUs(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "denied by 1 check: podSecurity: ")
}

// impatient is an administrator's client without a limit on its requests.
func impatient(t *testing.T) kubernetes.Interface {
	t.Helper()
	cfg := rest.CopyConfig(shared.Config())
	cfg.QPS = -1
	cfg.WarningHandlerWithContext = rest.NoWarnings{}
	return mustClient(t, cfg)
}

// tally counts verdicts.
type tally struct {
	site   *checkSite
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// judge compares the three verdicts about a fixture, as a Pod and as a template.
func (c *tally) judge(t *testing.T, client kubernetes.Interface, f fixture) {
	t.Helper()
	namespace, dryRun := f.namespace(c.site.Namespace), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	if allowed := libraryAllows(t, f); allowed != f.wantAllowed {
		t.Errorf("%s: the library says allowed: %t", f.name, allowed)
	}
	pod := f.pod.DeepCopy()
	pod.Name, pod.Spec.ServiceAccountName = "fixture", "default" // what the fixtures are called is no name for a Pod
	_, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, dryRun)
	c.compare(t, "Pod", f, err)

	labels := map[string]string{"app": "fixture"}
	template := corev1.PodTemplateSpec{ObjectMeta: *pod.ObjectMeta.DeepCopy(), Spec: pod.Spec}
	template.Name, template.Labels = "", labels
	_, err = client.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "fixture"},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}, dryRun)
	c.compare(t, "Deployment", f, err)
}

// compare holds what came of a creation against what is wanted. The fixtures for procMount of v1.35 and later, and to older
// API servers those with probes of init containers, are no valid Pods for the API server, which refuses them before it asks
// a webhook; so the server is asked without it.
func (c *tally) compare(t *testing.T, kind string, f fixture, err error) {
	t.Helper()
	switch {
	case err == nil && f.wantAllowed:
		c.add(kind + " allowed")
	case byUs(err) && !f.wantAllowed:
		c.add(kind + " denied")
	case apierrors.IsInvalid(err) && !f.wantAllowed && (strings.Contains(err.Error(), "procMount") ||
		strings.Contains(err.Error(), "may not be set for init containers")):
		c.add(kind + " refused by the API server itself, denied when asked about")
		c.wantDenied(t, f)
	default:
		t.Errorf("%s %s: wanted allowed: %t, got %v", kind, f.name, f.wantAllowed, err)
	}
}

// wantDenied asks our server itself.
func (c *tally) wantDenied(t *testing.T, f fixture) {
	t.Helper()
	object, err := json.Marshal(f.pod)
	must(t, err)
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "fixture", Operation: admissionv1.Create, Namespace: f.namespace(c.site.Namespace),
			Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: string(corev1.ResourcePods)},
			Object:   apiruntime.RawExtension{Raw: object},
		},
	})
	must(t, err)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	c.site.handler.ServeHTTP(w, r)
	var review admissionv1.AdmissionReview
	must(t, json.Unmarshal(w.Body.Bytes(), &review))
	if review.Response.Allowed || review.Response.Result.Reason != metav1.StatusReasonForbidden {
		t.Errorf("%s: the server itself says %+v", f.name, review.Response)
	}
}

// libraryAllows asks the library about the Pod with the one default of the API server that matters to it.
func libraryAllows(t *testing.T, f fixture) bool {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	must(t, err)
	version, err := psapi.ParseVersion(f.version)
	must(t, err)
	pod := f.pod.DeepCopy()
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.VolumeSource == (corev1.VolumeSource{}) {
			v.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	level := psapi.LevelVersion{Level: psapi.Level(f.level), Version: version}
	return policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec)).Allowed
}
