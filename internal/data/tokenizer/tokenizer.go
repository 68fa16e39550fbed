// Package tokenizer turns text into numbers and back. Three kinds are fitted on a text: Char (a number for each character), Words (for each
// frequent word) and BPE (byte pair encoding: Sennrich, Haddow, Birch 2016, over the bytes of UTF-8, so that every text can be encoded).
//
// The numbers of a vocabulary of size n: the fitted entries from 0 on; at the top, n-1 downwards, those that are reserved: the end of a text and the
// beginning of a text where a call asks for them, then the unknown entry. Words always has an unknown entry, BPE needs none, Char has one if there is
// room left; without it an unseen character is an error.
package tokenizer

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

// Options say which ends of a text are marked by some call.
type Options struct{ Begin, End bool }

// Tokenizer is a fitted vocabulary. Its methods may be called by several goroutines.
type Tokenizer struct {
	kind    string
	size    int
	begin   int // -1: none
	end     int
	unknown int
	entries []string   // Char, Words
	merges  [][2]int32 // BPE: the pair that became 256+i
	bytes   [][]byte   // BPE: of each number
	number  map[string]int32
	rank    map[uint64]int32

	mu    sync.Mutex
	cache map[string][]int32 // BPE: of pieces
}

// Unknown says that a text has an entry that the vocabulary has not.
type Unknown struct {
	Entry  string
	Offset int // in characters
}

func (u *Unknown) Error() string {
	return fmt.Sprintf("the character %q (number %d of the text) does not occur in the training split, and the vocabulary has no room for unknown ones", u.Entry, u.Offset+1)
}

// Fit makes a vocabulary of at most size numbers from texts.
func Fit(kind string, size int64, texts []string, o Options) (*Tokenizer, error) {
	if size < 1 || size > 1<<24 {
		return nil, fmt.Errorf("%s(%d): the size of a vocabulary is 1 to %d", kind, size, 1<<24)
	}
	t := &Tokenizer{kind: kind, size: int(size), begin: -1, end: -1, unknown: -1}
	top := t.size
	if o.End {
		top--
		t.end = top
	}
	if o.Begin {
		top--
		t.begin = top
	}
	reserved := t.size - top
	switch kind {
	case "Char":
		seen := map[rune]bool{}
		for _, text := range texts {
			for _, r := range text {
				seen[r] = true
			}
		}
		if len(seen) > top {
			if reserved > 0 {
				return nil, fmt.Errorf("Char(%d): the training split has %d different characters, and %d numbers are reserved for the ends of a text: Char(%d) holds all", size, len(seen), reserved, len(seen)+reserved)
			}
			return nil, fmt.Errorf("Char(%d): the training split has %d different characters", size, len(seen))
		}
		runes := make([]rune, 0, len(seen))
		for r := range seen {
			runes = append(runes, r)
		}
		sort.Slice(runes, func(i, j int) bool { return runes[i] < runes[j] })
		for _, r := range runes {
			t.entries = append(t.entries, string(r))
		}
		if len(runes) < top {
			t.unknown = top - 1
		}
	case "Words":
		t.unknown = top - 1
		if t.unknown < 0 {
			return nil, fmt.Errorf("Words(%d): no number is left for words", size)
		}
		t.entries = frequent(texts, t.unknown)
	case "BPE":
		if top < 256 {
			return nil, fmt.Errorf("BPE(%d): the 256 bytes%s need a vocabulary of at least %d", size, map[bool]string{true: " and the ends of a text"}[reserved > 0], 256+reserved)
		}
		t.merges = train(texts, top-256)
	default:
		return nil, fmt.Errorf("there is no tokenizer %s; there are Char, BPE and Words", kind)
	}
	t.index()
	return t, nil
}

// index builds the tables that follow from the vocabulary.
func (t *Tokenizer) index() {
	t.number = make(map[string]int32, len(t.entries))
	for i, e := range t.entries {
		t.number[e] = int32(i)
	}
	if t.kind != "BPE" {
		return
	}
	t.rank = make(map[uint64]int32, len(t.merges))
	t.cache = map[string][]int32{}
	t.bytes = make([][]byte, 256, 256+len(t.merges))
	for i := range t.bytes {
		t.bytes[i] = []byte{byte(i)}
	}
	for i, m := range t.merges {
		t.rank[pair(m[0], m[1])] = int32(i)
		t.bytes = append(t.bytes, append(append([]byte(nil), t.bytes[m[0]]...), t.bytes[m[1]]...))
	}
}

// Size returns the size of the vocabulary as declared: every number is below it.
func (t *Tokenizer) Size() int { return t.size }

// Used returns how many entries were fitted.
func (t *Tokenizer) Used() int {
	if t.kind == "BPE" {
		return len(t.bytes)
	}
	return len(t.entries)
}

// Begin, End and Unknown return the reserved numbers, -1 where there is none.
func (t *Tokenizer) Begin() int   { return t.begin }
func (t *Tokenizer) End() int     { return t.end }
func (t *Tokenizer) Unknown() int { return t.unknown }

// Encode appends the numbers of a text. The error is an *Unknown.
func (t *Tokenizer) Encode(out []int64, text string) ([]int64, error) {
	switch t.kind {
	case "Char":
		at := 0
		for _, r := range text {
			n, ok := t.number[string(r)]
			if !ok {
				if t.unknown < 0 {
					return out, &Unknown{string(r), at}
				}
				n = int32(t.unknown)
			}
			out = append(out, int64(n))
			at++
		}
	case "Words":
		words(text, func(w string) {
			n, ok := t.number[w]
			if !ok {
				n = int32(t.unknown)
			}
			out = append(out, int64(n))
		})
	default:
		t.mu.Lock()
		defer t.mu.Unlock()
		pieces(text, func(p string) {
			ids, ok := t.cache[p]
			if !ok {
				ids = t.merge(p)
				if len(t.cache) < 1<<18 {
					t.cache[strings.Clone(p)] = ids
				}
			}
			for _, id := range ids {
				out = append(out, int64(id))
			}
		})
	}
	return out, nil
}

// Entry returns the text of a number; an unknown entry is U+FFFD, a reserved end is empty. A number of a BPE may be a part of a character.
func (t *Tokenizer) Entry(id int64) string {
	switch {
	case id >= 0 && t.kind == "BPE" && id < int64(len(t.bytes)):
		return string(t.bytes[id])
	case id >= 0 && id < int64(len(t.entries)):
		return t.entries[id]
	case id == int64(t.begin), id == int64(t.end):
		return ""
	}
	return string(utf8.RuneError)
}

// Decode returns the text of numbers. Words are joined by blanks; bytes that make no character become U+FFFD.
func (t *Tokenizer) Decode(ids []int64) string {
	var b strings.Builder
	for i, id := range ids {
		e := t.Entry(id)
		if t.kind == "Words" && i > 0 && e != "" {
			b.WriteByte(' ')
		}
		b.WriteString(e)
	}
	return strings.ToValidUTF8(b.String(), string(utf8.RuneError))
}

type saved struct {
	Kind    string     `json:"kind"`
	Size    int        `json:"size"`
	Begin   int        `json:"begin"`
	End     int        `json:"end"`
	Unknown int        `json:"unknown"`
	Entries []string   `json:"entries,omitempty"`
	Merges  [][2]int32 `json:"merges,omitempty"`
}

// MarshalJSON writes the vocabulary.
func (t *Tokenizer) MarshalJSON() ([]byte, error) {
	return json.Marshal(saved{t.kind, t.size, t.begin, t.end, t.unknown, t.entries, t.merges})
}

// UnmarshalJSON reads a vocabulary and checks that it is one.
func (t *Tokenizer) UnmarshalJSON(b []byte) error {
	var s saved
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s.Kind != "Char" && s.Kind != "Words" && s.Kind != "BPE" || s.Size < 1 || s.Size > 1<<24 ||
		len(s.Entries) > s.Size || s.Kind == "BPE" && 256+len(s.Merges) > s.Size || s.Kind == "Words" && s.Unknown < 0 {
		return fmt.Errorf("the saved vocabulary is damaged")
	}
	for _, r := range []int{s.Begin, s.End, s.Unknown} {
		if r < -1 || r >= s.Size {
			return fmt.Errorf("the saved vocabulary is damaged: reserved number %d", r)
		}
	}
	long := make([]int, 256, 256+len(s.Merges)) // bytes of each entry: a hostile file could double them without end
	for i := range long {
		long[i] = 1
	}
	for i, m := range s.Merges {
		if m[0] < 0 || m[1] < 0 || int(m[0]) >= 256+i || int(m[1]) >= 256+i || long[m[0]]+long[m[1]] > maxPiece {
			return fmt.Errorf("the saved vocabulary is damaged: merge %d", i)
		}
		long = append(long, long[m[0]]+long[m[1]])
	}
	t.kind, t.size, t.begin, t.end, t.unknown, t.entries, t.merges = s.Kind, s.Size, s.Begin, s.End, s.Unknown, s.Entries, s.Merges
	t.index()
	return nil
}
