// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"encoding/json"
	"time"
)

// Phase is one finished step of the bootstrap, as the server logged it.
type Phase struct {
	// Name is the phase, At when it was logged, Took how long it says it took.
	Name string
	At   time.Time
	Took time.Duration
	// APIRequests is set in the phase "ready".
	APIRequests int
}

// ParsePhase reads one line of a log in JSON; ok is false for lines about anything else.
func ParsePhase(line string) (phase Phase, ok bool) {
	var entry struct {
		Message     string  `json:"msg"`
		Millis      float64 `json:"ts"`
		Phase       string  `json:"phase"`
		Took        string  `json:"took"`
		APIRequests int     `json:"apiRequests"`
	}
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Message != "Bootstrap phase done" {
		return Phase{}, false
	}
	took, err := time.ParseDuration(entry.Took)
	if err != nil {
		return Phase{}, false
	}
	at := time.UnixMicro(int64(entry.Millis * 1000))
	return Phase{Name: entry.Phase, At: at, Took: took, APIRequests: entry.APIRequests}, true
}
