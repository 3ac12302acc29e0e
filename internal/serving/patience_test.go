// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPatienceTells(t *testing.T) {
	missing, damaged := errors.New("missing"), errors.New("damaged")
	type try struct {
		after time.Duration // since the first try
		err   error
	}
	for name, tc := range map[string]struct {
		patience patience
		tries    []try
		want     []bool
	}{
		"nothing while all is well": {
			patience{interval: time.Minute, remind: time.Minute}, []try{{0, nil}, {time.Hour, nil}}, []bool{false, false},
		},
		"at once without grace": {
			patience{interval: time.Minute, remind: time.Minute}, []try{{0, missing}}, []bool{true},
		},
		"only what outlives the grace": {
			patience{grace: 2 * time.Second, interval: time.Minute, remind: time.Minute},
			[]try{{0, missing}, {1999 * time.Millisecond, missing}, {2 * time.Second, missing}},
			[]bool{false, false, true},
		},
		"nothing of a failure that passed": {
			patience{grace: 2 * time.Second, interval: time.Minute, remind: time.Minute},
			[]try{{0, missing}, {time.Second, nil}, {2 * time.Second, missing}, {3 * time.Second, missing}},
			[]bool{false, false, false, false},
		},
		"the same once per interval": {
			patience{interval: time.Minute, remind: time.Minute},
			[]try{{0, missing}, {59 * time.Second, missing}, {time.Minute, missing}, {90 * time.Second, missing}},
			[]bool{true, false, true, false},
		},
		"something else at once": {
			patience{interval: time.Minute, remind: time.Minute},
			[]try{{0, missing}, {time.Second, damaged}, {2 * time.Second, damaged}, {3 * time.Second, missing}},
			[]bool{true, true, false, true},
		},
		"the same at once when it comes back": {
			patience{interval: time.Minute, remind: time.Minute},
			[]try{{0, missing}, {time.Second, nil}, {2 * time.Second, missing}},
			[]bool{true, false, true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			var got []bool
			for _, try := range tc.tries {
				got = append(got, tc.patience.observe(try.err, start.Add(try.after)))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPatienceDelay(t *testing.T) {
	p := patience{interval: 3 * time.Second}
	want := []time.Duration{
		3 * time.Second, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
		3 * time.Second, 3 * time.Second,
	}
	for i, w := range want {
		if got := p.delay(); got != w {
			t.Errorf("after %d failures the delay is %v, want %v", i, got, w)
		}
		p.observe(errors.New("missing"), time.Now())
	}
	for range 1000 {
		p.observe(errors.New("missing"), time.Now())
	}
	if got := p.delay(); got != 3*time.Second {
		t.Errorf("after very many failures the delay is %v", got)
	}
	p.observe(nil, time.Now())
	if got := p.delay(); got != 3*time.Second {
		t.Errorf("after a success the delay is %v", got)
	}
	p = patience{interval: time.Millisecond}
	p.observe(errors.New("missing"), time.Now())
	if got := p.delay(); got != time.Millisecond {
		t.Errorf("with a short interval the delay is %v", got)
	}
}
