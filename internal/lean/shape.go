// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package lean

// Shape says what becomes of the member of a JSON object that has the given name, and what is read of the member's own
// members, if not all. For a list of objects it says so of each of them. What is neither is read as it is.
//
// It is a function so that it needs no state and no memory: a switch over names. Names with an escape sequence, which
// could be any, are not asked about but read.
type Shape func(name []byte) (Verdict, Shape)

// Verdict is what becomes of a member.
type Verdict int

const (
	// Drop passes over the member.
	Drop Verdict = iota
	// Read gives it to the decoder.
	Read
	// Cut passes over the member and returns where it is; see [DecodeAround]. What its shape reads is returned beside it.
	Cut
)

// Slim reads what most checks look at of an object of any kind: its metadata but for the managed fields, and its
// specification, or the template of a PodTemplate. Of the Pods in these it leaves out what no check looks at, and what
// takes much time to decode and is looked at by few: those have to ask for it. See [Object.Whole].
func Slim(name []byte) (Verdict, Shape) {
	switch string(name) {
	case "metadata":
		return Read, ObjectMeta
	case "spec":
		return Read, slimSpec
	case "template":
		return Read, slimTemplate
	}
	return Drop, nil
}

// ObjectMeta reads all of an object's metadata but the managed fields.
func ObjectMeta(name []byte) (Verdict, Shape) {
	if string(name) == "managedFields" {
		return Drop, nil
	}
	return Read, nil
}

// slimSpec is for the specification of a Pod, of what makes Pods, and of what makes Jobs. There is no need to know
// which of them, as none has members that the others call by the same names.
func slimSpec(name []byte) (Verdict, Shape) {
	switch string(name) {
	case "initContainers", "containers", "ephemeralContainers":
		return Read, slimContainer
	case "template", "jobTemplate":
		return Read, slimTemplate
	case "tolerations", "affinity", "topologySpreadConstraints":
		return Drop, nil
	}
	return Read, nil
}

func slimTemplate(name []byte) (Verdict, Shape) {
	switch string(name) {
	case "metadata":
		return Read, ObjectMeta
	case "spec":
		return Read, slimSpec
	}
	return Read, nil
}

func slimContainer(name []byte) (Verdict, Shape) {
	switch string(name) {
	case "command", "args", "env", "envFrom", "resources", "volumeMounts",
		"terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy":
		return Drop, nil
	}
	return Read, nil
}

// Metadata reads an object's metadata, and nothing else.
func Metadata(name []byte) (Verdict, Shape) {
	if string(name) == "metadata" {
		return Read, ObjectMeta
	}
	return Drop, nil
}

// WithoutManagedFields reads all of an object but its managed fields.
func WithoutManagedFields(name []byte) (Verdict, Shape) {
	if string(name) == "metadata" {
		return Read, ObjectMeta
	}
	return Read, nil
}

// Partial reads what objects of every kind have, as a PartialObjectMetadata does, but no managed fields.
func Partial(name []byte) (Verdict, Shape) {
	switch string(name) {
	case "metadata":
		return Read, ObjectMeta
	case "kind", "apiVersion":
		return Read, nil
	}
	return Drop, nil
}
