// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type pod struct {
	Spec corev1.PodSpec `json:"spec"`
}

type template struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     corev1.PodSpec    `json:"spec"`
}

// Three bytes for each of a million containers must not become a gigabyte, whichever decoder they are for.
func TestDecodedPartsAreOfBoundedSize(t *testing.T) {
	containers := func(n int, more string) []byte {
		return []byte(`{"spec":{` + more + `"containers":[` + strings.Repeat("{},", n) + `{}]}}`)
	}
	const million = 1_000_000
	tests := map[string]struct {
		raw  []byte
		good bool
	}{
		"many":                    {containers(2*fewItems, ""), true},
		"too many":                {containers(million, ""), false},
		"too many, in a slow way": {containers(million, `"hostPID":true,"hostPID":true,`), false},
		"commas in a string":      {containers(1, `"hostname":"`+strings.Repeat(`,\",`, million)+`",`), true},
		"commas in what is not read": {
			containers(1, `"initContainers":[{"args":["a"`+strings.Repeat(`,""`, million)+`]}],`), true,
		},
		"no JSON":     {[]byte(`{"spec":{"containers":[` + strings.Repeat("{},", million)), false},
		"too deep":    {[]byte(`{"spec":` + strings.Repeat(`{"a":[0,`, million)), false},
		"another one": {[]byte(`{"spec":{"containers":[` + strings.Repeat(`"",`, million) + `""]}}`), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := DecodeSlim(&pod{}, Object{Raw: tt.raw}); (err == nil) != tt.good {
				t.Errorf("got %v", err)
			}
		})
	}
}

// books keeps what was set aside.
type books struct {
	guessed, afforded int64
	noGuess           bool
}

func (b *books) Guess(n int64) bool {
	if !b.noGuess {
		b.guessed += n
	}
	return !b.noGuess
}

func (b *books) Afford(n int64) error {
	b.afforded += n
	return nil
}

func (*books) Types() *Types { return new(Types) }

// One of the two decoders would decode all the others before it finds out.
func TestWhatIsNoJSONTakesNoMemory(t *testing.T) {
	text := []byte(`{"spec":{"containers":[` + strings.Repeat(`{},`, fewItems+1) + `{]}}`)
	var invalid *json.SyntaxError
	b := &books{}
	if err := (Object{Memory: b}).Bound(&corev1.Pod{}, text); !errors.As(err, &invalid) || *b != (books{}) {
		t.Errorf("got %v, and %+v is set aside", err, b)
	}
}

// A guess is not below what is known when something was gone over, and is for what is small only.
func TestGuesses(t *testing.T) {
	containers := func(n int, item string) []byte {
		return []byte(`{"spec":{"containers":[` + list(n, item) + `]}}`)
	}
	for name, text := range map[string][]byte{
		"nothing in them": containers(400, `{}`),
		"pointers":        containers(400, `{"securityContext":{"capabilities":{}}}`),
		"probes":          containers(200, `{"livenessProbe":{"httpGet":{"httpHeaders":[{}]}}}`),
		"quantities":      containers(1, `{"resources":{"limits":{`+list(400, `"r%d":"1"`)+`}}}`),
		"labels":          []byte(`{"metadata":{"labels":{` + list(400, `"%d":""`) + `}}}`),
	} {
		t.Run(name, func(t *testing.T) {
			guess, known := &books{}, &books{noGuess: true}
			if err := (Object{Memory: guess}).boundPart(&template{}, text); err != nil {
				t.Fatal(err)
			}
			if err := (Object{Memory: known}).boundPart(&template{}, text); err != nil {
				t.Fatal(err)
			}
			if guess.afforded != 0 || guess.guessed < known.afforded || known.afforded == 0 {
				t.Errorf("guessed %+v, and it takes %d", guess, known.afforded)
			}
		})
	}
	many := &books{}
	if err := (Object{Memory: many}).boundPart(&template{}, containers(fewItems+2, `{}`)); err != nil || many.guessed != 0 {
		t.Errorf("of many: got %v, %+v", err, many)
	}
}

func TestCutsAreNotAmbiguous(t *testing.T) {
	cutA := func(name []byte) (Verdict, Shape) {
		if string(name) == "a" {
			return Cut, Slim
		}
		return Read, nil
	}
	pieces, ok := DecodeAround(&struct{}{}, Object{Raw: []byte(` {"a" : {"status":1,"spec": 2} , "b":3} `)}, cutA)
	if !ok || len(pieces) != 1 || string(pieces[0].Raw) != `{"status":1,"spec": 2}` || string(pieces[0].slim) != `{"spec":2}` {
		t.Errorf("got %q, %t", pieces, ok)
	}
	if _, ok := DecodeAround(&struct{}{}, Object{Raw: []byte(`{"a":1,"a":2}`)}, cutA); ok {
		t.Error("one of two was cut out")
	}
}

// One request with a member many thousand times must not be given memory for each.
func TestRepeatedCutsTakeNoMemory(t *testing.T) {
	cutA := func([]byte) (Verdict, Shape) { return Cut, Slim }
	text := []byte(`{` + strings.Repeat(`"a":0,`, 60_000) + `"b":0}`)
	got := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			DecodeAround(&struct{}{}, Object{Raw: text}, cutA)
		}
	}).AllocedBytesPerOp()
	if got > 64<<10 {
		t.Errorf("%d bytes for a member that occurs often", got)
	}
}

// Templates in templates are read by shapes that go round in a circle.
func TestProjectStopsAtDepth(t *testing.T) {
	templates := func(levels int) []byte { // an even number
		return []byte(strings.Repeat(`{"spec":{"template":`, levels/2) + `0` + strings.Repeat(`}`, levels))
	}
	if _, ok := project(templates(maxDepth), Slim); !ok {
		t.Errorf("%d levels are too many", maxDepth)
	}
	if _, ok := project(templates(maxDepth+2), Slim); ok {
		t.Errorf("%d levels are not too many", maxDepth+2)
	}
	wide := []byte(`{"spec":{"containers":[{}` + strings.Repeat(`,{"ports":[]}`, 2*maxDepth) + `]}}`)
	if _, ok := project(wide, Slim); !ok {
		t.Error("many objects beside each other pass for deep")
	}
}
