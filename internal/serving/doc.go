// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serving turns key pairs into TLS handshakes: it holds the pair being served and who may connect, and reads
// and writes pairs on disk.
//
// A certificate reaches a listener by one of two ways, and both end in [State.Set]:
//
//	issued in this process ─▶ NewPair ──┬──────────▶ State ─▶ TLSOption ─▶ every handshake
//	                                    └▶ Directory (survives a restart; a sidecar may read it)
//	written by somebody else ─▶ Follower ─▶ offer ─▶ State
//
// A [Pair] is a private key, the certificate chain that belongs to it, and the CA certificates that came along. It
// can only be made from parts that fit each other, and it never changes afterwards, so code that holds one need not
// check it again. Printing one shows the fingerprint of its leaf, never its key.
//
// A [ClientAuth] says which clients get in, where not all of them shall: CAs and, on top, names. A [Follower]
// follows the file of the CAs.
//
// A [State] holds the pair being served and the ClientAuth. Replacing either replaces everything a handshake looks at
// in one step: a handshake uses the old pair or the new one, never the chain of one and the key of the other. Sessions
// end with the state they began in; connections which already exist are left alone.
//
// An [ErrorLog] makes structured and rare lines of what net/http's server says about handshakes that fail.
//
// A [Directory] keeps a pair on disk the way the kubelet keeps a Secret volume: the files of one generation sit in a
// directory of their own, and a symbolic link that is swapped by one rename says which generation is current. A
// reader which resolves that link once reads one generation, whatever a writer or a crash does in the meantime.
//
//	DIR/..2026_01_31_12_00_00.123456/{tls.crt,tls.key,ca.crt}
//	DIR/..data  ─▶ ..2026_01_31_12_00_00.123456
//	DIR/tls.crt ─▶ ..data/tls.crt
//	DIR/tls.key ─▶ ..data/tls.key
//	DIR/ca.crt  ─▶ ..data/ca.crt
//
// A [Follower] follows a directory that somebody else writes: a Secret volume, a projected volume with a credential
// bundle (KEP-4317), a CSI driver, or a person with cp. It watches the directory rather than the files, because a
// watch on a file dies with the file when a symbolic link is swapped, and it polls slowly beneath, because a watch can
// be lost. Files that do not fit each other are usually files in the middle of being written: the watcher waits, tries
// again, and tells only when they stay that way. The last good pair keeps being served all the while. [WatchFile] does
// the same for one file, whatever it holds.
package serving
