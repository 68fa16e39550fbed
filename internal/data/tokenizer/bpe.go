package tokenizer

import (
	"container/heap"
	"sort"
	"unicode"
	"unicode/utf8"
)

// maxPiece bounds the bytes of a piece, so that text without blanks costs no more than other text.
const maxPiece = 64

// pieces cuts a text into what merges never cross: a run of letters, of digits, of other signs, each with one blank before it, or a run of white space.
func pieces(text string, give func(string)) {
	for at := 0; at < len(text); {
		end := at
		r, n := utf8.DecodeRuneInString(text[end:])
		if r == ' ' && end+n < len(text) {
			if next, m := utf8.DecodeRuneInString(text[end+n:]); !unicode.IsSpace(next) {
				end += n
				r, n = next, m
			}
		}
		c := class(r)
		for end += n; end < len(text); end += n {
			if r, n = utf8.DecodeRuneInString(text[end:]); class(r) != c || end+n-at > maxPiece {
				break
			}
			// The last blank of a run belongs to what follows.
			if c == space && r == ' ' && end+1 < len(text) {
				if next, _ := utf8.DecodeRuneInString(text[end+1:]); !unicode.IsSpace(next) {
					break
				}
			}
		}
		give(text[at:end])
		at = end
	}
}

const (
	letter = iota
	digit
	space
	other
)

func class(r rune) int {
	switch {
	case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
		return letter
	case unicode.IsLetter(r), unicode.IsMark(r):
		return letter
	case unicode.IsNumber(r):
		return digit
	case unicode.IsSpace(r):
		return space
	}
	return other
}

func pair(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

type candidate struct {
	count int64
	pair  uint64
}

// queue gives the most frequent pair first; among equals the one of smaller numbers, so that the result does not depend on the order of a map.
type queue []candidate

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].count != q[j].count {
		return q[i].count > q[j].count
	}
	return q[i].pair < q[j].pair
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(candidate)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

// train returns up to n merges. Pairs that occur once are not merged.
func train(texts []string, n int) [][2]int32 {
	counts := map[string]int64{}
	for _, text := range texts {
		pieces(text, func(p string) { counts[p]++ })
	}
	all := make([]string, 0, len(counts))
	for p := range counts {
		all = append(all, p)
	}
	sort.Strings(all)
	symbols := make([][]int32, len(all))
	total := map[uint64]int64{}
	where := map[uint64][]int32{}
	for w, p := range all {
		ids := make([]int32, len(p))
		for i := range len(p) {
			ids[i] = int32(p[i])
		}
		symbols[w] = ids
		for i := 1; i < len(ids); i++ {
			k := pair(ids[i-1], ids[i])
			total[k] += counts[p]
			where[k] = append(where[k], int32(w))
		}
	}
	q := make(queue, 0, len(total))
	for k, c := range total {
		q = append(q, candidate{c, k})
	}
	heap.Init(&q)
	var merges [][2]int32
	touched := map[uint64]bool{}
	for len(merges) < n && len(q) > 0 {
		best := heap.Pop(&q).(candidate)
		now := total[best.pair]
		if now != best.count {
			if now > 1 {
				heap.Push(&q, candidate{now, best.pair})
			}
			continue
		}
		if now < 2 {
			break
		}
		a, b := int32(best.pair>>32), int32(uint32(best.pair))
		made := int32(256 + len(merges))
		merges = append(merges, [2]int32{a, b})
		clear(touched)
		last := int32(-1)
		for _, w := range where[best.pair] {
			if w == last {
				continue // listed once for each time it occurs
			}
			last = w
			ids, c := symbols[w], counts[all[w]]
			found := false
			for i := 1; i < len(ids); i++ {
				found = found || ids[i-1] == a && ids[i] == b
			}
			if !found {
				continue
			}
			for i := 1; i < len(ids); i++ {
				total[pair(ids[i-1], ids[i])] -= c
			}
			out := ids[:0]
			for i := 0; i < len(ids); i++ {
				if i+1 < len(ids) && ids[i] == a && ids[i+1] == b {
					out = append(out, made)
					i++
				} else {
					out = append(out, ids[i])
				}
			}
			symbols[w] = out
			for i := 1; i < len(out); i++ {
				k := pair(out[i-1], out[i])
				total[k] += c
				if out[i-1] == made || out[i] == made {
					where[k] = append(where[k], w)
					touched[k] = true
				}
			}
		}
		delete(total, best.pair)
		delete(where, best.pair)
		for k := range touched {
			if total[k] > 1 {
				heap.Push(&q, candidate{total[k], k})
			}
		}
	}
	return merges
}

// merge encodes one piece: the earliest merge first, until none applies.
func (t *Tokenizer) merge(p string) []int32 {
	ids := make([]int32, len(p))
	for i := range len(p) {
		ids[i] = int32(p[i])
	}
	for len(ids) > 1 {
		best := int32(-1)
		for i := 1; i < len(ids); i++ {
			if r, ok := t.rank[pair(ids[i-1], ids[i])]; ok && (best < 0 || r < best) {
				best = r
			}
		}
		if best < 0 {
			break
		}
		m := t.merges[best]
		out := ids[:0]
		for i := 0; i < len(ids); i++ {
			if i+1 < len(ids) && ids[i] == m[0] && ids[i+1] == m[1] {
				out = append(out, 256+best)
				i++
			} else {
				out = append(out, ids[i])
			}
		}
		ids = out
	}
	return ids
}

// words cuts a text into words: runs of letters, marks and digits; a Han character and any other sign is a word of its own, white space none.
func words(text string, give func(string)) {
	start := -1
	for i, n := 0, 0; i < len(text); i += n {
		var r rune
		r, n = utf8.DecodeRuneInString(text[i:])
		c := class(r)
		if (c == letter || c == digit) && !unicode.Is(unicode.Han, r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			give(text[start:i])
			start = -1
		}
		if c != space {
			give(text[i : i+n])
		}
	}
	if start >= 0 {
		give(text[start:])
	}
}

// frequent returns the n most frequent words, equals in the order of their bytes.
func frequent(texts []string, n int) []string {
	counts := map[string]int{}
	for _, text := range texts {
		words(text, func(w string) { counts[w]++ })
	}
	all := make([]string, 0, len(counts))
	for w := range counts {
		all = append(all, w)
	}
	sort.Slice(all, func(i, j int) bool {
		if counts[all[i]] != counts[all[j]] {
			return counts[all[i]] > counts[all[j]]
		}
		return all[i] < all[j]
	})
	return all[:min(n, len(all))]
}
