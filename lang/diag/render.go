package diag

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"

	"modelc/lang/source"
)

// Format is one of the forms in which diagnostics are shown.
type Format string

// The forms. Full shows the user's lines with marks, for people; Concise is one line each, for editors and grep; JSON is one array.
const (
	Full    Format = "full"
	Concise Format = "concise"
	JSON    Format = "json"
)

// Options say how to render. The zero Options are the full form without colour.
type Options struct {
	Format Format // "" is Full
	Color  bool   // escape sequences for a terminal, in the full form
}

// String names the severity as it is shown.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// String is the concise form: file:line:col: error CODE: title.
func (d Diagnostic) String() string {
	place := ""
	if d.At.Valid() {
		p := d.At.Position()
		place = fmt.Sprintf("%s:%d:%d: ", p.Name, p.Line, p.Column)
	}
	return fmt.Sprintf("%s%s %s: %s", place, d.Severity, d.Code, strings.ReplaceAll(d.Title, "\n", " "))
}

// Error makes a List an error that tells all its members in the concise form.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i := range l {
		lines[i] = l[i].String()
	}
	return strings.Join(lines, "\n")
}

// Render writes a list in one of the forms. The error is the writer's.
func Render(w io.Writer, list List, o Options) error {
	b := bufio.NewWriter(w)
	switch o.Format {
	case JSON:
		if err := renderJSON(b, list); err != nil {
			return err
		}
	case Concise:
		for i := range list {
			fmt.Fprintln(b, clean(list[i].String()))
		}
	default:
		r := &renderer{w: b, color: o.Color}
		for i := range list {
			if i > 0 {
				fmt.Fprintln(b)
			}
			r.full(&list[i])
		}
	}
	return b.Flush()
}

// Text is the full form without colour, as a string.
func Text(list List) string {
	var b strings.Builder
	_ = Render(&b, list, Options{}) // a Builder does not fail
	return b.String()
}

type jsonLabel struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Text      string `json:"text"`
}

type jsonNote struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

type jsonDiagnostic struct {
	Code      string      `json:"code"`
	Severity  string      `json:"severity"`
	File      string      `json:"file"` // "" and line 0 where the finding has no place in a text
	Line      int         `json:"line"` // lines and columns count from 1, columns in runes
	Column    int         `json:"column"`
	EndLine   int         `json:"end_line"`
	EndColumn int         `json:"end_column"`
	Title     string      `json:"title"`
	Labels    []jsonLabel `json:"labels"`
	Notes     []jsonNote  `json:"notes"`
}

func renderJSON(w io.Writer, list List) error {
	out := make([]jsonDiagnostic, len(list))
	for i, d := range list {
		from, to := d.At.Position(), d.At.EndPosition()
		j := jsonDiagnostic{Code: d.Code, Severity: d.Severity.String(), File: from.Name, Line: from.Line, Column: from.Column,
			EndLine: to.Line, EndColumn: to.Column, Title: d.Title, Labels: []jsonLabel{}, Notes: []jsonNote{}}
		for _, l := range d.Labels {
			from, to := l.At.Position(), l.At.EndPosition()
			j.Labels = append(j.Labels, jsonLabel{from.Name, from.Line, from.Column, to.Line, to.Column, l.Text})
		}
		for _, n := range d.Notes {
			j.Notes = append(j.Notes, jsonNote(n))
		}
		out[i] = j
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	blue   = "\x1b[34m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

type renderer struct {
	w     io.Writer
	color bool
}

func (r *renderer) paint(style, text string) string {
	if !r.color || text == "" {
		return text
	}
	return style + text + reset
}

func (r *renderer) full(d *Diagnostic) {
	tone := red
	if d.Severity == Warning {
		tone = yellow
	}
	fmt.Fprintf(r.w, "%s: %s\n", r.paint(tone, d.Severity.String()+" "+d.Code), r.paint(bold, clean(d.Title)))
	r.source(d, tone)
	for _, n := range d.Notes {
		lines := strings.Split(n.Text, "\n")
		for i, line := range lines {
			switch {
			case n.Kind == "":
				fmt.Fprintf(r.w, "  %s\n", clean(line))
			case i == 0:
				fmt.Fprintf(r.w, "  %s%s\n", r.paint(blue, fmt.Sprintf("%-6s", n.Kind)), clean(line))
			default:
				fmt.Fprintf(r.w, "        %s\n", clean(line))
			}
		}
	}
}

// mark is a label on one line of the text, in display cells.
type mark struct {
	from, to int
	text     string
	main     bool
}

// line is a shown line: its number and its marks.
type line struct {
	file  *source.File
	no    int
	marks []mark
	spans []source.Span
}

func (r *renderer) source(d *Diagnostic, tone string) {
	if !d.At.Valid() {
		return
	}
	p := d.At.Position()
	fmt.Fprintf(r.w, "  %s\n", r.paint(blue, fmt.Sprintf("%s:%d:%d", p.Name, p.Line, p.Column)))
	labels := d.Labels
	named := false
	for _, l := range labels {
		named = named || l.At == d.At
	}
	if !named {
		labels = append([]Label{{At: d.At}}, labels...)
	}
	var lines []*line
	for _, l := range labels {
		if !l.At.Valid() {
			continue
		}
		no := l.At.File.LineOf(l.At.Start)
		var at *line
		for _, x := range lines {
			if x.file == l.At.File && x.no == no {
				at = x
			}
		}
		if at == nil {
			at = &line{file: l.At.File, no: no}
			lines = append(lines, at)
		}
		at.marks = append(at.marks, mark{text: clean(strings.ReplaceAll(l.Text, "\n", " ")), main: l.At == d.At})
		at.spans = append(at.spans, l.At)
	}
	sort.SliceStable(lines, func(i, j int) bool {
		a, b := lines[i], lines[j]
		if a.file != b.file {
			return a.file == d.At.File
		}
		return a.no < b.no
	})
	last := d.At.File
	for _, x := range lines {
		if x.file != last {
			last = x.file
			fmt.Fprintf(r.w, "  %s\n", r.paint(blue, fmt.Sprintf("%s:%d", x.file.Name, x.no)))
		}
		r.line(x, tone)
	}
}

// window is how many cells of a line are shown.
const window = 160

func (r *renderer) line(x *line, tone string) {
	text, cells := expand(x.file, x.no)
	start := x.file.LineStart(x.no)
	for i, s := range x.spans {
		from := min(max(s.Start-start, 0), len(cells)-1)
		to := min(max(s.End-start, from), len(cells)-1)
		x.marks[i].from, x.marks[i].to = cells[from], max(cells[to], cells[from]+1)
	}
	text = cut(text, x.marks)
	sort.SliceStable(x.marks, func(i, j int) bool { return x.marks[i].from < x.marks[j].from })
	fmt.Fprintf(r.w, "%s %s\n", r.paint(blue, fmt.Sprintf("%5d |", x.no)), text)
	for _, row := range rows(x.marks) {
		fmt.Fprintf(r.w, "%s %s\n", r.paint(blue, "      |"), r.paint(tone, row))
	}
}

// cut keeps a window of a long line, around its marks, and moves them along.
func cut(text string, marks []mark) string {
	if source.Width(text, 0) <= window {
		return text
	}
	first := marks[0].from
	for _, m := range marks {
		if m.main {
			first = m.from
		}
	}
	low := max(0, first-window/4)
	var b strings.Builder
	at, shown := 0, -1
	for _, c := range text {
		w := source.Width(string(c), at)
		if at >= low && at+w <= low+window {
			if shown < 0 {
				shown = at
			}
			b.WriteRune(c)
		}
		at += w
	}
	if shown < 0 {
		shown = low
	}
	move := shown
	out := b.String()
	if low > 0 {
		out = "..." + out
		move -= 3
	}
	if at > low+window {
		out += "..."
	}
	for i := range marks {
		marks[i].from = min(max(marks[i].from-move, 0), window+6)
		marks[i].to = min(max(marks[i].to-move, marks[i].from+1), window+6)
	}
	return out
}

// rows draws the marks of a line: the carets, the text of the last label behind them, the other texts below, each under its caret.
func rows(marks []mark) []string {
	var carets canvas
	for _, m := range marks {
		carets.put(m.from, strings.Repeat("^", m.to-m.from))
	}
	below := []canvas{}
	last := marks[len(marks)-1]
	if last.text != "" {
		carets.put(max(carets.end, last.to)+1, last.text)
		marks = marks[:len(marks)-1]
	}
	free := []int{} // per row below, the cell where the leftmost text starts
	for i := len(marks) - 1; i >= 0; i-- {
		m := marks[i]
		if m.text == "" {
			continue
		}
		row := 0
		for row < len(free) && m.from+source.Width(m.text, 0)+2 > free[row] {
			row++
		}
		if row == len(free) {
			free = append(free, 0)
			below = append(below, canvas{})
		}
		free[row] = m.from
		below[row].put(m.from, m.text)
		for k := range row {
			below[k].put(m.from, "|")
			free[k] = min(free[k], m.from)
		}
	}
	out := []string{carets.String()}
	for i := range below {
		out = append(out, below[i].String())
	}
	return out
}

// canvas is a row of display cells.
type canvas struct {
	cells map[int]rune
	wide  map[int]bool
	end   int
}

func (c *canvas) put(at int, text string) {
	if c.cells == nil {
		c.cells, c.wide = map[int]rune{}, map[int]bool{}
	}
	for _, r := range text {
		w := source.Width(string(r), 0)
		if w == 0 {
			continue
		}
		c.cells[at] = r
		c.wide[at] = w == 2
		at += w
	}
	c.end = max(c.end, at)
}

func (c *canvas) String() string {
	var b strings.Builder
	for at := 0; at < c.end; at++ {
		r, ok := c.cells[at]
		if !ok {
			r = ' '
		}
		b.WriteRune(r)
		if c.wide[at] {
			at++
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// expand returns line no as it is shown, tabs as blanks and what is not seen as a sign, and the cell at which each byte of it starts.
func expand(f *source.File, no int) (string, []int) {
	raw := f.Line(no)
	cells := make([]int, len(raw)+1)
	var b strings.Builder
	at := 0
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRuneInString(raw[i:])
		for k := range n {
			cells[i+k] = at
		}
		i += n
		switch {
		case r == '\t':
			w := source.Width("\t", at)
			b.WriteString(strings.Repeat(" ", w))
			at += w
		case invisible(r) || r == utf8.RuneError:
			b.WriteRune(utf8.RuneError)
			at++
		default:
			b.WriteRune(r)
			at += source.Width(string(r), at)
		}
	}
	cells[len(raw)] = at
	return b.String(), cells
}

// invisible characters are never sent to a terminal.
func invisible(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}
