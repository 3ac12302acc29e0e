// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hookstrap/hookstrap/pkg/handler"
)

// moves are the items that mutations add to lists and remove from them, in the order in which they do.
type moves []move

type move struct {
	list  string // its field
	index int
	isAdd bool
}

func movesOf(changes []handler.Change) moves {
	var all moves
	for _, c := range changes {
		isAdd := c.Op == "add"
		if !isAdd && c.Op != "remove" {
			continue
		}
		open := strings.LastIndex(c.Field, "[")
		if open < 0 || !strings.HasSuffix(c.Field, "]") {
			continue
		}
		if index, err := strconv.Atoi(c.Field[open+1 : len(c.Field)-1]); err == nil { // and no name
			all = append(all, move{list: c.Field[:open], index: index, isAdd: isAdd})
		}
	}
	return all
}

// before is where a field was before the moves. Of an item that was added it is the list.
func (m moves) before(field string) string {
	for _, one := range slices.Backward(m) {
		field = one.before(field)
	}
	return field
}

func (m move) before(field string) string {
	inList, ok := strings.CutPrefix(field, m.list+"[")
	if !ok {
		return field
	}
	number, below, _ := strings.Cut(inList, "]")
	index, err := strconv.Atoi(number)
	switch {
	case err != nil || index < m.index:
		return field
	case !m.isAdd:
		index++
	case index == m.index:
		return m.list
	default:
		index--
	}
	return m.list + "[" + strconv.Itoa(index) + "]" + below
}
