// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"math/rand/v2"
	"testing"
	"time"
)

const testLeaf = DefaultMaxDuration

// at is a moment with nothing but a time.
func at(t testing.TB, now time.Time) moment {
	t.Helper()
	return moment{now: now, newCA: func() (*keyPair, error) {
		return newCA(caName("hook", "shop", now), DefaultCADuration, now)
	}}
}

func (m moment) asking(annotation string) moment { m.annotation = annotation; return m }

func (m moment) trusting(ca *x509.Certificate) moment { m.trusted = ca; return m }

// advanced wants a step of that name, and none for "".
func advanced(t *testing.T, s *state, m moment, want string) *state {
	t.Helper()
	if m.notes == nil {
		m.notes = seenAsNoted(s.record)
	}
	next, step, err := (rotation{s, m}).advance()
	switch {
	case err != nil:
		t.Fatal(err)
	case step == nil && want == "":
		return s
	case step == nil || step.Name != want:
		t.Fatalf("step %v, want %q", step, want)
	}
	read := must(parseState(next.data))(t)
	if !read.equal(next) || !read.bundle.Equal(next.bundle) || !read.bundle.Contains(read.cert) {
		t.Errorf("%s: what was written reads as something else", want)
	}
	return next
}

func TestRotationTakesItsStepsInOrder(t *testing.T) {
	first := testState(t)
	now := start().Add(time.Hour)
	prepared := advanced(t, first, at(t, now).asking("1"), StepPrepared)
	if !prepared.cert.Equal(first.cert) || !prepared.bundle.Contains(prepared.next.cert) {
		t.Error("the successor signs already, or is not published")
	}
	advanced(t, prepared, at(t, now.Add(100*24*time.Hour)).asking("1"), "") // as long as no one trusts it
	stranger := testCA(t).cert
	advanced(t, prepared, at(t, now).asking("1").trusting(stranger), "")

	promoted := advanced(t, prepared, at(t, now).asking("1").trusting(prepared.next.cert), StepPromoted)
	if !promoted.cert.Equal(prepared.next.cert) || promoted.next != nil || !promoted.bundle.Contains(first.cert) {
		t.Error("the successor does not sign, or the old CA has left already")
	}
	lastLeaf := now.Add(testLeaf)
	for _, early := range []time.Time{now, lastLeaf, lastLeaf.Add(signingLag)} {
		advanced(t, promoted, at(t, early).asking("1"), "")
	}
	retired := advanced(t, promoted, at(t, lastLeaf.Add(signingLag+clockSkew+time.Minute)).asking("1"), StepRetired)
	if retired.bundle.Contains(first.cert) || retired.bundle.Len() != 1 || len(retired.record.Retired) != 0 {
		t.Errorf("left: %s, %v", retired.bundle.Describe(), retired.record.Retired)
	}
}

func TestRotationOnDemand(t *testing.T) {
	now := start().Add(time.Hour)
	first := testState(t)
	advanced(t, first, at(t, now), "")
	rotate := func(s *state, annotation string) *state {
		prepared := advanced(t, s, at(t, now).asking(annotation), StepPrepared)
		return advanced(t, prepared, at(t, now).asking(annotation).trusting(prepared.next.cert), StepPromoted)
	}
	once := rotate(first, "1")
	advanced(t, once, at(t, now).asking("1"), "")
	advanced(t, once, at(t, now), "") // The Secret was made again, without the annotation.
	twice := rotate(once, "2")

	// Asked again while a rotation is under way: another one follows.
	prepared := advanced(t, twice, at(t, now).asking("3"), StepPrepared)
	promoted := advanced(t, prepared, at(t, now).asking("4").trusting(prepared.next.cert), StepPromoted)
	advanced(t, promoted, at(t, now).asking("4"), StepPrepared)
}

func TestRotationIsDueInTime(t *testing.T) {
	for name, tc := range map[string]struct {
		ca, leaf, early, late time.Duration
	}{
		"ten years":            {DefaultCADuration, testLeaf, DefaultCADuration - 3*testLeaf - time.Hour, DefaultCADuration - 3*testLeaf},
		"as short as its leaf": {testLeaf, testLeaf, testLeaf/2 - time.Hour, testLeaf / 2},
	} {
		t.Run(name, func(t *testing.T) {
			ca := must(newCA("ca", tc.ca, start()))(t)
			s := must(newDraft(ca, tc.leaf).encoded())(t)
			advanced(t, s, at(t, start().Add(tc.early)), "")
			advanced(t, s, at(t, start().Add(tc.late)), StepPrepared)
		})
	}
}

// A successor that no one could publish is better than a CA that has expired.
func TestSuccessorSignsAtTheEndOfTheOldCA(t *testing.T) {
	s := testState(t)
	prepared := advanced(t, s, at(t, s.dueAt()), StepPrepared)
	advanced(t, prepared, at(t, s.cert.NotAfter.Add(-time.Hour)), "")
	advanced(t, prepared, at(t, s.cert.NotAfter.Add(-time.Minute)), StepPromoted)
}

func TestSuccessorThatNobodyWatchesSignsAfterADay(t *testing.T) {
	prepared := advanced(t, testState(t), at(t, start()).asking("1"), StepPrepared)
	m := at(t, start().Add(23*time.Hour)).asking("1")
	m.unobserved = true
	advanced(t, prepared, m, "")
	m.now = start().Add(25 * time.Hour)
	advanced(t, prepared, m, StepPromoted)
}

// Everybody was asleep for too long: neither the CA nor its successor can sign any more.
func TestSuccessorThatExpiredIsMadeAnew(t *testing.T) {
	prepared := advanced(t, testState(t), at(t, start()).asking("1"), StepPrepared)
	later := prepared.next.cert.NotAfter.Add(time.Hour)
	made, step, err := correct(prepared.data, nil, testLeaf, at(t, later))
	if err != nil || step == nil || step.Name != StepReplaced || !made.usable(later) {
		t.Fatalf("step %v, error %v, want a CA that can sign", step, err)
	}
}

func TestNextLookIsNotLate(t *testing.T) {
	now := start().Add(time.Hour)
	prepared := advanced(t, testState(t), at(t, now).asking("1"), StepPrepared)
	promoted := advanced(t, prepared, at(t, now).asking("1").trusting(prepared.next.cert), StepPromoted)
	look := now.Add((rotation{promoted, moment{now: now}}).nextLook())
	advanced(t, promoted, at(t, look.Add(-time.Minute)).asking("1"), "")
	advanced(t, promoted, at(t, look).asking("1"), StepRetired)
}

// TestNoLeafEverLosesItsCA lives through forty years: replicas whose clocks differ by minutes take steps, lose their
// races, and give certificates of any lifetime; somebody asks for rotations, and now and then no one runs for months.
// At no time is a certificate valid whose CA is not trusted, and the bundle does not grow indefinitely.
func TestNoLeafEverLosesItsCA(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same life each time.
	type leaf struct {
		ca  *x509.Certificate
		end time.Time
	}
	var leaves []leaf
	s, now, annotation, steps := testState(t), start(), "", map[string]int{}
	for end := start().Add(40 * 365 * 24 * time.Hour); now.Before(end); {
		now = now.Add(time.Duration(random.Int64N(int64(20 * 24 * time.Hour))))
		if random.IntN(40) == 0 {
			annotation = now.String()
		}
		skewed := now.Add(time.Duration(random.Int64N(int64(clockSkew))) - clockSkew/2)
		m := at(t, skewed).asking(annotation)
		if s.next != nil && random.IntN(3) == 0 {
			m = m.trusting(s.next.cert)
		}
		wanted, step, err := correct(s.data, nil, testLeaf, m)
		if err == nil && step == nil {
			wanted, step, err = (rotation{wanted, m}).advance()
		}
		if err != nil {
			t.Fatal(err)
		}
		if step != nil {
			s = wanted
			steps[step.Name]++
		}
		if s.usable(now) {
			end := now.Add(time.Duration(random.Int64N(int64(testLeaf))))
			if end.After(s.cert.NotAfter) {
				end = s.cert.NotAfter
			}
			leaves = append(leaves, leaf{s.cert, end})
		}
		for _, l := range leaves {
			if now.Before(l.end) && !s.bundle.Contains(l.ca) {
				t.Fatalf("at %s a certificate is valid until %s, and its CA %s is not trusted", now, l.end, l.ca.Subject)
			}
		}
		if s.bundle.Len() > 12 {
			t.Fatalf("at %s the bundle has %d CAs", now, s.bundle.Len())
		}
	}
	for _, name := range []string{StepPrepared, StepPromoted, StepRetired} {
		if steps[name] < 10 {
			t.Errorf("%d steps %s: this life proves nothing", steps[name], name)
		}
	}
}
