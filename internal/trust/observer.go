// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import "time"

// Observer is told what the injector does; for metrics and events. A function may be nil. They are called by one
// goroutine for each target, which waits for them; Waived by one for all.
type Observer struct {
	Wrote  func(Write)
	Failed func(Target, error)
	// Fight is told once for each fight, after Wrote: when somebody spoils what is repaired again and again, and from
	// now on repairs are held back. A quiet minute, or new trust, ends a fight.
	Fight func(Write)
	// Insists is told once of another manager who keeps CAs of his own in our caBundles, which are left there.
	Insists func(Target, Insistence)
	// Foreign is told of the entries of a webhook configuration that do not call our Service: once when the object has
	// been read, with none as well, and then when they have changed.
	Foreign func(Target, []ForeignEntry)
	// Waived is told why nothing waits for a target any more, as [Entry.Waived] has it, and "" when it counts again.
	Waived func(t Target, reason string)
}

// Write describes one successful write.
type Write struct {
	Target     Target
	Entries    []string      // the webhooks whose caBundle changed; nil for a CRD and an APIService
	Reason     string        // "empty", "garbage", "differs", "surplus", "distrusted", "moved" or "ownership"
	Overwriter string        // the field manager who had spoiled what had been right, as far as it is known
	Annotation string        // of the object, which has another controller write its caBundle; "" if there is none
	Repairs    int           // how many repairs in a row this makes; 0 if what was there had never been right
	Duration   time.Duration // of the request
}

// ForeignEntry is an entry of a webhook configuration that does not call us. A client that may write our entries may
// add one: RBAC knows no fields. It is sent every object that its rules match.
type ForeignEntry struct {
	Webhook string // the entry's name
	Calls   string // where it goes: NAMESPACE/NAME of a Service, or scheme and host of a URL
}

// Insistence is somebody else who keeps CAs of his own in our caBundles. They stay: to take them out would be undone.
type Insistence struct {
	Manager    string // the field manager, as far as it is known
	Annotation string // of the object, which asks for that; "" if none is known to
	CAs        Bundle // what stays though it is not ours, of all entries
}
