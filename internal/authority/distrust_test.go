// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookstrap/hookstrap/internal/trust"
)

func (m moment) distrusting(annotation string) moment { m.distrust = annotation; return m }

func (m moment) showing(leaf *x509.Certificate) moment { m.serving = leaf; return m }

// warnedOf is the message of a warning, "" for none.
func warnedOf(found []Warning, name string) string {
	for _, w := range found {
		if w.Name == name {
			return w.Message
		}
	}
	return ""
}

// unseen is a moment in which the process has seen nothing that is distrusted before.
func unseen(m moment) moment { m.notes = notes{}; return m }

// seenAsNoted is that a process has seen what the record says in the moment in which it was written.
func seenAsNoted(r record) notes {
	seen := notes{}
	for fingerprint, at := range r.Distrusted {
		seen[note{fingerprint, at.Unix()}] = at
	}
	return seen
}

// rotated is a state one rotation later.
func rotated(t *testing.T, s *state, now time.Time, annotation string) *state {
	t.Helper()
	prepared := advanced(t, s, at(t, now).asking(annotation), StepPrepared)
	return advanced(t, prepared, at(t, now).asking(annotation).trusting(prepared.next.cert), StepPromoted)
}

func TestParseDistrust(t *testing.T) {
	digits := strings.Repeat("0a", 32)
	colons := strings.ToUpper("0a" + strings.Repeat(":0a", 31))
	for annotation, want := range map[string]Distrust{
		AllButNewest:              {AllButNewest: true},
		AllButNewest + "@tuesday": {AllButNewest: true},
		digits:                    {Fingerprints: []string{digits}},
		colons + ", " + digits:    {Fingerprints: []string{digits, digits}},
	} {
		if got, err := ParseDistrust(annotation); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %+v, %v", annotation, got, err)
		}
	}
	for _, annotation := range []string{
		"", "all", digits[2:], digits + ",", digits + "00", "all-but-newest," + digits, strings.Repeat("zz", 32),
		strings.Repeat(digits+",", mostDistrusted) + digits,
	} {
		if got, err := ParseDistrust(annotation); err == nil {
			t.Errorf("%q is understood as %+v", annotation, got)
		}
	}
}

// The CA that signs leaves in the order trusted, signing, renewed, gone.
func TestDistrustedSignerIsReplacedFirst(t *testing.T) {
	now := start().Add(time.Hour)
	first := testState(t)
	old, _ := issueFor(t, &first.keyPair, goodDraft(t), time.Hour, now)
	m := at(t, now).distrusting(fingerprint(first.cert)).showing(old)
	noted := advanced(t, first, m, StepDistrusted)
	prepared := advanced(t, noted, m, StepPrepared)
	advanced(t, prepared, m, "") // Trust before use.
	m.now = now.Add(time.Minute)
	promoted := advanced(t, prepared, m.trusting(prepared.next.cert), StepPromoted)
	if !promoted.bundle.Contains(first.cert) {
		t.Fatal("the old CA left before its certificates could be replaced")
	}
	renewed, _ := issueFor(t, &promoted.keyPair, goodDraft(t), time.Hour, m.now)
	m = m.showing(renewed)
	m.now = m.now.Add(distrustGrace - time.Second)
	advanced(t, promoted, m, "")
	m.now = m.now.Add(2 * time.Second)
	advanced(t, promoted, m.showing(old), "") // This process could not renew yet.
	gone := advanced(t, promoted, m, StepDistrusted)
	if gone.bundle.Contains(first.cert) || gone.bundle.Len() != 1 || len(gone.record.Retired) != 0 {
		t.Errorf("left: %s", gone.bundle.Describe())
	}
	advanced(t, gone, m, "")

	m.now = m.now.Add(distrustPatience)
	late := advanced(t, promoted, m.showing(old), StepDistrusted) // Not for longer than that.
	if late.bundle.Contains(first.cert) {
		t.Error("a distrusted CA waits for a certificate that is not renewed")
	}
	if look := (rotation{promoted, moment{now: now}}).nextLook(); look != 0 {
		t.Errorf("the next look is in %s: nothing else tells that the certificate was renewed", look)
	}
}

// With no one who knows what is trusted, the successor signs after an hour and not after a day.
func TestDistrustedSignerThatNobodyWatches(t *testing.T) {
	first := testState(t)
	m := at(t, start()).distrusting(fingerprint(first.cert))
	m.unobserved = true
	prepared := advanced(t, advanced(t, first, m, StepDistrusted), m, StepPrepared)
	m.now = start().Add(distrustUnattended - time.Minute)
	advanced(t, prepared, m, "")
	m.now = start().Add(distrustUnattended + time.Minute)
	advanced(t, prepared, m, StepPromoted)
}

func TestDistrustAllButNewest(t *testing.T) {
	now := start().Add(time.Hour)
	first := testState(t)
	second := rotated(t, first, now, "1")
	m := at(t, now).asking("1").distrusting(AllButNewest)
	noted := advanced(t, second, m, StepDistrusted)
	m.now = now.Add(distrustGrace)
	gone := advanced(t, noted, m, StepDistrusted)
	if gone.bundle.Len() != 1 || !gone.bundle.Contains(second.cert) {
		t.Errorf("left: %s", gone.bundle.Describe())
	}
	third := rotated(t, gone, m.now, "2")
	advanced(t, third, at(t, now.Add(time.Hour)).asking("2").distrusting(AllButNewest), "") // It was heeded.
	advanced(t, third, at(t, now.Add(time.Hour)).asking("2").distrusting(AllButNewest+"@2"), StepDistrusted)

	prepared := advanced(t, gone, at(t, now).asking("3"), StepPrepared)
	noted = advanced(t, prepared, at(t, now).asking("3").distrusting(AllButNewest+"@3"), StepDistrusted)
	if noted.next == nil || !noted.record.distrusts(noted.cert) {
		t.Error("the newest is the successor that is being published, which does not sign yet")
	}
}

// A successor that is distrusted has signed nothing.
func TestDistrustedSuccessorLeavesAtOnce(t *testing.T) {
	now := start().Add(time.Hour)
	prepared := advanced(t, testState(t), at(t, now).asking("1"), StepPrepared)
	stolen := prepared.next.cert
	m := at(t, now).asking("1").distrusting(fingerprint(stolen))
	noted := advanced(t, prepared, m, StepDistrusted)
	if noted.next != nil || noted.bundle.Contains(stolen) {
		t.Fatal("it is still there")
	}
	again := advanced(t, noted, m, StepPrepared)
	if again.next.cert.Equal(stolen) {
		t.Error("it came back")
	}
}

// distrusted is the state after the first CA was taken trust from, and that CA's state.
func distrusted(t *testing.T, now time.Time) (gone, first *state) {
	t.Helper()
	first = testState(t)
	m := at(t, now.Add(-time.Hour)).distrusting(fingerprint(first.cert))
	noted := advanced(t, first, m, StepDistrusted)
	prepared := advanced(t, noted, m, StepPrepared)
	promoted := advanced(t, prepared, m.trusting(prepared.next.cert), StepPromoted)
	m.now = now
	return advanced(t, promoted, m, StepDistrusted), first
}

// Whatever becomes of the Secret, what is distrusted stays away while a replica knows, or the record does.
func TestDistrustedNeverComesBack(t *testing.T) {
	now := start().Add(2 * time.Hour)
	gone, first := distrusted(t, now)
	both := gone.bundle.Union(first.bundle)
	older := rotated(t, first, now, "1") // Another history of the same CA: it signed, and no longer does.
	for name, tc := range map[string]struct {
		data   map[string][]byte
		memory *state
	}{
		"as it is, and a replica that has slept": {gone.data, first},
		"deleted":                                {nil, gone},
		"a backup of before":                     {first.data, gone},
		"a backup in which it no longer signs":   {older.data, gone},
		"in the bundle":                          {damaged(gone, map[string]string{dataBundle: string(both.PEM())}), gone},
		"in the bundle, and no record": {damaged(gone, map[string]string{dataBundle: string(both.PEM()), dataRecord: ""}),
			gone},
		"in a damaged Secret": {damaged(gone, map[string]string{dataKey: "x", dataBundle: string(both.PEM())}), gone},
		"in a damaged Secret that nobody remembers": {damaged(gone, map[string]string{dataKey: "x",
			dataBundle: string(both.PEM())}), nil},
		"as the successor": {damaged(gone, map[string]string{dataNextCert: string(first.data[dataCert]),
			dataNextKey: string(first.data[dataKey])}), gone},
	} {
		t.Run(name, func(t *testing.T) {
			made, _, err := correct(tc.data, tc.memory, testLeaf, at(t, now))
			if err != nil {
				t.Fatal(err)
			}
			if made.bundle.Contains(first.cert) || !made.record.distrusts(first.cert) {
				t.Errorf("trusted: %s, distrusted: %v", made.bundle.Describe(), made.record.Distrusted)
			}
			if _, step, err := correct(made.data, made, testLeaf, at(t, now)); step != nil || err != nil {
				t.Errorf("it is corrected once more: %v, %v", stepName(step), err)
			}
		})
	}
}

// A backup in which the distrusted CA signs has no replica's memory to be put right from: the record, if the backup
// has one, is what is left.
func TestDistrustedSignerInTheRecord(t *testing.T) {
	first := testState(t)
	noted := advanced(t, first, at(t, start()).distrusting(fingerprint(first.cert)), StepDistrusted)
	read, step, err := correct(noted.data, nil, testLeaf, at(t, start()))
	if err != nil || step != nil {
		t.Fatalf("%v, %v", stepName(step), err)
	}
	advanced(t, read, at(t, start()), StepPrepared)
}

func TestDistrustedAreBounded(t *testing.T) {
	r := record{Distrusted: map[string]time.Time{}}
	for i := range 3 * mostDistrusted {
		r.distrust(strconv.Itoa(i), start().Add(time.Duration(i)*time.Second))
	}
	if len(r.Distrusted) != mostDistrusted || !r.Distrusted["0"].IsZero() {
		t.Errorf("%d are remembered, want the last %d", len(r.Distrusted), mostDistrusted)
	}
}

// What another clock has written keeps no CA indefinitely, and expels none while it is in use: its time begins when this
// process has first seen it.
func TestDistrustedByAWrongClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"ahead": clockSkew + time.Minute,
		"far ahead": 1000 * time.Hour, "behind": -clockSkew - time.Minute, "far behind": -30 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			now := start().Add(time.Hour)
			first := testState(t)
			old, _ := issueFor(t, &first.keyPair, goodDraft(t), time.Hour, now)
			second := rotated(t, first, now, "1")
			renewed, _ := issueFor(t, &second.keyPair, goodDraft(t), time.Hour, now)
			noted := advanced(t, second, at(t, now.Add(ahead)).asking("1").distrusting(AllButNewest), StepDistrusted)
			advanced(t, noted, unseen(at(t, now).asking("1").showing(old)), "")
			seen := notes{}
			look := func(after time.Duration, serving *x509.Certificate, want string) {
				m := at(t, now.Add(after)).asking("1").showing(serving)
				seen.see(noted.record, m.now)
				m.notes = seen
				advanced(t, noted, m, want)
			}
			look(0, renewed, "")
			look(distrustGrace-time.Second, renewed, "")
			look(distrustGrace, old, "") // This process could not renew yet.
			look(distrustGrace, renewed, StepDistrusted)
			look(distrustPatience, old, StepDistrusted) // Not for longer than that.

			noted.record.distrust(fingerprint(first.cert), now.Add(ahead+time.Hour)) // Replaced since then.
			look(distrustPatience, renewed, "")
			if seen.see(record{}, now); len(seen) > 0 {
				t.Errorf("%v is remembered of nothing", seen)
			}
		})
	}
}

// Forty changes of the annotation do not leave forty CAs, and the last is honored when there is room.
func TestRotationsAreBounded(t *testing.T) {
	now := start().Add(time.Hour)
	s, annotation := testState(t), ""
	for i := range 40 {
		annotation = strconv.Itoa(i)
		for range 2 {
			m := at(t, now).asking(annotation)
			if s.next != nil {
				m = m.trusting(s.next.cert)
			}
			next, step, err := (rotation{s, m}).advance()
			if err != nil {
				t.Fatal(err)
			}
			if step != nil {
				s = next
			}
		}
	}
	if s.bundle.Len() != mostRetired+2 {
		t.Errorf("%d CAs are trusted, want %d", s.bundle.Len(), mostRetired+2)
	}
	message := warnedOf(rotation{s, at(t, now).asking(annotation)}.warnings(), WarningRotationWaits)
	until, quoted := s.roomAt().Format(time.RFC3339), strconv.Quote(annotation)
	if !strings.Contains(message, quoted) || !strings.Contains(message, until) {
		t.Errorf("what waits is told of as %q", message)
	}
	for _, silent := range []moment{at(t, now), at(t, now).asking(s.record.Rotated)} {
		if found := (rotation{s, silent}).warnings(); len(found) > 0 {
			t.Errorf("nothing waits, and it is said that %v", found)
		}
	}
	later := at(t, s.roomAt().Add(time.Minute)).asking(annotation)
	prepared := advanced(t, advanced(t, s, later, StepRetired), later, StepPrepared)
	promoted := advanced(t, prepared, later.trusting(prepared.next.cert), StepPromoted)
	if promoted.record.Rotated != annotation {
		t.Errorf("the rotation %s was done, want %s", promoted.record.Rotated, annotation)
	}
}

// What is due, or has to be because of a distrusted CA, waits for no room; and is not taken for what somebody asked.
func TestDueRotationIsNotBounded(t *testing.T) {
	now := start().Add(time.Hour)
	s := testState(t)
	for i := range mostRetired + 1 {
		s = rotated(t, s, now, strconv.Itoa(i))
	}
	m := at(t, now).asking("waits")
	advanced(t, s, m, "")
	noted := advanced(t, s, m.distrusting(fingerprint(s.cert)), StepDistrusted)
	prepared := advanced(t, noted, m, StepPrepared)
	promoted := advanced(t, prepared, m.trusting(prepared.next.cert), StepPromoted)
	if promoted.record.Rotated == "waits" {
		t.Error("the rotation that waits was taken for done")
	}
}

// Other people's CAs, put in one after the other, do not make the bundle grow without bound either.
func TestForeignSignersAreBounded(t *testing.T) {
	now := start().Add(time.Hour)
	s := testState(t)
	for range 40 {
		stranger := testState(t)
		stranger.data[dataRecord] = nil
		made, step, err := correct(stranger.data, s, testLeaf, at(t, now))
		if err != nil || step == nil {
			t.Fatalf("%v, %v", stepName(step), err)
		}
		s = made
	}
	if s.bundle.Len() > mostRetired+3 {
		t.Errorf("%d CAs are trusted", s.bundle.Len())
	}
}

func TestForeignCAsAreNoticed(t *testing.T) {
	now := start().Add(time.Hour)
	held, stranger := testState(t), testState(t)
	inBundle := held.bundle.Union(stranger.bundle).PEM()
	older := `{"leafSeconds":` + fmt.Sprint(int(testLeaf.Seconds())) + `}`
	for name, tc := range map[string]struct {
		data   map[string][]byte
		memory *state
		want   int
	}{
		"ours":                                {held.data, nil, 0},
		"of an older release":                 {damaged(held, map[string]string{dataRecord: older}), nil, 0},
		"of an older release, in an upgrade":  {damaged(held, map[string]string{dataRecord: older}), held, 0},
		"no record":                           {damaged(stranger, map[string]string{dataRecord: ""}), nil, 1},
		"another one, without a record":       {damaged(stranger, map[string]string{dataRecord: ""}), held, 1},
		"another one, as of an older release": {damaged(stranger, map[string]string{dataRecord: older}), held, 1},
		"another one with our record": {damaged(stranger, map[string]string{dataRecord: string(held.data[dataRecord])}),
			nil, 1},
		"in the bundle":                     {damaged(held, map[string]string{dataBundle: string(inBundle)}), nil, 1},
		"in the bundle, no replica forgets": {damaged(held, map[string]string{dataBundle: string(inBundle)}), held, 1},
	} {
		t.Run(name, func(t *testing.T) {
			made, _, err := correct(tc.data, tc.memory, testLeaf, at(t, now))
			if err != nil {
				t.Fatal(err)
			}
			if got := len(made.foreign()); got != tc.want {
				t.Errorf("%d CAs are foreign, want %d: %v", got, tc.want, made.record.Made)
			}
			if warned := warnedOf(rotation{made, at(t, now)}.warnings(), WarningForeign) != ""; warned != (tc.want > 0) {
				t.Errorf("warned: %t", warned)
			}
			if _, step, err := correct(made.data, made, testLeaf, at(t, now)); step != nil || err != nil {
				t.Errorf("it is corrected once more: %v, %v", stepName(step), err)
			}
		})
	}
}

// A CA that is worth more than ours is not used, wherever in the Secret it is.
func TestUnboundedCAIsRefused(t *testing.T) {
	now := start().Add(time.Hour)
	held := testState(t)
	strong := must(newCA("strong", 100*365*24*time.Hour, now))(t)
	cert, key := string(encodeCertificate(strong.cert.Raw)), string(must(encodeKey(strong.key))(t))
	both := string(held.bundle.Union(trust.NewBundle(strong.cert)).PEM())
	for name, data := range map[string]map[string][]byte{
		"signing":          damaged(held, map[string]string{dataCert: cert, dataKey: key, dataBundle: cert, dataRecord: ""}),
		"as the successor": damaged(held, map[string]string{dataNextCert: cert, dataNextKey: key}),
		"in the bundle":    damaged(held, map[string]string{dataBundle: both}),
	} {
		for memory, remembered := range map[string]*state{"remembered": held, "not remembered": nil} {
			t.Run(name+", "+memory, func(t *testing.T) {
				made, step, err := correct(data, remembered, testLeaf, at(t, now))
				if err != nil || step == nil || step.Damage == nil {
					t.Fatalf("step %+v, error %v, want a repair", step, err)
				}
				if !strings.Contains(step.Damage.Error(), "valid for 36500 days") {
					t.Errorf("the damage is %v", step.Damage)
				}
				if made.bundle.Contains(strong.cert) || made.next != nil {
					t.Errorf("trusted: %s", made.bundle.Describe())
				}
				if lost := remembered != nil && !made.cert.Equal(held.cert); lost {
					t.Error("the last good CA does not sign")
				}
			})
		}
	}
}

func TestConforms(t *testing.T) {
	ca := testCA(t)
	for name, tc := range map[string]struct {
		change func(*x509.Certificate)
		want   string
	}{
		"ours":           {func(*x509.Certificate) {}, ""},
		"no path length": {func(c *x509.Certificate) { c.MaxPathLen = -1 }, "path length 0"},
		"a CA below it":  {func(c *x509.Certificate) { c.MaxPathLen = 1 }, "path length 0"},
		"no CA":          {func(c *x509.Certificate) { c.IsCA = false }, "path length 0"},
		"no CRLs":        {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }, ""},
		"CRLs alone":     {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, "key usages"},
		"signatures too": {func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageDigitalSignature }, "key usages"},
		"for everything": {func(c *x509.Certificate) { c.ExtKeyUsage = nil }, "extended key usage"},
		"for clients too": {func(c *x509.Certificate) {
			c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
		}, "extended key usage"},
		"for what is not known": {func(c *x509.Certificate) {
			c.UnknownExtKeyUsage = append(c.UnknownExtKeyUsage, nil)
		}, "extended key usage"},
		"for eleven years":       {func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(11, 0, 0) }, "valid for"},
		"for ten calendar years": {func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(10, 0, 0) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			changed := *ca.cert
			tc.change(&changed)
			err := conforms(&changed)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}
