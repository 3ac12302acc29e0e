// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestImageTag(t *testing.T) {
	const allowed, denied = true, false
	type verdicts struct{ byDefault, allowLatest, requireDigest bool }
	tests := map[string]verdicts{
		"nginx":                           {denied, allowed, denied},
		"nginx:latest":                    {denied, allowed, denied},
		"nginx:1.29":                      {allowed, allowed, denied},
		"nginx:latest-alpine":             {allowed, allowed, denied},
		"docker.io/library/nginx":         {denied, allowed, denied},
		"registry:5000/app":               {denied, allowed, denied},
		"registry:5000/app:latest":        {denied, allowed, denied},
		"registry:5000/app:2":             {allowed, allowed, denied},
		"app@" + someDigest:               {allowed, allowed, allowed},
		"app:1@" + someDigest:             {allowed, allowed, allowed},
		"app:latest@" + someDigest:        {allowed, allowed, allowed},
		"registry:5000/app@" + someDigest: {allowed, allowed, allowed},
		"app@sha256:abc":                  {denied, denied, denied},
		"app:":                            {denied, denied, denied},
		"APP:1":                           {denied, denied, denied},
		"":                                {denied, denied, denied},
		"  ":                              {denied, denied, denied},
		" app:1":                          {denied, denied, denied},
	}
	for image, want := range tests {
		t.Run(image, func(t *testing.T) {
			got := verdicts{
				byDefault:     len(evaluate(t, ImageTag{}, podWith(image))) == 0,
				allowLatest:   len(evaluate(t, ImageTag{AllowLatest: true}, podWith(image))) == 0,
				requireDigest: len(evaluate(t, ImageTag{RequireDigest: true}, podWith(image))) == 0,
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestImageTagSeesAllThatRuns(t *testing.T) {
	pod := podWith("good:1", "nginx")
	pod.Spec.InitContainers = []corev1.Container{{Name: "setup", Image: "busybox"}}
	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "app:"},
	}}
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "scratch"},
		{Name: "later", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{}}},
		{Name: "model", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "m:latest"}}},
	}
	for name, h := range holders(pod) {
		t.Run(name, func(t *testing.T) {
			want := []string{
				h.path + `.initContainers[0].image: init container "setup": image "busybox" has no tag, ` +
					`which means "latest"; add one, as in busybox:1.2.3`,
				h.path + `.containers[1].image: container "b": image "nginx" has no tag, ` +
					`which means "latest"; add one, as in nginx:1.2.3`,
				h.path + `.ephemeralContainers[0].image: ephemeral container "debug": image "app:" is not a valid ` +
					`reference: its tag must be 1 to 128 letters, digits, '_', '.' or '-'`,
				h.path + `.volumes[2].image.reference: volume "model": image "m:latest" has the tag "latest", ` +
					`which is another image tomorrow; name a version`,
			}
			if diff := cmp.Diff(want, shown(evaluate(t, ImageTag{}, h.obj))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestImageTagIdentity(t *testing.T) {
	got := identities(evaluate(t, ImageTag{}, podWith("x:1", "nginx")))
	moved := podWith("x:1", "nginx")
	moved.Spec.Containers[0], moved.Spec.Containers[1] = moved.Spec.Containers[1], moved.Spec.Containers[0]
	if diff := cmp.Diff(got, identities(evaluate(t, ImageTag{}, moved))); diff != "" {
		t.Errorf("a container that moves is a new violation: %s", diff)
	}
	if cmp.Equal(got, identities(evaluate(t, ImageTag{}, podWith("x:1", "redis")))) {
		t.Error("another image is the same violation")
	}
}

func TestImageTagLeavesOthersAlone(t *testing.T) {
	if got := evaluate(t, ImageTag{}, &corev1.Service{}); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	req := create(t, podWith("nginx"))
	req.Object.Raw = []byte(`{"spec":5}`)
	if _, err := (ImageTag{}).Evaluate(t.Context(), req); err == nil {
		t.Error("a Pod that cannot be read is fine")
	}
}

// Tags are denied by patterns, unless a digest says what runs.
func TestDeniedTags(t *testing.T) {
	denied := func(ref, tag string) []string {
		return []string{`spec.containers[0].image: container "a": image "` + ref + `" has the tag "` + tag + `", which is denied; name another version`}
	}
	image := func(ref string) string { return podSpec(`{containers: [{name: a, image: "` + ref + `"}]}`) }
	const params = `deniedTags: [dev, "*-SNAPSHOT", "v0.*", "*rc*"]`
	testRows(t, "imageTag", map[string]row{
		"the tag":             {params: params, object: image("app:dev"), want: denied("app:dev", "dev")},
		"a tag like it":       {params: params, object: image("app:develop")},
		"in another case":     {params: params, object: image("app:DEV")},
		"its end":             {params: params, object: image("r:5000/app:1-SNAPSHOT"), want: denied("r:5000/app:1-SNAPSHOT", "1-SNAPSHOT")},
		"its beginning":       {params: params, object: image("app:v0.3"), want: denied("app:v0.3", "v0.3")},
		"in its middle":       {params: params, object: image("app:1.0-rc.1"), want: denied("app:1.0-rc.1", "1.0-rc.1")},
		"a digest beside it":  {params: params, object: image("app:dev@" + someDigest)},
		"latest, by its name": {params: `{allowLatest: true, deniedTags: [latest]}`, object: image("app:latest"), want: denied("app:latest", "latest")},
		"latest, by none":     {params: `{allowLatest: true, deniedTags: ["lat*"]}`, object: image("app"), want: denied("app", "latest")},
		"latest is another":   {params: `{allowLatest: true, deniedTags: [dev]}`, object: image("app")},
	})
	testInvalid(t, "imageTag", `deniedTags: ["", "a b", "*", ok, "a/b", ":x", "-x"]`, "p.deniedTags[0]", "p.deniedTags[1]",
		"p.deniedTags[4]", "p.deniedTags[5]", "p.deniedTags[6]")
	testInvalid(t, "imageTag", `{requireDigest: true, deniedTags: [dev]}`, "p.deniedTags")
	testUpdate(t, "imageTag", params, image("app:dev"), image("app:dev"), true)
	testUpdate(t, "imageTag", params, image("app:dev"), image("app:x-SNAPSHOT"), false)
}
