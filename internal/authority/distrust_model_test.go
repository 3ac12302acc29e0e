// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"crypto/x509"
	"maps"
	"strconv"
	"testing"
	"time"
)

// world is a Secret, old copies of it, and replicas that remember it.
type world struct {
	t           *testing.T
	now         time.Time
	data        map[string][]byte // nil when the Secret is gone
	backups     []map[string][]byte
	rotate      string
	distrust    string
	replicas    [3]*state // nil: has just started
	asked       map[string]*x509.Certificate
	foreign     [2]map[string][]byte
	generations int
}

// look lets a replica do what settle does. Whether clients trust a successor is up to the world.
func (w *world) look(replica int, trusting bool) bool {
	w.t.Helper()
	m := at(w.t, w.now).asking(w.rotate).distrusting(w.distrust)
	wanted, step, err := correct(w.data, w.replicas[replica], testLeaf, m)
	if err == nil && step == nil {
		if wanted.next != nil && trusting {
			m = m.trusting(wanted.next.cert)
		}
		read := wanted
		m.notes = seenAsNoted(read.record)
		if wanted, step, err = (rotation{read, m}).advance(); step == nil {
			wanted = read
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.replicas[replica] = wanted
	if step != nil {
		w.data = maps.Clone(wanted.data)
	}
	return step != nil
}

// do is one thing that happens.
func (w *world) do(op byte) {
	w.t.Helper()
	which := int(op>>4) % len(w.replicas)
	switch op & 0xf {
	case 0, 1, 2:
		w.look(which, true)
	case 3:
		w.look(which, false)
	case 4:
		w.now = w.now.Add(time.Duration(op>>4) * 20 * time.Second)
	case 5:
		w.generations++
		w.rotate = strconv.Itoa(w.generations)
	case 6: // Somebody distrusts the CA that signs, and a replica hears of it.
		if read, err := parseState(w.data); err == nil {
			w.distrustNow(read.cert)
		}
	case 7:
		if read, err := parseState(w.data); err == nil {
			cas := read.bundle.Certificates()
			w.distrustNow(cas[which%len(cas)])
		}
	case 8:
		w.data = nil
	case 9:
		if len(w.backups) > 0 {
			w.data = maps.Clone(w.backups[int(op>>4)%len(w.backups)])
		}
	case 10:
		w.backups = append(w.backups, maps.Clone(w.data))
	case 11: // A replica is restarted, and reads what the others have settled. One at least remembers.
		w.settle()
		w.replicas[1+which%2] = nil
		w.look(1+which%2, true)
	case 12:
		if w.data != nil {
			w.data["ca.key"] = []byte("garbage")
		}
	case 13:
		if w.data != nil {
			w.data["rotation.json"] = nil
		}
	case 14:
		w.data = maps.Clone(w.foreign[which%2])
	case 15:
		if w.data != nil {
			w.data["bundle.crt"] = append(w.data["bundle.crt"], w.foreign[which%2]["ca.crt"]...)
		}
	}
}

// distrustNow is asked of the Secret, and heeded by the replica that is never restarted.
func (w *world) distrustNow(ca *x509.Certificate) {
	w.t.Helper()
	w.distrust = fingerprint(ca)
	for range 4 {
		w.look(0, true)
	}
	if w.replicas[0].record.distrusts(ca) {
		w.asked[fingerprint(ca)] = ca
	}
}

// settle lets all replicas look until none has anything to do.
func (w *world) settle() {
	w.t.Helper()
	for quiet, looks := 0, 0; quiet < 2*len(w.replicas); looks++ {
		if looks > 200 {
			w.t.Fatal("they write for ever")
		}
		if w.now = w.now.Add(distrustGrace); w.look(looks%len(w.replicas), true) {
			quiet = 0
		} else {
			quiet++
		}
	}
}

// FuzzDistrust: whatever becomes of the Secret and in what order, the replicas come to rest and agree, a CA that was
// distrusted is trusted by none of them then, the one that signs is not one of those, and there are not too many.
func FuzzDistrust(f *testing.F) {
	f.Add([]byte{0x06, 0x00, 0x08, 0x10})                         // distrusted, deleted
	f.Add([]byte{0x0a, 0x06, 0x00, 0x10, 0x09, 0x1b, 0x10})       // an old backup, a restart
	f.Add([]byte{0x05, 0x00, 0x00, 0x05, 0x10, 0x07, 0x0c, 0x20}) // rotated, distrusted, damaged
	f.Add([]byte{0x0e, 0x00, 0x06, 0x0e, 0x00, 0x1f, 0x0d, 0x11}) // somebody else's, again and again
	f.Add([]byte{0x05, 0x00, 0x06, 0xf4, 0x0d, 0x08, 0x2b, 0x05}) // while a rotation is under way
	foreign := [2]map[string][]byte{testState(f).data, testState(f).data}
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 40 {
			return
		}
		w := &world{t: t, now: start().Add(time.Hour), asked: map[string]*x509.Certificate{}, foreign: foreign}
		for replica := range w.replicas {
			w.look(replica, true)
		}
		for _, op := range ops {
			w.do(op)
		}
		w.settle()
		for replica, held := range w.replicas {
			if !held.bundle.Equal(w.replicas[0].bundle) || !held.cert.Equal(w.replicas[0].cert) {
				t.Errorf("replica %d has %s, and replica 0 %s", replica, held.bundle.Describe(), w.replicas[0].bundle.Describe())
			}
			for _, ca := range w.asked {
				if held.bundle.Contains(ca) {
					t.Errorf("replica %d trusts what is distrusted: %s", replica, ca.Subject)
				}
			}
			if !held.usable(w.now) || held.bundle.Len() > mostRepaired+mostRetired {
				t.Errorf("replica %d: %d CAs are trusted", replica, held.bundle.Len())
			}
		}
	})
}
