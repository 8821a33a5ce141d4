package password

import (
	"strings"
	"unicode/utf8"
)

// Bounds of a password in characters (code points). The password is the only
// factor, so it is long; nothing is said about which characters it has.
const (
	CharactersMin = 15
	CharactersMax = 128
)

// commonPasswords head the published lists. A password is refused when hardly
// anything but one of these is in it, repeated or lengthened by digits and
// punctuation.
var commonPasswords = []string{
	"password", "passwort", "passw0rd", "p@ssw0rd", "letmein", "iloveyou", "qwertyuiop", "qwerty", "qwertz",
	"asdfghjkl", "zxcvbnm", "1q2w3e4r5t", "1qaz2wsx3edc", "abcdefghijklmnop", "abcdefghijklmnopqrstuvwxyz",
	"changeme", "administrator", "admin", "welcome", "football", "baseball", "princess", "sunshine",
	"superman", "starwars", "trustno1", "monkey", "dragon", "master", "shadow", "michael", "jennifer",
	"charlie", "whatever", "secret", "login", "access", "correcthorsebatterystaple", "thisismypassword",
	"mypassword", "password1", "abc123", "a1b2c3d4", "test", "guest", "default", "hello", "freedom",
}

// contextWords are words that an attacker of this shop tries first.
var contextWords = []string{"holdfast", "flashsale", "flash-sale", "flash sale"}

// Reason says why a password is refused, in a sentence for people; empty means
// that it is accepted.
type Reason string

// Check returns why the password of the person with that name and address is
// refused.
func Check(password, name, email string) Reason {
	password = normalise(password)
	switch characters := utf8.RuneCountInString(password); {
	case characters < CharactersMin:
		return "A password has at least 15 characters."
	case characters > CharactersMax:
		return "A password has at most 128 characters."
	}
	folded := strings.ToLower(password)
	if repeats(folded) {
		return "This password is a short pattern, repeated."
	}
	if isCommon(folded) {
		return "This password is one of the first that attackers try."
	}
	if isSequence(folded) {
		return "This password is hardly more than neighbours of the alphabet or of a keyboard."
	}
	if hasPersonal(folded, append(personalWords(normalise(name), normalise(email)), contextWords...)) {
		return "A password must not be built from the shop's name, your name or your address."
	}
	return ""
}

// repeats reports whether text is one pattern of at most four characters, over
// and over.
func repeats(text string) bool {
	characters := []rune(text)
	for period := 1; period <= 4; period++ {
		i := period
		for i < len(characters) && characters[i] == characters[i-period] {
			i++
		}
		if i == len(characters) {
			return true
		}
	}
	return false
}

// isCommon reports whether too little is left of text without a common password
// and without digits and punctuation.
func isCommon(text string) bool {
	for _, common := range commonPasswords {
		rest, found := strings.ReplaceAll(text, common, ""), strings.Contains(text, common)
		if found && letters(rest) < 4 {
			return true
		}
	}
	return false
}

// letters counts what is neither an ASCII digit nor ASCII punctuation or space.
func letters(text string) int {
	count := 0
	for _, c := range text {
		if c >= 'a' && c <= 'z' || c >= 0x80 {
			count++
		}
	}
	return count
}

// personalWords are the parts of a name and an address that are long enough to
// be looked for.
func personalWords(name, email string) []string {
	local, domain, _ := strings.Cut(strings.ToLower(email), "@")
	words := append(strings.Fields(strings.ToLower(name)), local, strings.ToLower(email))
	words = append(words, strings.FieldsFunc(local, func(c rune) bool { return strings.ContainsRune("._-+", c) })...)
	if host, _, found := strings.Cut(domain, "."); found {
		words = append(words, host)
	}
	return words
}

// hasPersonal reports whether a word makes up the essence of text: a passphrase
// of many other characters may mention one.
func hasPersonal(text string, words []string) bool {
	for _, word := range words {
		if utf8.RuneCountInString(word) < 4 || !strings.Contains(text, word) {
			continue
		}
		if letters(strings.ReplaceAll(text, word, "")) < 8 {
			return true
		}
	}
	return false
}
