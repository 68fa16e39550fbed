package diag

import "strings"

// longest is the length in runes beyond which a name is not compared with others.
const longest = 64

// Suggest returns the candidate that a misspelt name most likely means, or "". Names are near when they differ only in case and `_`, or by at
// most a third of their length in insertions, deletions, replacements and swaps of neighbours (restricted Damerau-Levenshtein distance).
// Among equally near ones the first wins. A name of several words is also near to their initials, both ways: learning_rate and lr.
func Suggest(name string, candidates []string) string {
	want := []rune(name)
	if len(want) == 0 || len(want) > longest {
		return ""
	}
	best, limit := "", max(len(want), 3)/3
	for _, c := range candidates {
		if c == name {
			continue
		}
		if fold(c) == fold(name) {
			return c
		}
		if initials(name) == c || initials(c) == name {
			best, limit = c, 0
			continue
		}
		got := []rune(c)
		if len(got) > longest || len(got)-len(want) > limit || len(want)-len(got) > limit {
			continue
		}
		if d := distance(want, got); d <= limit && d < max(len(want), len(got)) {
			best, limit = c, d-1
		}
	}
	return best
}

// initials are the first letters of the words of a name, "" for one word.
func initials(name string) string {
	words := strings.Split(name, "_")
	if len(words) < 2 {
		return ""
	}
	var out []rune
	for _, w := range words {
		for _, r := range w {
			out = append(out, r)
			break
		}
	}
	return string(out)
}

func fold(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

// distance is the restricted Damerau-Levenshtein distance.
func distance(a, b []rune) int {
	before := make([]int, len(b)+1)
	above := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
