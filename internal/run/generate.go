package run

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"modelc/internal/checkpoint"
	"modelc/internal/data/tokenizer"
	"modelc/internal/report"
	"modelc/recipe"
)

// generator produces tokens one by one. With caches: begin takes what there is, next one token more; when the caches are full the last half of their rows begins
// anew (ruling 18). Without, full computes everything each time; it restarts at the same places, so both give the same tokens.
type generator struct {
	p        *program
	block    string
	capacity int64
	scalars  scalars
	context  []int64 // tokens since the last restart
	past     int64   // of them in the caches
	full     bool
	logits   []float64
}

// generate continues a prompt.
func (e *experiment) generate(ctx context.Context, b *recipe.Block) error {
	g := *b.Generate
	w := e.trained[g.Run]
	if w == nil {
		return &Bug{fmt.Errorf("%s needs %s, which has not run", b.Name, g.Run)}
	}
	if e.Prompt != nil {
		g.Prompt = *e.Prompt
	}
	if e.Length > 0 {
		g.Length = e.Length
	}
	tok, err := w.fitted.Tokenizer(g.Tokens)
	if err != nil {
		return fmt.Errorf("%s: %w", w.folder, err)
	}
	tokens, err := tok.Encode(nil, g.Prompt)
	if err != nil {
		return &Error{At: b.At, Text: fmt.Sprintf("the prompt: %v", err)}
	}
	if len(tokens) == 0 {
		if tok.Begin() < 0 {
			return &Error{At: b.At, Text: "the prompt is empty; one character is needed to begin with"}
		}
		tokens = append(tokens, int64(tok.Begin()))
	}
	if g.Length < 1 {
		return &Error{At: b.At, Text: fmt.Sprintf("a length of %d tokens; at least 1 is needed", g.Length)}
	}
	if g.Capacity < 1 {
		g.Capacity = powerOf2(int64(len(tokens)) + g.Length)
	}
	seed := e.seed(g.Seed)
	e.Emit(report.Start{Kind: b.Kind, Block: b.Name, Seed: seed})
	p, err := e.reader(Sizes{B: 1, Capacity: g.Capacity}, b.Name)
	if err != nil {
		return err
	}
	defer p.Close()
	gen := &generator{p: p, block: b.Name, capacity: g.Capacity, scalars: scalars{seed: seed}, full: e.NoCache}
	if !e.NoCache {
		if err := gen.causal(b, tokens); err != nil {
			return err
		}
	}
	s := newSampler(&g, seed, func(id int) bool { return id < tok.Used() || id == tok.End() })
	out := &decoder{tok: tok}
	var text strings.Builder
	say := func(piece string) {
		text.WriteString(piece)
		if piece != "" {
			e.Emit(report.Text{Block: b.Name, Text: piece})
		}
	}
	say(g.Prompt)
	for _, id := range tokens { // so that the first new piece is cut where the prompt ends
		out.add(id)
	}
	for range g.Length {
		if err := done(ctx); err != nil {
			e.Emit(report.Text{Block: b.Name, End: true})
			return err
		}
		logits, err := gen.next(tokens)
		if err != nil {
			return err
		}
		id := s.pick(logits)
		if id < 0 {
			return &Error{At: b.At, Text: "every logit is NaN: there is no token to pick"}
		}
		if id == tok.End() {
			break
		}
		tokens = []int64{int64(id)}
		say(out.add(int64(id)))
	}
	say(out.rest())
	e.Emit(report.Text{Block: b.Name, End: true})
	if g.File == "" {
		return nil
	}
	return e.write(b, g.File, 0, func(w io.Writer) error {
		_, err := io.WriteString(w, text.String())
		return err
	})
}

func powerOf2(n int64) int64 {
	p := int64(1)
	for p < n {
		p *= 2
	}
	return p
}

// next takes new tokens and returns the logits behind the last of them.
func (g *generator) next(tokens []int64) ([]float64, error) {
	g.context = append(g.context, tokens...)
	if int64(len(g.context)) > g.capacity {
		half := max(1, g.capacity/2)
		g.context = slices.Clone(g.context[int64(len(g.context))-half:])
		g.past = 0
	}
	n := int64(len(g.context))
	switch {
	case g.full:
		return g.whole()
	case g.past > 0 && n == g.past+1:
		return g.one(g.context[n-1])
	}
	return g.begin(g.context)
}

// padded writes tokens, padded to the right by zeros.
func padded(c *call, tokens []int64) error {
	k := slices.Index(c.entry.In, recipe.InTokens)
	if k < 0 {
		return &Bug{fmt.Errorf("%s takes no tokens", c.entry.Name)}
	}
	b := c.in[k].Bytes
	clear(b)
	if len(b) < 4*len(tokens) {
		return &Bug{fmt.Errorf("%s takes %d tokens, not %d", c.entry.Name, len(b)/4, len(tokens))}
	}
	for i, t := range tokens {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(t))
	}
	return nil
}

func (g *generator) begin(tokens []int64) ([]float64, error) {
	if err := g.at(tokens, int64(len(tokens))-1); err != nil {
		return nil, err
	}
	g.past = int64(len(tokens))
	return g.logits, nil
}

// at runs begin and leaves the logits of one position.
func (g *generator) at(tokens []int64, last int64) error {
	c, err := g.p.load(g.block+".begin", Sizes{B: 1, Tokens: min(powerOf2(int64(len(tokens))), g.capacity), Capacity: g.capacity}, nil)
	if err != nil {
		return err
	}
	if err := c.scalars(g.scalars); err != nil {
		return err
	}
	if err := padded(c, tokens); err != nil {
		return err
	}
	if k := slices.Index(c.entry.In, recipe.InLast); k >= 0 {
		binary.LittleEndian.PutUint32(c.in[k].Bytes, uint32(last))
	}
	return g.run(c)
}

func (g *generator) one(token int64) ([]float64, error) {
	c, err := g.p.load(g.block+".next", Sizes{B: 1, Tokens: 1, Capacity: g.capacity}, nil)
	if err != nil {
		return nil, err
	}
	if err := c.scalars(g.scalars); err != nil {
		return nil, err
	}
	if err := padded(c, []int64{token}); err != nil {
		return nil, err
	}
	g.past++
	return g.logits, g.run(c)
}

// whole computes all positions without caches and returns the logits of the last true one.
func (g *generator) whole() ([]float64, error) {
	n := int64(len(g.context))
	t := min(powerOf2(n), g.capacity)
	c, err := g.p.load(g.block+".full", Sizes{B: 1, Tokens: t, Capacity: g.capacity}, nil)
	if err != nil {
		return nil, err
	}
	if err := c.scalars(g.scalars); err != nil {
		return nil, err
	}
	if err := padded(c, g.context); err != nil {
		return nil, err
	}
	if err := g.run(c); err != nil {
		return nil, err
	}
	v := int64(len(g.logits)) / t
	return g.logits[(n-1)*v : n*v], nil
}

func (g *generator) run(c *call) error {
	if err := c.do(); err != nil {
		return err
	}
	if len(c.out) == 0 {
		return &Bug{fmt.Errorf("%s gives no logits", c.entry.Name)}
	}
	g.logits = floats(g.logits[:0], c.out[0])
	return nil
}

// probe is the number of positions by which causality is tried.
const probe = 8

// causal tries that no position reads a later one (ruling 20): each of the first positions, computed through begin with all of them there, must agree with the same
// position computed one by one through next.
func (g *generator) causal(b *recipe.Block, prompt []int64) error {
	n := int(min(probe, g.capacity))
	tokens := make([]int64, n)
	for i := range tokens {
		tokens[i] = prompt[i%len(prompt)]
	}
	together := make([][]float64, n)
	for i := range tokens {
		if err := g.at(tokens, int64(i)); err != nil {
			return err
		}
		together[i] = slices.Clone(g.logits)
	}
	for i := range tokens {
		var err error
		if i == 0 {
			_, err = g.begin(tokens[:1])
		} else {
			_, err = g.one(tokens[i])
		}
		if err != nil {
			return err
		}
		size, worst := 1.0, 0.0
		for k, x := range together[i] {
			size = max(size, math.Abs(x))
			if d := math.Abs(x - g.logits[k]); d > worst || d != d {
				worst = d
			}
		}
		tolerance := 1e-3
		if w := g.p.e.trained[b.Generate.Run]; w != nil && w.block.Train.Precision == "bf16" {
			tolerance = 5e-2
		}
		if !(worst <= tolerance*size) {
			return &Error{At: b.At, Code: "M230", Text: fmt.Sprintf(
				"this model cannot be used with `generate`: a position reads later ones; position %d, computed with %d positions there and one by one, differs by %s", i, n, report.Number(worst))}
		}
	}
	g.past, g.context = 0, nil
	return nil
}

// decoder turns tokens into text piece by piece: a token may be a part of a character, and words have blanks between them, so a piece is what a window of tokens
// gains by one more.
type decoder struct {
	tok    *tokenizer.Tokenizer
	window []int64
	said   int // bytes of the window's text that were given
}

// windowTokens is the number of tokens that are decoded together.
const windowTokens = 32

func (d *decoder) add(id int64) string {
	d.window = append(d.window, id)
	text := d.tok.Decode(d.window)
	if strings.HasSuffix(text, string(utf8.RuneError)) && len(d.window) < windowTokens {
		return "" // perhaps the first bytes of a character
	}
	piece := text[min(d.said, len(text)):]
	d.said = len(text)
	if len(d.window) >= windowTokens {
		d.window = append(d.window[:0], d.window[len(d.window)-1])
		d.said = len(d.tok.Decode(d.window))
	}
	return piece
}

// rest gives what was held back.
func (d *decoder) rest() string {
	text := d.tok.Decode(d.window)
	return text[min(d.said, len(text)):]
}

// write writes an output file of a block. The file belongs below the folder where modelc was started: a model from elsewhere must not write over others.
func (e *experiment) write(b *recipe.Block, name string, rows int64, fill func(io.Writer) error) error {
	if err := localPath(name); err != nil {
		return &Error{At: b.At, Text: err.Error()}
	}
	if err := mkdirFor(name); err != nil {
		return err
	}
	if err := checkpoint.WriteFile(e.FS, name, fill); err != nil {
		return fmt.Errorf("%s cannot be written: %w", name, err)
	}
	e.Emit(report.File{Block: b.Name, Path: name, Rows: rows})
	return nil
}
