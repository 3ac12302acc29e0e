#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# github.com/cert-manager/cert-manager v1.21.2, and Go 1.26
#
# A Certificate has spec.renewal.windows: renewal waits for one of them. If none opens between the time of the renewal and
# the expiry, says the documentation, the status has an error, and it is renewed at that time all the same, so that the
# certificate does not expire. But the search for the opening of a window does not end with the certificate; it goes on for
# windowDuration. A window that opens in this time is taken, without an error: the renewal is scheduled after the expiry.
#
#   certificate   window                            renewal due      expiry           scheduled for
#   90 days       on the 1st at 04:00, for 20h      2 Jan 01:00      1 Feb 01:00      1 Feb 04:00, 3h after the expiry
#   the same      on the 1st at 04:00, for 1h       2 Jan 01:00      1 Feb 01:00      2 Jan 01:00, and the error
#   72 hours      Saturdays at 00:00, for 48h       Wed 12:00        Thu 12:00        Sat 00:00, 36h after the expiry
#   the same      Saturdays at 00:00, for 24h       Wed 12:00        Thu 12:00        Wed 12:00, and the error
#
# So it is the longer window with which the certificate expires. The controller that triggers a renewal asks for this time,
# and not whether the certificate has expired. (The calendar is that of 2026 and 2027; the windows are in UTC.)
#
# It needs Go and takes a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	k8s.io/apimachinery v0.36.2
)
MOD

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func show(notBefore time.Time, lifetime time.Duration, cron string, open time.Duration) {
	notAfter := notBefore.Add(lifetime)
	renewal := &cmapi.CertificateRenewal{Policy: cmapi.CertificateRenewalPolicyRenewBefore}
	due, err := pki.RenewalTime(notBefore, notAfter, nil, nil, renewal)
	if err != nil {
		panic(err)
	}
	renewal.Windows = []cmapi.CertificateRenewalWindows{{Cron: cron, WindowDuration: &metav1.Duration{Duration: open}}}
	at, err := pki.RenewalTime(notBefore, notAfter, nil, nil, renewal)
	const layout = "2006-01-02T15:04"
	fmt.Printf("%s for %s: due %s, expiry %s, scheduled %s, after expiry %t, error %t\n", cron, open,
		due.UTC().Format(layout), notAfter.Format(layout), at.UTC().Format(layout), at.After(notAfter), err != nil)
}

func main() {
	quarter := time.Date(2026, time.November, 3, 1, 0, 0, 0, time.UTC)
	for _, open := range []time.Duration{20 * time.Hour, time.Hour} {
		show(quarter, 90*24*time.Hour, "0 4 1 * *", open)
	}
	monday := time.Date(2026, time.November, 30, 12, 0, 0, 0, time.UTC)
	for _, open := range []time.Duration{48 * time.Hour, 24 * time.Hour} {
		show(monday, 72*time.Hour, "0 0 * * 6", open)
	}
}
GO

go mod tidy 2>errors || { cat errors >&2; exit 1; }
go run . | tee seen
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect '0 4 1 * * for 20h0m0s: due 2027-01-02T01:00, expiry 2027-02-01T01:00, scheduled 2027-02-01T04:00, after expiry true, error false'
expect '0 4 1 * * for 1h0m0s: due 2027-01-02T01:00, expiry 2027-02-01T01:00, scheduled 2027-01-02T01:00, after expiry false, error true'
expect '0 0 * * 6 for 48h0m0s: due 2026-12-02T12:00, expiry 2026-12-03T12:00, scheduled 2026-12-05T00:00, after expiry true, error false'
expect '0 0 * * 6 for 24h0m0s: due 2026-12-02T12:00, expiry 2026-12-03T12:00, scheduled 2026-12-02T12:00, after expiry false, error true'
echo 'as described'
