// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hookstrap/hookstrap/pkg/handler"
	"github.com/hookstrap/hookstrap/pkg/handler/config"
)

type none struct{}

// definitions are checks that show what a check is given offline.
func definitions() []handler.Definition {
	return []handler.Definition{
		handler.Define("team", handler.Doc{Summary: "Objects have a team.", Why: "Somebody must be asked.", URL: "https://example.com/team"}, func() none { return none{} },
			func(none, handler.Environment) (handler.Check, error) {
				return handler.CheckFor("team", hasTeam), nil
			}).WithDefaultMode(handler.Deny),
		handler.Define("place", handler.Doc{Summary: "Says where."}, func() none { return none{} },
			func(none, handler.Environment) (handler.Check, error) {
				return handler.CheckFor("place", saysWhere), nil
			}),
		handler.Define("hosts", handler.Doc{Summary: "Hosts are unique."}, func() none { return none{} },
			func(_ none, env handler.Environment) (handler.Check, error) {
				return handler.CheckFor("hosts", uniqueHosts(env)), nil
			}, &networkingv1.Ingress{}, &corev1.Namespace{}),
	}
}

func hasTeam(_ context.Context, _ *handler.Request, obj *metav1.PartialObjectMetadata) []handler.Violation {
	if obj.Labels["team"] != "" {
		return nil
	}
	return []handler.Violation{handler.Violationf(field.NewPath("metadata", "labels").Key("team"), "say which team")}
}

func saysWhere(_ context.Context, r *handler.Request, obj *metav1.PartialObjectMetadata) []handler.Violation {
	return []handler.Violation{{Message: strings.Join([]string{string(r.Operation), r.Resource.Resource, r.Resource.Group, r.Resource.Version,
		"in", r.Namespace, "object in", obj.Namespace, "by", r.UserInfo.Username}, " ")}}
}

func uniqueHosts(env handler.Environment) func(context.Context, *handler.Request, *networkingv1.Ingress) []handler.Violation {
	return func(ctx context.Context, _ *handler.Request, ingress *networkingv1.Ingress) []handler.Violation {
		var all networkingv1.IngressList
		if err := env.Cluster.List(ctx, &all); err != nil {
			return []handler.Violation{{Message: err.Error()}}
		}
		var found []handler.Violation
		for i, rule := range ingress.Spec.Rules {
			for _, other := range all.Items {
				if other.Name != ingress.Name && len(other.Spec.Rules) > 0 && other.Spec.Rules[0].Host == rule.Host {
					var namespace corev1.Namespace
					if err := env.Cluster.Get(ctx, client.ObjectKey{Name: other.Namespace}, &namespace); err != nil {
						return []handler.Violation{{Message: err.Error()}}
					}
					path := field.NewPath("spec", "rules").Index(i).Child("host")
					found = append(found, handler.Violationf(path, "%s also has it, whose team is %s", other.Name, namespace.Labels["team"]))
				}
			}
		}
		return found
	}
}

func configuration(t *testing.T, checks string) config.Configuration {
	t.Helper()
	c, err := config.Parse([]byte("apiVersion: hookstrap.dev/v1alpha1\nkind: CheckConfiguration\nchecks: "+checks+"\n"), definitions())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tree writes files, and returns the directory that they are in.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// judge judges files by checks, and returns the report with the directory taken out of it.
func judge(t *testing.T, checks string, files map[string]string, change ...func(*Options)) *Report {
	t.Helper()
	dir := tree(t, files)
	o := Options{Paths: []string{dir}, Configuration: configuration(t, checks), Scheme: scheme.Scheme, Input: strings.NewReader("")}
	for _, c := range change {
		c(&o)
	}
	report, err := Judge(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Findings {
		report.Findings[i].File = strings.TrimPrefix(report.Findings[i].File, dir+"/")
	}
	return report
}

func text(t *testing.T, r *Report) string {
	t.Helper()
	var out strings.Builder
	if err := r.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
