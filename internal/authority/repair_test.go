// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/flowcontrol"
)

// damaged returns the data of a state with some of it replaced.
func damaged(s *state, by map[string]string) map[string][]byte {
	data := maps.Clone(s.data)
	for key, value := range by {
		data[key] = []byte(value)
	}
	return data
}

func TestCorrect(t *testing.T) {
	now := start().Add(time.Hour)
	held, other := testState(t), testState(t)
	future := must(newDraft(must(newCA("ahead", DefaultCADuration, now.Add(time.Hour)))(t), testLeaf).encoded())(t)
	expired := must(newDraft(must(newCA("expired", time.Minute, now.Add(-time.Hour)))(t), testLeaf).encoded())(t)
	rotated := advanced(t, held, at(t, now).asking("1"), StepPrepared)
	rotated = advanced(t, rotated, at(t, now).trusting(rotated.next.cert), StepPromoted)
	for name, tc := range map[string]struct {
		data    map[string][]byte
		memory  *state
		step    string            // "" = nothing is written
		signs   *x509.Certificate // nil = a new CA
		trusted []*x509.Certificate
	}{
		"nothing, nobody remembers":  {nil, nil, StepCreated, nil, nil},
		"nothing, somebody does":     {nil, held, StepRestored, held.cert, nil},
		"emptied":                    {map[string][]byte{"note": []byte("x")}, held, StepRestored, held.cert, nil},
		"sound":                      {held.data, nil, "", held.cert, nil},
		"sound and remembered":       {held.data, held, "", held.cert, nil},
		"rotated by another replica": {rotated.data, held, "", rotated.cert, []*x509.Certificate{held.cert}},
		"garbage, nobody remembers": {damaged(held, map[string]string{dataKey: "x"}), nil, StepReplaced, nil,
			[]*x509.Certificate{held.cert}},
		"garbage, somebody remembers": {damaged(held, map[string]string{dataCert: "x"}), held, StepRestored, held.cert, nil},
		"another CA's key": {damaged(held, map[string]string{dataKey: string(other.data[dataKey])}), nil, StepReplaced, nil,
			[]*x509.Certificate{held.cert}},
		"no version": {damaged(held, map[string]string{dataVersion: ""}), nil, StepRestored, held.cert, nil},
		"a bundle of garbage": {damaged(rotated, map[string]string{dataBundle: "x"}), rotated, StepRestored, rotated.cert,
			[]*x509.Certificate{held.cert}},
		"a bundle of garbage, nobody remembers": {damaged(held, map[string]string{dataBundle: "x"}), nil, StepRestored,
			held.cert, nil},
		"a record of garbage": {damaged(rotated, map[string]string{dataRecord: "{"}), nil, StepRestored, rotated.cert,
			[]*x509.Certificate{held.cert}},
		"a successor of garbage":  {damaged(held, map[string]string{dataNextCert: "x"}), nil, StepRestored, held.cert, nil},
		"another CA in its place": {other.data, held, StepKept, other.cert, []*x509.Certificate{held.cert}},
		"another CA and garbage": {damaged(other, map[string]string{dataRecord: "{"}), held, StepRestored, other.cert,
			[]*x509.Certificate{held.cert}},
		"an expired backup":  {expired.data, held, StepReplaced, nil, []*x509.Certificate{held.cert}},
		"a CA of the future": {future.data, nil, StepReplaced, nil, []*x509.Certificate{future.cert}},
		"an old backup":      {held.data, rotated, StepKept, held.cert, []*x509.Certificate{rotated.cert}},
	} {
		t.Run(name, func(t *testing.T) {
			made, step, err := correct(tc.data, tc.memory, testLeaf, at(t, now))
			if err != nil {
				t.Fatal(err)
			}
			if got := stepName(step); got != tc.step {
				t.Errorf("step %q, want %q", got, tc.step)
			}
			if tc.signs != nil && !made.cert.Equal(tc.signs) {
				t.Errorf("the CA %s signs, want %s", made.cert.Subject, tc.signs.Subject)
			}
			if tc.signs == nil && (made.cert.Equal(held.cert) || !made.usable(now)) {
				t.Error("there is no new CA")
			}
			for _, ca := range append(tc.trusted, made.cert) {
				if !made.bundle.Contains(ca) {
					t.Errorf("the CA %s is not trusted", ca.Subject)
				}
			}
			// However the Secret came to be, it is settled now, for this replica and for one that starts.
			for _, memory := range []*state{made, nil} {
				if _, again, err := correct(made.data, memory, testLeaf, at(t, now)); again != nil || err != nil {
					t.Errorf("it is corrected once more: %s, %v", stepName(again), err)
				}
			}
		})
	}
}

func stepName(step *Step) string {
	if step == nil {
		return ""
	}
	return step.Name
}

func TestCorrectLeavesAnotherReleaseAlone(t *testing.T) {
	data := damaged(testState(t), map[string]string{dataVersion: "2"})
	if _, _, err := correct(data, testState(t), testLeaf, at(t, start())); !errors.Is(err, errVersion) {
		t.Errorf("error %v, want one that says that it is another release's", err)
	}
}

func TestCorrectLearnsOfLongerLives(t *testing.T) {
	made, step, err := correct(testState(t).data, nil, 2*testLeaf, at(t, start()))
	if err != nil || step == nil || made.record.leaf() != 2*testLeaf {
		t.Fatalf("step %v, error %v: the record has to say so before a certificate is given", step, err)
	}
	if _, step, _ = correct(made.data, nil, testLeaf, at(t, start())); step != nil {
		t.Errorf("a replica with shorter lives writes: %s", step.Message)
	}
}

// What was given back after its time has passed must not come again from the memory of a replica.
func TestRetiredIsNotRemembered(t *testing.T) {
	now := start().Add(time.Hour)
	first := testState(t)
	prepared := advanced(t, first, at(t, now).asking("1"), StepPrepared)
	promoted := advanced(t, prepared, at(t, now).trusting(prepared.next.cert), StepPromoted)
	later := now.Add(testLeaf + signingLag + 2*clockSkew)
	retired := advanced(t, promoted, at(t, later), StepRetired)
	if _, step, err := correct(retired.data, promoted, testLeaf, at(t, later.Add(-clockSkew))); step != nil || err != nil {
		t.Errorf("a replica whose clock is behind puts it back: %v, %v", stepName(step), err)
	}
}

// A CA that a replica whose clock is behind has replaced as not valid yet leaves once a clock that is right says when: it
// may have signed for a year, and its key is gone.
func TestReplacedTooEarlyIsRetired(t *testing.T) {
	old := testState(t)
	behind := at(t, old.cert.NotBefore.Add(-time.Minute))
	replaced, step, err := correct(old.data, nil, testLeaf, behind)
	if err != nil || stepName(step) != StepReplaced {
		t.Fatalf("%s, %v", stepName(step), err)
	}
	if _, step, err := correct(replaced.data, replaced, testLeaf, behind); step != nil || err != nil {
		t.Fatalf("a clock that cannot be right says when it leaves: %v, %v", step, err)
	}
	now := start().AddDate(1, 0, 0)
	noted, step, err := correct(replaced.data, old, testLeaf, at(t, now))
	if err != nil || step == nil || !noted.needed(old.cert).Equal(now.Add(testLeaf+signingLag)) {
		t.Fatalf("it is needed until %s: %s, %v", noted.needed(old.cert), stepName(step), err)
	}
	if _, step, err := correct(noted.data, replaced, testLeaf, at(t, now.Add(time.Minute))); step != nil || err != nil {
		t.Errorf("it is noted again: %s, %v", stepName(step), err)
	}
	advanced(t, noted, at(t, now.Add(testLeaf)), "")
	left := advanced(t, noted, at(t, now.Add(testLeaf+signingLag+2*clockSkew)), StepRetired)
	if left.bundle.Contains(old.cert) {
		t.Errorf("left: %s", left.bundle.Describe())
	}
}

// A certificate that is no CA's must not become one by lying in a damaged Secret.
func TestRepairTrustsOnlyCAs(t *testing.T) {
	leaf, _ := issueFor(t, testCA(t), goodDraft(t), time.Hour, start())
	data := damaged(testState(t), map[string]string{dataKey: "x", dataBundle: string(encodeCertificate(leaf.Raw))})
	made, _, err := correct(data, nil, testLeaf, at(t, start()))
	if err != nil || made.bundle.Contains(leaf) {
		t.Errorf("error %v, bundle %s", err, made.bundle.Describe())
	}
}

// Two replicas whose clocks are far apart must not take turns indefinitely.
func TestRetiredOnlyOnce(t *testing.T) {
	now := start().Add(time.Hour)
	first := testState(t)
	prepared := advanced(t, first, at(t, now).asking("1"), StepPrepared)
	promoted := advanced(t, prepared, at(t, now).trusting(prepared.next.cert), StepPromoted)
	m := at(t, now.Add(10*testLeaf))
	advanced(t, promoted, m, StepRetired)
	m.retired = map[string]bool{fingerprint(first.cert): true}
	advanced(t, promoted, m, "")
}

// What is undone over and over is not written as fast as it is undone.
func TestWritesArePaced(t *testing.T) {
	a := testAuthority(t)
	a.pace = flowcontrol.NewTokenBucketPassiveRateLimiter(0.001, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.settle(t.Context(), nil); err == nil || errors.Is(err, errPaced) {
		t.Fatalf("error %v, want one of the connection", err)
	}
	if _, err := a.settle(t.Context(), nil); !errors.Is(err, errPaced) {
		t.Errorf("error %v, want that somebody keeps undoing it", err)
	}
}

// A CA that somebody brings along may have its key in the form that openssl writes.
func TestKeysOfOtherTools(t *testing.T) {
	ca := testCA(t)
	der := must(x509.MarshalECPrivateKey(ca.key.(*ecdsa.PrivateKey)))(t)
	data := damaged(testState(t), map[string]string{
		dataCert: string(encodeCertificate(ca.cert.Raw)), dataBundle: "",
		dataKey: string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	})
	if read, err := parseState(data); err != nil || !read.cert.Equal(ca.cert) {
		t.Errorf("error %v", err)
	}
}

// What cannot be restored must not be overwritten unless it is ours.
func TestForeignSecretIsLeftAlone(t *testing.T) {
	a := testAuthority(t)
	a.mu.Lock()
	defer a.mu.Unlock()
	secret := &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{dataKey: []byte("in a vault's own form")}}
	if _, err := a.settle(t.Context(), secret); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("error %v, want that it is left alone", err)
	}
	secret.Type = SecretType
	if _, err := a.settle(t.Context(), secret); err == nil || strings.Contains(err.Error(), "left alone") {
		t.Errorf("error %v, want an attempt to repair what is ours", err)
	}
}
