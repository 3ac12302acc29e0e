// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// connectTo is what an API server sends when somebody connects to Pod db-0 in namespace shop.
func connectTo(t *testing.T, subresource, options string) *handler.Request {
	t.Helper()
	kind := map[string]string{"exec": "PodExecOptions", "attach": "PodAttachOptions", "portforward": "PodPortForwardOptions", "proxy": "PodProxyOptions"}
	req := requestOf(t, admissionv1.Connect, `{apiVersion: v1, kind: `+kind[subresource]+`, `+options+`}`)
	req.Resource, req.SubResource = metav1.GroupVersionResource{Version: "v1", Resource: "pods"}, subresource
	req.Name, req.Namespace = "db-0", "shop"
	return req
}

func TestPodConnect(t *testing.T) {
	const in = `container: app`
	for title, tt := range map[string]struct{ params, subresource, options, want string }{
		"exec":                          {``, "exec", in, `container: exec to container "app" of Pod "db-0" is not allowed`},
		"attach":                        {``, "attach", in, `container: attach to container "app" of Pod "db-0" is not allowed`},
		"port-forward":                  {``, "portforward", `ports: [80]`, `: portforward to Pod "db-0" is not allowed`},
		"no container":                  {``, "exec", ``, `: exec to Pod "db-0" is not allowed`},
		"a proxy":                       {``, "proxy", `path: /`, ``},
		"another way":                   {`subresources: [attach]`, "exec", in, ``},
		"in the namespace":              {`namespaces: [shop]`, "exec", in, `container: exec to container "app" of Pod "db-0" is not allowed`},
		"in another":                    {`namespaces: [pci, "shop-*"]`, "exec", in, ``},
		"the Pod":                       {`pods: ["db-*"]`, "exec", in, `container: exec to container "app" of Pod "db-0" is not allowed`},
		"another Pod":                   {`pods: [db]`, "exec", in, ``},
		"the container":                 {`containers: ["a*"]`, "exec", in, `container: exec to container "app" of Pod "db-0" is not allowed`},
		"another container":             {`containers: [db]`, "exec", in, ``},
		"another container, by default": {`containers: [db]`, "attach", ``, `: attach to Pod "db-0" is not allowed; name a container that is allowed`},
		"ports of all containers":       {`containers: [db]`, "portforward", ``, `: portforward to Pod "db-0" is not allowed`},
	} {
		t.Run(title, func(t *testing.T) {
			check, req := built(t, definition(t, "podConnect"), tt.params), connectTo(t, tt.subresource, tt.options)
			got, err := check.Evaluate(t.Context(), req)
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if diff := cmp.Diff(want, shown(got)); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if response := answer(t, check, req); response.Allowed != (tt.want == "") {
				t.Errorf("the server says %v", response)
			}
			req.Operation = admissionv1.Create
			if response := answer(t, check, req); !response.Allowed {
				t.Errorf("no connection: %v", response)
			}
		})
	}
	testInvalid(t, "podConnect", `{subresources: [exec, proxy], pods: [""], namespaces: [a, ""], containers: [""]}`,
		"p.subresources[1]", "p.namespaces[1]", "p.pods[0]", "p.containers[0]")
	testInvalid(t, "podConnect", `subresources: []`, "p.subresources")
	testInvalid(t, "podConnect", `{namespaces: [Shop, "*"], pods: ["web-*.x", "web_*"], containers: ["*-proxy", "a.b"]}`,
		"p.namespaces[0]", "p.pods[1]", "p.containers[1]")
}

// Users and groups that may connect are exempt, as from any check.
func TestPodConnectExemptions(t *testing.T) {
	for group, allowed := range map[string]bool{"sre": true, "developers": false} {
		req := connectTo(t, "exec", `container: app`)
		req.UserInfo.Groups = []string{group}
		got := answerOf(t, handler.Options{Entries: []handler.Entry{{
			Check: built(t, definition(t, "podConnect"), ""), Exempt: handler.Exemptions{Groups: []string{"sre"}},
		}}}, req)
		if got.Allowed != allowed {
			t.Errorf("%s: %v", group, got)
		}
	}
}
