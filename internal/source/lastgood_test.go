// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"crypto/x509"
	"errors"
	"testing"

	"github.com/hookstrap/hookstrap/internal/trust"
)

func TestLastGoodKeepsWhatWasReadLast(t *testing.T) {
	garbage, missing := errors.New("garbage"), errors.New("missing")
	first := trust.NewBundle(&x509.Certificate{Raw: []byte("first")})
	second := trust.NewBundle(&x509.Certificate{Raw: []byte("second")})
	var good lastGood
	for step, tc := range []struct {
		read     trust.Bundle
		err      error
		want     trust.Bundle
		wantErr  bool
		complain bool
		over     bool
	}{
		{err: garbage, wantErr: true, complain: true}, // Nothing good is known yet.
		{err: garbage, wantErr: true},
		{read: first, want: first, over: true},
		{err: garbage, want: first, complain: true}, // It was good in between: this is news.
		{err: garbage, want: first},
		{err: missing, want: first, complain: true},
		{read: second, want: second, over: true},
		{read: trust.Bundle{}, want: trust.Bundle{}}, // That there is nothing is an answer.
		{err: missing, wantErr: true, complain: true},
	} {
		complained, over := false, false
		got, err := good.keep(tc.read, tc.err, func(err error) { complained, over = err != nil, err == nil })
		if over != tc.over {
			t.Errorf("step %d: that it is over was told: %t, want %t", step, over, tc.over)
		}
		if !got.Equal(tc.want) || (err != nil) != tc.wantErr || complained != tc.complain {
			t.Errorf("step %d: %d CAs, error %v, complained %t; want %d, an error %t, a complaint %t",
				step, got.Len(), err, complained, tc.want.Len(), tc.wantErr, tc.complain)
		}
	}
}
