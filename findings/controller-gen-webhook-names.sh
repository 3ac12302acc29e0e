#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# sigs.k8s.io/controller-tools v0.23.0 (controller-gen), and Go 1.26
#
# The marker +kubebuilder:webhookconfiguration:mutating=false,name=… is for a package, and is documented so: "Name indicates
# the name of the K8s MutatingWebhookConfiguration or ValidatingWebhookConfiguration object". Two such markers in one
# package are an error ("duplicate validating …"). In two packages they are not: all webhooks of all packages go into one
# object, which has the name of the last package given, and there is no object with the other name. A package without such a
# marker gets into it too. The exit status is 0, and nothing is said.
#
#   packages                                     objects
#   apps (name=apps), jobs (name=jobs)           jobs, with the webhooks of both
#   the same in another order of paths           apps, with the webhooks of both
#   apps (name=apps), jobs (no marker)           apps, with the webhooks of both
#   one run for each of the two                  apps, and jobs
#
# With paths=./... the name also changes when a package is added whose path sorts after the others: the object with the
# old name, if nobody deletes it, goes on calling the webhooks besides the new one.
#
# "If not specified, the name will be auto-generated based on the webhook names", says the documentation too. It is always
# validating-webhook-configuration, so two projects without a name take the object from each other.
#
# It needs Go and takes a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

GOBIN="$directory" go install sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 2>errors || { cat errors >&2; exit 1; }

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0
MOD

# package NAME [MARKER…]
package() {
  mkdir -p "$1"
  {
    for name in "${@:2}"; do
      echo "// +kubebuilder:webhookconfiguration:mutating=false${name:+,name=$name}"
    done
    echo "package $1"
    echo
    echo "// +kubebuilder:webhook:path=/$1,mutating=false,failurePolicy=fail,sideEffects=None,groups=$1.example.com,resources=things,verbs=create,versions=v1,name=$1.example.com,admissionReviewVersions=v1"
  } >"$1/$1.go"
}

names() { awk '/^  name: / {print $2}' out | awk "$1" | xargs; }

# show WHAT PATH…
show() {
  local status=0
  ./controller-gen webhook "${@:2}" output:stdout >out 2>error || status=$?
  echo "$1: status $status, objects $(names '! /example/'), webhooks $(names '/example/')$(grep -o 'duplicate validating.*' error || true)"
}

{
  package apps apps
  package jobs jobs
  show both paths=./apps paths=./jobs
  show 'both in another order' paths=./jobs paths=./apps
  show 'apps alone' paths=./apps
  show 'jobs alone' paths=./jobs
  package jobs
  show 'jobs without a name' paths=./...
  package jobs ''
  show 'no name' paths=./jobs
  package jobs jobs
  package tasks tasks
  show 'one more' paths=./...
  package apps apps jobs
  show 'two names in a package' paths=./apps
} | tee seen
expect() { grep -qxF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'both: status 0, objects jobs, webhooks apps.example.com jobs.example.com'
expect 'both in another order: status 0, objects apps, webhooks apps.example.com jobs.example.com'
expect 'apps alone: status 0, objects apps, webhooks apps.example.com'
expect 'jobs alone: status 0, objects jobs, webhooks jobs.example.com'
expect 'jobs without a name: status 0, objects apps, webhooks apps.example.com jobs.example.com'
expect 'no name: status 0, objects validating-webhook-configuration, webhooks jobs.example.com'
expect 'one more: status 0, objects tasks, webhooks apps.example.com jobs.example.com tasks.example.com'
expect 'two names in a package: status 1, objects , webhooks duplicate validating kubebuilder:webhookconfiguration with name jobs'
echo 'as described'
