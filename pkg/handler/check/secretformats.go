// Copyright The Hookstrap Authors.
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"slices"
	"strings"
)

// secretFormat is how a sort of secrets looks like, whatever it is called. One of find and isWord is set.
type secretFormat struct {
	name, what string
	// find returns the secrets of this sort in a text.
	find func(text string) []string
	// isWord says whether a word, of letters, digits and any of "-_.", is such a secret.
	isWord func(word string) bool
}

// secretFormats are those with a beginning by which one can know them.
func secretFormats() []secretFormat {
	return []secretFormat{
		{name: "privateKey", what: "a private key", find: privateKeys},
		{name: "urlPassword", what: "a URL with a password", find: urlPasswords},
		{name: "jwt", what: "a JSON Web Token", isWord: isJWT},
		{name: "aws", what: "an access key of AWS", isWord: func(word string) bool {
			return len(word) == 20 && begins(word, 16, "AKIA", "ASIA") && word == strings.ToUpper(word)
		}},
		{name: "github", what: "a token of GitHub", isWord: func(word string) bool {
			return begins(word, 36, "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")
		}},
		{name: "gitlab", what: "a token of GitLab", isWord: func(word string) bool {
			return begins(word, 20, "glpat-", "gldt-", "glrt-", "glcbt-")
		}},
		{name: "google", what: "an API key of Google", isWord: func(word string) bool {
			return len(word) == 39 && begins(word, 35, "AIza")
		}},
		{name: "npm", what: "a token of npm", isWord: func(word string) bool { return begins(word, 36, "npm_") }},
		{name: "pypi", what: "a token of PyPI", isWord: func(word string) bool { return begins(word, 50, "pypi-AgE") }},
		{name: "slack", what: "a token of Slack", isWord: func(word string) bool {
			return begins(word, 20, "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-")
		}},
		{name: "stripe", what: "a key of Stripe", isWord: func(word string) bool {
			return begins(word, 16, "sk_live_", "rk_live_")
		}},
		{name: "vault", what: "a token of Vault", isWord: func(word string) bool { return begins(word, 24, "hvs.", "hvb.") }},
	}
}

// begins says whether a word has one of the beginnings, with so many bytes behind it at least.
func begins(word string, least int, beginnings ...string) bool {
	return slices.ContainsFunc(beginnings, func(b string) bool {
		return strings.HasPrefix(word, b) && len(word) >= len(b)+least
	})
}

// isJWT is for three parts in base64url, of which two begin as a JSON object does (RFC 7519).
func isJWT(word string) bool {
	header, rest, _ := strings.Cut(word, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	return begins(header, 8, "eyJ") && begins(claims, 8, "eyJ") && len(signature) >= 16 &&
		!strings.Contains(signature, ".")
}

// wordsOf calls visit with each of the longest parts of a text that are letters, digits and any of "-_.". No byte is in
// two of them, so that looking at each once takes time in proportion to the text.
func wordsOf(text string, visit func(word string)) {
	isOther := func(c byte) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
	}
	begin := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && !isOther(text[i]) {
			continue
		}
		if i > begin {
			visit(strings.Trim(text[begin:i], "-."))
		}
		begin = i + 1
	}
}

// privateKeys are the PEM blocks (RFC 7468) of private keys of any sort, each from its first line to the next block.
func privateKeys(text string) []string {
	const dashes, most = "-----BEGIN ", 40
	var found []string
	for {
		_, rest, ok := strings.Cut(text, dashes)
		if !ok {
			return found
		}
		label, _, isLine := strings.Cut(rest[:min(len(rest), most)], "-----")
		text = rest
		if !isLine || !strings.Contains(label, "PRIVATE KEY") {
			continue
		}
		block, _, _ := strings.Cut(rest, dashes)
		found = append(found, block)
	}
}

// urlPasswords are the users and passwords in URLs (RFC 3986, section 3.2.1), unless these stand for others.
func urlPasswords(text string) []string {
	var found []string
	for {
		_, rest, ok := strings.Cut(text, "://")
		if !ok {
			return found
		}
		end := strings.IndexAny(rest, "/?# \t\r\n\"'`,;")
		if end < 0 {
			end = len(rest)
		}
		text = rest[end:]
		at := strings.LastIndexByte(rest[:end], '@')
		if at < 0 {
			continue
		}
		_, password, _ := strings.Cut(rest[:at], ":")
		if password != "" && !isStandIn(password) {
			found = append(found, rest[:at])
		}
	}
}

// isStandIn says whether a text stands for a secret that is somewhere else: it refers to a variable, is to be filled in
// by a template, or was made unreadable.
func isStandIn(text string) bool {
	return slices.ContainsFunc([]string{"$", "{{", "<", "%s", "***"}, func(part string) bool {
		return strings.Contains(text, part)
	})
}
