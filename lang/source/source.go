// Package source holds the texts that modelc reads and the places in them.
//
// A File is a name and its bytes. A Span is a half-open byte range of one File; it is what every syntax node, every diagnostic and, through
// compiler/lower, every IR instruction points at. Lines and columns are derived only when something is shown: columns count display
// width (a Chinese character counts two), so that a caret stands under what it means.
package source

// File is one text in the language. Text is never changed after NewFile.
type File struct {
	Name  string // as the user named it; library files are "std/NAME.model"
	Text  []byte
	lines []int // byte offset of the start of each line
}

// Span is the half-open byte range [Start, End) of File. The zero Span is "no place".
type Span struct {
	File       *File
	Start, End int
}

// Position is a place for people: line and column count from 1, Column in runes, Width in display cells before the place.
type Position struct {
	Name         string
	Line, Column int
	Width        int
}

// Valid reports whether the span points at a text.
func (s Span) Valid() bool { return s.File != nil }

// To returns the span from the start of s to the end of t.
func (s Span) To(t Span) Span {
	if !s.Valid() {
		return t
	}
	if !t.Valid() || t.File != s.File {
		return s
	}
	return Span{s.File, min(s.Start, t.Start), max(s.End, t.End)}
}

// Text returns the bytes the span covers.
func (s Span) Text() string {
	if s.File == nil {
		return ""
	}
	return string(s.File.Text[s.Start:s.End])
}
