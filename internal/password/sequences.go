package password

// sequences are characters in an order that fingers and children know: alphabets,
// digits, and the rows and columns of keyboards.
var sequences = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
	"qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "qwertzuiopü+", "asdfghjklöä#", "yxcvbnm,.-",
	"azertyuiop", "qsdfghjklm", "wxcvbn,;:!", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю",
	"1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/", "!@#$%^&*()_+",
}

// Bounds of the rule about sequences.
const (
	// runMin is how many neighbours in a row are no accident.
	runMin = 3
	// outsideRunsMin is how many characters a password needs besides its runs.
	outsideRunsMin = 8
)

// pair is two characters, one after the other.
type pair struct{ first, second rune }

// neighbours are the pairs of sequences, in their order.
var neighbours = neighboursOf(sequences)

func neighboursOf(sequences []string) map[pair]bool {
	known := map[pair]bool{}
	for _, sequence := range sequences {
		characters := []rune(sequence)
		for i := 1; i < len(characters); i++ {
			known[pair{characters[i-1], characters[i]}] = true
		}
	}
	return known
}

// isSequence reports whether too little is left of text without its runs. A
// passphrase may have one: "first" has r, s and t.
func isSequence(text string) bool {
	characters := []rune(text)
	outside := 0
	for i := 0; i < len(characters); {
		length := runAt(characters[i:])
		if length < runMin {
			length = 1
			outside++
		}
		i += length
	}
	return outside < outsideRunsMin
}

// runAt is the length of the longest run at the beginning: forward, backward, or
// of one character.
func runAt(characters []rune) int {
	longest := 1
	for _, follows := range []func(a, b rune) bool{
		func(a, b rune) bool { return neighbours[pair{a, b}] },
		func(a, b rune) bool { return neighbours[pair{b, a}] },
		func(a, b rune) bool { return a == b },
	} {
		length := 1
		for length < len(characters) && follows(characters[length-1], characters[length]) {
			length++
		}
		longest = max(longest, length)
	}
	return longest
}
