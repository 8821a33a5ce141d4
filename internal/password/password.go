// Package password keeps passwords: which ones are accepted, how they are
// hashed, and how many are hashed at a time.
//
// A hash is argon2id in the PHC string form
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>
//
// with unpadded base64. The parameters travel with each hash, so they can be
// raised later: [Weak] hashes are made anew when their password is shown. On
// verification they are capped, so that a hash from elsewhere cannot make the program
// allocate or compute without bound.
//
// Hashing is made to be expensive: about 19 MiB and tens of milliseconds. The
// [Hasher] therefore runs on half of the processors, and lets only a bounded
// number wait for a bounded time; further ones get [ErrBusy].
//
// A server hashes in processes of their own ([NewWorkerHasher]). Within one process, Go
// gives a hash as much of a processor as the goroutines that sell, for 10 ms at a time,
// and the library takes its memory anew for each, which the collector of the whole heap has
// to make up for. The scheduler of the operating system knows better: who is nice waits for
// those who are not.
//
// A password is hashed in Unicode's composed form, so that it is the same on a
// keyboard that sends an accent as a character of its own.
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Parameters of new hashes: the minimum that OWASP recommends.
const (
	memoryKiB   = 19_456
	passes      = 2
	parallelism = 1
	saltBytes   = 16
	keyBytes    = 32
)

// Caps on what a stored hash may ask for.
const (
	memoryKiBMax   = 256 << 10
	passesMax      = 10
	parallelismMax = 4
	saltBytesMin   = 8
	saltBytesMax   = 64
	keyBytesMin    = 16
	keyBytesMax    = 64
	phcBytesMax    = 256
)

// ErrHash is wrapped when a stored hash cannot be used.
var ErrHash = errors.New("not a usable argon2id hash")

// parameters is a parsed PHC string.
type parameters struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

// normalise returns the form of a password that is counted and hashed (NFC).
func normalise(password string) string { return norm.NFC.String(password) }

// fresh are the parameters of a new hash, with a salt and no key.
func fresh() parameters {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	return parameters{memory: memoryKiB, time: passes, threads: parallelism, salt: salt}
}

// quick are parameters that cost next to nothing, and protect nothing.
func quick() parameters {
	return parameters{memory: 8, time: 1, threads: parallelism, salt: make([]byte, saltBytes)}
}

// String is the PHC string.
func (p parameters) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.key))
}

// Weak reports whether a hash costs less to try passwords on than a new one would. It is
// false of what is no hash.
func Weak(phc string) bool {
	p, err := parse(phc)
	return err == nil && (p.memory < memoryKiB || p.time < passes || len(p.salt) < saltBytes || len(p.key) < keyBytes)
}

// has reports whether key is that of p.
func (p parameters) has(key []byte) bool { return subtle.ConstantTimeCompare(key, p.key) == 1 }

// keyBytes is how long the key has to be.
func (p parameters) keyBytes() int {
	if len(p.key) > 0 {
		return len(p.key)
	}
	return keyBytes
}

// inProcess derives keys in this process.
type inProcess struct{}

func (inProcess) derive(password string, p parameters) ([]byte, error) {
	return argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, uint32(p.keyBytes())), nil
}

func (inProcess) close() {}

// parse reads a PHC string and checks it against the caps.
func parse(phc string) (parameters, error) {
	var p parameters
	parts := strings.Split(phc, "$")
	if len(phc) > phcBytesMax || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" ||
		parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return p, fmt.Errorf("%w: wrong form", ErrHash)
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return p, fmt.Errorf("%w: wrong parameters", ErrHash)
	}
	memory, errMemory := cost(costs[0], "m=", 8, memoryKiBMax)
	time, errTime := cost(costs[1], "t=", 1, passesMax)
	threads, errThreads := cost(costs[2], "p=", 1, parallelismMax)
	salt, errSalt := part(parts[4], saltBytesMin, saltBytesMax)
	key, errKey := part(parts[5], keyBytesMin, keyBytesMax)
	if err := errors.Join(errMemory, errTime, errThreads, errSalt, errKey); err != nil {
		return p, err
	}
	return parameters{memory: memory, time: time, threads: uint8(threads), salt: salt, key: key}, nil
}

// cost reads one parameter between least and most.
func cost(text, name string, least, most uint64) (uint32, error) {
	digits, found := strings.CutPrefix(text, name)
	value, err := strconv.ParseUint(digits, 10, 32)
	if !found || err != nil || value < least || value > most {
		return 0, fmt.Errorf("%w: parameter %s is missing or beyond its bounds", ErrHash, name)
	}
	return uint32(value), nil
}

// part reads the salt or the key.
func part(text string, least, most int) ([]byte, error) {
	data, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(data) < least || len(data) > most {
		return nil, fmt.Errorf("%w: salt or key is malformed", ErrHash)
	}
	return data, nil
}
