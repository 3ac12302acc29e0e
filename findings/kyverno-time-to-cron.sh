#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# github.com/kyverno/kyverno v1.19.1 with github.com/kyverno/sdk v0.0.0-20260825082632-68d74afcb07a, and Go 1.26
#
# Kyverno's time_to_cron "converts a time (RFC 3339) to a cron expression", and its documentation has it in the schedule of a
# generated ClusterCleanupPolicy, "scheduled 4 hours after creation", which deletes an object by its name (there a
# PolicyException). The expression has the day of the month and the day of the week. Cron takes a day on which either of
# them holds, and so does Kyverno. What it makes of 2026-12-01T14:30:00Z, a Tuesday, is "30 14 1 12 2":
#
#   expected            2026-12-01 14:30, and (cron has no year) 2027-12-01 14:30
#   what Kyverno runs   2026-12-01, 2026-12-08, 2026-12-15, 2026-12-22, 2026-12-29, 2027-12-01, 2027-12-07, … at 14:30
#
# A cleanup policy stays after it has run. So an object that somebody makes again under the same name is deleted a week
# later at the latest, however short it has been there: on each Tuesday of this month. "30 14 1 12 *" would not do so.
# time.toCron for CEL policies gives the same expression.
#
# It needs Go, a gigabyte of disk for modules, and takes two minutes. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.6

require (
	github.com/kyverno/kyverno v1.19.1
	github.com/kyverno/sdk v0.0.0-20260825082632-68d74afcb07a
)
MOD

cat >main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/google/cel-go/cel"
	kyvernov2 "github.com/kyverno/kyverno/api/kyverno/v2"
	"github.com/kyverno/kyverno/pkg/config"
	"github.com/kyverno/kyverno/pkg/engine/jmespath"
	celtime "github.com/kyverno/sdk/extensions/cel/libs/time"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func inCEL(expression string) any {
	env := must(cel.NewEnv(celtime.Lib(celtime.Latest())))
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		panic(issues.Err())
	}
	value, _, err := must(env.Program(ast)).Eval(map[string]any{})
	return must(value, err).Value()
}

func main() {
	query := jmespath.New(config.NewDefaultConfiguration(false))
	schedule := must(query.Search("time_add('2026-12-01T10:30:00Z', '4h') | time_to_cron(@)", map[string]any{})).(string)
	fmt.Println("JMESPath:", schedule)
	fmt.Println("CEL:", inCEL(`time.toCron(timestamp("2026-12-01T10:30:00Z") + duration("4h"))`))

	for _, schedule := range []string{schedule, "30 14 1 12 *"} {
		policy := kyvernov2.ClusterCleanupPolicy{Spec: kyvernov2.CleanupPolicySpec{Schedule: schedule}}
		if err := kyvernov2.ValidateSchedule(nil, schedule); len(err) != 0 {
			panic(err)
		}
		now := time.Date(2026, time.December, 1, 10, 30, 0, 0, time.UTC)
		fmt.Printf("%s:", schedule)
		for range 7 {
			now = *must(policy.GetNextExecutionTime(now))
			fmt.Print(" ", now.Format("2006-01-02T15:04"))
		}
		fmt.Println()
	}
}
GO

go run -mod=mod . 2>errors | tee seen || { cat errors >&2; exit 1; }
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'JMESPath: 30 14 1 12 2'
expect 'CEL: 30 14 1 12 2'
expect '30 14 1 12 2: 2026-12-01T14:30 2026-12-08T14:30 2026-12-15T14:30 2026-12-22T14:30 2026-12-29T14:30 2027-12-01T14:30 2027-12-07T14:30'
expect '30 14 1 12 *: 2026-12-01T14:30 2027-12-01T14:30 2028-12-01T14:30 2029-12-01T14:30 2030-12-01T14:30 2031-12-01T14:30 2032-12-01T14:30'
echo 'as described'
