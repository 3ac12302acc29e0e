#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# gomodules.xyz/jsonpatch/v3 v3.0.1 and v2 v2.4.0, with gopkg.in/evanphx/json-patch.v4 v4.13.0, which API servers have, and
# Go 1.26
#
# The module makes the patch of a mutating webhook from the object and what it was changed to. v3 is not the successor of
# v2: it takes a null in a list for nothing, which v2 does not. So where an item that is null changes, which custom
# resources may have (nullable items), the patch of v3
#
#   adds the new item and leaves the null behind it               the API server accepts it: the list is longer
#   addresses what follows by the index of before                 the API server refuses it, if that is not there
#
# v2, which controller-runtime 0.25 uses, replaces the null. A null that is a member of an object is right with both.
#
# It needs Go and takes a quarter of a minute. It fails if the behaviour is another one.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat >go.mod <<'MOD'
module example.com/finding

go 1.26.0

require (
	gomodules.xyz/jsonpatch/v2 v2.4.0
	gomodules.xyz/jsonpatch/v3 v3.0.1
	gopkg.in/evanphx/json-patch.v4 v4.13.0
)
MOD

cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	v2 "gomodules.xyz/jsonpatch/v2"
	v3 "gomodules.xyz/jsonpatch/v3"
	"gopkg.in/evanphx/json-patch.v4"
)

func show(name, source, target string, operations any, err error) {
	if err != nil {
		panic(err)
	}
	text, err := json.Marshal(operations)
	if err != nil {
		panic(err)
	}
	patch, err := jsonpatch.DecodePatch(text)
	if err != nil {
		panic(err)
	}
	got, err := patch.Apply([]byte(source))
	switch {
	case err != nil:
		fmt.Printf("%s: refused: %s: %v\n", name, text, err)
	case jsonpatch.Equal(got, []byte(target)):
		fmt.Printf("%s: right: %s\n", name, text)
	default:
		fmt.Printf("%s: wrong: %s makes %s, not %s\n", name, text, got, target)
	}
}

func main() {
	for _, c := range []struct{ name, source, target string }{
		{"item", `{"hosts":[null]}`, `{"hosts":["a.example.com"]}`},
		{"item before an object", `{"hosts":[null,{"name":"a"}]}`, `{"hosts":["any",{},"b"]}`},
		{"member", `{"hosts":[{"name":null}]}`, `{"hosts":[{"name":"a"}]}`},
	} {
		old, err := v2.CreatePatch([]byte(c.source), []byte(c.target))
		show(c.name+", v2", c.source, c.target, old, err)
		operations, err := v3.CreatePatch([]byte(c.source), []byte(c.target))
		show(c.name+", v3", c.source, c.target, operations, err)
	}
}
GO

go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
expect() { grep -qF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'item, v2: right'
expect 'item before an object, v2: right'
expect 'member, v2: right'
expect 'member, v3: right'
expect 'item, v3: wrong: [{"op":"add","path":"/hosts/0","value":"a.example.com"}] makes {"hosts":["a.example.com",null]}'
expect 'item before an object, v3: refused: '
echo 'as described'
