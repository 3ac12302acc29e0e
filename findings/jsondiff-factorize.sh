#!/usr/bin/env bash
# Copyright The Hookstrap Authors.
# SPDX-License-Identifier: Apache-2.0
#
# github.com/wI2L/jsondiff v0.7.1 with gopkg.in/evanphx/json-patch.v4 v4.13.0, which API servers have, and Go 1.26
#
# CompareJSON(source, target, Factorize()) replaces an "add" of a value that the source has elsewhere by a "copy". Values
# are found by a hash, which does not tell a list from what is in it, nor where one string of a list ends. So patches that
# an API server accepts without an error make another document than the target:
#
#   a list with one string is added where the string is           the string is copied
#   an empty object is added where an empty list is               the empty list is copied
#   ["a", "b"] is added where ["ab"] is                           ["ab"] is copied
#
# With LCS() besides, a "copy" has the index that its value has in the source, after a "remove" has moved it: the patch
# is refused. Without Factorize() all of these are right.
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
	github.com/wI2L/jsondiff v0.7.1
	gopkg.in/evanphx/json-patch.v4 v4.13.0
)
MOD

cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"github.com/wI2L/jsondiff"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

func show(name, source, target string, options ...jsondiff.Option) {
	operations, err := jsondiff.CompareJSON([]byte(source), []byte(target), options...)
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
		{"string, list", `{"entrypoint":"run"}`, `{"entrypoint":"run","command":["run"]}`},
		{"list, object", `{"tolerations":[]}`, `{"tolerations":[],"affinity":{}}`},
		{"one string, two", `{"args":["ab"]}`, `{"args":["ab"],"command":["a","b"]}`},
	} {
		show(c.name, c.source, c.target)
		show(c.name+", Factorize", c.source, c.target, jsondiff.Factorize())
	}
	const source, target = `{"args":["a","a","b"]}`, `{"args":["a","b","b"]}`
	show("index, LCS", source, target, jsondiff.LCS())
	show("index, LCS, Factorize", source, target, jsondiff.LCS(), jsondiff.Factorize())
}
GO

go mod tidy 2>tidy || { cat tidy >&2; exit 1; }
go run . | tee seen
expect() { grep -qF "$1" seen || { echo "it does not say: $1" >&2; exit 1; }; }
expect 'string, list: right'
expect 'list, object: right'
expect 'one string, two: right'
expect 'index, LCS: right'
expect 'string, list, Factorize: wrong: [{"op":"copy","from":"/entrypoint","path":"/command"}]'
expect 'list, object, Factorize: wrong: [{"op":"copy","from":"/tolerations","path":"/affinity"}]'
expect 'one string, two, Factorize: wrong: [{"op":"copy","from":"/args","path":"/command"}]'
expect 'index, LCS, Factorize: refused: '
echo 'as described'
