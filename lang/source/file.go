package source

import (
	"sort"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// TabWidth is the distance of tab stops where text is shown.
const TabWidth = 4

// cells measures display width the same way everywhere: it does not ask the locale, so output is the same on every machine.
var cells = &runewidth.Condition{EastAsianWidth: false, StrictEmojiNeutral: true}

// NewFile makes a File of a text. The text must not be changed afterwards.
func NewFile(name string, text []byte) *File {
	f := &File{Name: name, Text: text, lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

// Lines is the number of lines; a text that ends in a newline has an empty last line.
func (f *File) Lines() int { return len(f.lines) }

// Line returns line n, counted from 1, without its line end.
func (f *File) Line(n int) string {
	if n < 1 || n > len(f.lines) {
		return ""
	}
	end := len(f.Text)
	if n < len(f.lines) {
		end = f.lines[n] - 1
	}
	start := f.lines[n-1]
	if end > start && f.Text[end-1] == '\r' {
		end--
	}
	return string(f.Text[start:end])
}

// LineOf returns the number, from 1, of the line that holds byte offset i.
func (f *File) LineOf(i int) int { return sort.SearchInts(f.lines, i+1) }

// LineStart returns the byte offset at which line n, counted from 1, begins.
func (f *File) LineStart(n int) int { return f.lines[n-1] }

// PositionAt returns the place of byte offset i; offsets outside the text count as its nearest end.
func (f *File) PositionAt(i int) Position {
	i = max(0, min(i, len(f.Text)))
	line := f.LineOf(i)
	before := f.Text[f.lines[line-1]:i]
	return Position{Name: f.Name, Line: line, Column: utf8.RuneCount(before) + 1, Width: Width(string(before), 0)}
}

// Position is the place where the span starts; the zero Position where the span is no place.
func (s Span) Position() Position {
	if s.File == nil {
		return Position{}
	}
	return s.File.PositionAt(s.Start)
}

// EndPosition is the place just behind the span.
func (s Span) EndPosition() Position {
	if s.File == nil {
		return Position{}
	}
	return s.File.PositionAt(s.End)
}

// Width is the number of display cells of text that starts at cell from: wide characters count two, marks that combine none, and a tab
// reaches to the next multiple of TabWidth.
func Width(text string, from int) int {
	at := from
	for _, r := range text {
		if r == '\t' {
			at += TabWidth - at%TabWidth
			continue
		}
		at += cells.RuneWidth(r)
	}
	return at - from
}
