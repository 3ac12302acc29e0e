// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// holder has something of any kind in it.
type holder struct {
	Spec map[string]any `json:"spec"`
}

// schema is one of those types that have themselves in them, behind a decoder of their own.
type schema struct {
	Items *schemas `json:"items"`
	_     [64]string
}

type schemas struct {
	Of    []schema `json:"of"`
	Items *schemas `json:"items"`
}

func (s *schemas) UnmarshalJSON(text []byte) error {
	type plain schemas
	return json.Unmarshal(text, (*plain)(s))
}

func deep(open, inner, end string, levels int) string {
	return strings.Repeat(open, levels) + inner + strings.Repeat(end, levels)
}

// list is n times the item, where %d is a number of its own.
func list(n int, item string) string {
	var text strings.Builder
	for i := range n {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(strings.ReplaceAll(item, "%d", fmt.Sprint(i)))
	}
	return text.String()
}

// What is set aside for an object has to be what it takes, or more, but not so much that there is none left for others.
func TestCostIsWhatDecodingTakes(t *testing.T) {
	const n = 100_000
	tests := map[string]struct {
		into any
		raw  string
		most float64 // times what it takes
	}{
		"data":           {&corev1.ConfigMap{}, `{"data":{` + list(n, `"%d":"%d"`) + `}}`, 5},
		"no data":        {&corev1.ConfigMap{}, `{"data":{` + list(n, `"%d":""`) + `}}`, 5},
		"containers":     {&corev1.Pod{}, `{"spec":{"containers":[` + list(n, `{}`) + `]}}`, 5},
		"environment":    {&corev1.Pod{}, `{"spec":{"containers":[{"env":[` + list(n, `{"name":"a%d","value":"b"}`) + `]}]}}`, 5},
		"pointers":       {&corev1.Pod{}, `{"spec":{"containers":[` + list(n, `{"securityContext":{"privileged":true}}`) + `]}}`, 5},
		"quantities":     {&corev1.ResourceQuota{}, `{"spec":{"hard":{` + list(n, `"r%d":"100m"`) + `}}}`, 5},
		"rules":          {&rbacv1.ClusterRole{}, `{"rules":[` + list(n, `{"verbs":["get","list"]}`) + `]}`, 5},
		"anything":       {&map[string]any{}, `{"a":[` + list(n, `{"b":[1,"x"]}`) + `]}`, 5},
		"nothing":        {&map[string]any{}, `{"a":[` + list(n, `[]`) + `]}`, 5},
		"within any":     {&holder{}, `{"spec":{"a":[` + list(n, `{"":1}`) + `]}}`, 5},
		"many levels":    {&holder{}, `{"spec":{` + list(20, `"%d":`+deep(`{"":`, `{}`, `}`, 900)) + `}}`, 5},
		"many lists":     {&holder{}, `{"spec":{` + list(20, `"%d":`+deep(`[`, ``, `]`, 900)) + `}}`, 5},
		"own decoder":    {&schema{}, `{"items":{"of":[` + list(n, `{}`) + `]}}`, 8},
		"own levels":     {&schema{}, deep(`{"items":`, `{}`, `}`, 2_000), 100},
		"kept as it is":  {&struct{ A, B kruntime.RawExtension }{}, `{"A":` + deep(`{"":`, `{}`, `}`, 9_000) + `}`, 5},
		"kept in a list": {&struct{ A []json.RawMessage }{}, `{"A":[` + list(n, `{"b":[1,"x"]}`) + `]}`, 5},
		"metadata":       {&metav1.PartialObjectMetadata{}, `{"data":{` + list(n, `"%d":""`) + `},"metadata":{"labels":{"a":"b"}}}`, 1000},
		"other fields":   {&corev1.ConfigMap{}, `{"spec":[` + list(n, `{"a":1}`) + `]}`, 1000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cost, err := costOf([]byte(tt.raw), new(Types).layoutOf(reflect.TypeOf(tt.into).Elem()))
			if err != nil {
				t.Fatal(err)
			}
			before := heap()
			if err := kjson.Unmarshal([]byte(tt.raw), tt.into); err != nil {
				t.Fatal(err)
			}
			took := heap() - before
			runtime.KeepAlive(tt.into)
			t.Logf("%d kB of JSON: %d kB set aside, %d kB taken", len(tt.raw)>>10, cost>>10, took>>10)
			const noise = 64 << 10 // of whatever else runs
			if cost+noise < took || float64(cost) > tt.most*float64(max(took, 1<<10)) {
				t.Errorf("%d bytes are set aside, %d were taken", cost, took)
			}
		})
	}
}

// heap is how much memory is in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) // #nosec G115 -- less than there is.
}

// Kubernetes' decoder makes room for a string several times before it is as it stays.
func TestCostOfStrings(t *testing.T) {
	const n = 8 << 20
	for name, text := range map[string]string{
		"as it is":  strings.Repeat("a", n),
		"escaped":   `\n` + strings.Repeat("a", n),
		"not UTF-8": strings.Repeat("\xff", n),
	} {
		for what, raw := range map[string]string{"value": `{"data":{"a":"` + text + `"}}`, "name": `{"data":{"` + text + `":"a"}}`} {
			t.Run(name+" "+what, func(t *testing.T) {
				cost, err := costOf([]byte(raw), new(Types).layoutOf(reflect.TypeFor[corev1.ConfigMap]()))
				if err != nil {
					t.Fatal(err)
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				if err := kjson.Unmarshal([]byte(raw), &corev1.ConfigMap{}); err != nil {
					t.Fatal(err)
				}
				runtime.ReadMemStats(&after)
				took := int64(after.TotalAlloc-before.TotalAlloc) - int64(len(raw)) // #nosec G115 -- less than there is.
				t.Logf("%d MiB set aside, %d taken", cost>>20, took>>20)
				const noise = 1 << 20
				if cost+noise < took || cost > 3*max(took, n) {
					t.Errorf("%d bytes are set aside, %d were taken", cost, took)
				}
			})
		}
	}
}

// Each level of something of any type takes stack, which no one counts.
func TestManyLevelsOfAnyType(t *testing.T) {
	if _, err := costOf([]byte(deep(`[`, ``, `]`, maxLevels)), new(Types).layoutOf(reflect.TypeFor[any]())); err != nil {
		t.Error(err)
	}
	_, err := costOf([]byte(deep(`[`, ``, `]`, maxLevels+1)), new(Types).layoutOf(reflect.TypeFor[any]()))
	if err == nil || err.Error() != "it has more than 1000 levels" {
		t.Errorf("got %v", err)
	}
	if _, err := costOf([]byte(deep(`{"a":`, `[]`, `}`, 9_000)), new(Types).layoutOf(reflect.TypeFor[corev1.Pod]())); err != nil {
		t.Errorf("of what nobody reads: %v", err)
	}
}

func TestCostOfWhatIsNoJSON(t *testing.T) {
	for _, raw := range []string{
		``, `{`, `{"data"`, `{"data":`, `{"data":{"a":"b"`, `{"data":{"a":"b",}}`, `{} {}`, `{"spec":[`, `{"spec":[1,]}`, `[`,
		strings.Repeat(`{"data":`, 70) + strings.Repeat(`}`, 69), strings.Repeat(`[`, 70) + `nul` + strings.Repeat(`]`, 70),
	} {
		var invalid *json.SyntaxError
		if _, err := costOf([]byte(raw), new(Types).layoutOf(reflect.TypeFor[map[string]any]())); !errors.As(err, &invalid) {
			t.Errorf("%s: got %v", raw, err)
		}
	}
}

// A name with an escape sequence is no way to have much decoded for little.
func TestCostOfEscapedNames(t *testing.T) {
	plain, _ := costOf([]byte(`{"data":{"a":"b"}}`), new(Types).layoutOf(reflect.TypeFor[corev1.ConfigMap]()))
	escaped, err := costOf([]byte(`{"d\u0061ta":{"a":"b"}}`), new(Types).layoutOf(reflect.TypeFor[corev1.ConfigMap]()))
	if err != nil || escaped != plain {
		t.Errorf("got %d and %d", escaped, plain)
	}
}
