package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/backend/reference"
	"modelc/internal/checkpoint"
	"modelc/internal/report"
	"modelc/ir"
	"modelc/ir/ops"
	"modelc/recipe"
)

// line is a program written by hand as IR: a straight line through points, trained by momentum with noise on its inputs, so that a run depends on everything that a
// checkpoint must keep: weights, moments, the step, the order of the data and the epoch. It measures the mean of squares and what auc and confusion need, and it
// generates: a table of what follows what.
type line struct {
	r      *recipe.Recipe
	broken float64 // added to the loss; not finite: the guard fails
	leaks  bool    // generating: begin looks at the last token there is
	at     int64   // the step at which broken counts
}

const lineStates = `
param line.net.w f32[2] {parts=["line.net.0.w","line.net.1.w"]}
moment line.m f32[2]
counter "line:step" i32[]
counter "talk:past" i32[]
cache talk.seen i32[8]
`

func (l *line) Recipe() *recipe.Recipe { return l.r }
func (l *line) Sources() []Source      { return []Source{{Name: "line.model", Text: []byte("# a line\n")}} }

func (l *line) parse(text string) (*ir.Module, error) {
	return ir.Parse("line", "module line\n"+lineStates+text, ops.Registry)
}

func (l *line) States(s Sizes) ([]*ir.State, error) {
	m, err := l.parse("")
	if err != nil {
		return nil, err
	}
	if s.Capacity == 0 {
		return m.State[:3], nil
	}
	return m.State, nil
}

const predictLine = `
  %w0 = slice %w {start=[0], stop=[1], step=[1]} : f32[1]
  %w1 = slice %w {start=[1], stop=[2], step=[1]} : f32[1]
  %s0 = reshape %w0 : f32[]
  %s1 = reshape %w1 : f32[]
  %b0 = broadcast %s0 {shape=[N]} : f32[N]
  %b1 = broadcast %s1 {shape=[N]} : f32[N]
  %p0 = mul %xx, %b0 : f32[N]
  %p = add %p0, %b1 : f32[N]
`

func (l *line) Module(entry string, s Sizes, _ backend.Device) (*ir.Module, error) {
	var text string
	switch entry {
	case "line.init":
		text = `
func @f(%seed u32[2]) -> (f32[2], f32[2], i32[]) {
  %w = random_uniform %seed {type=f32[2]} : f32[2]
  %m = const {type=f32[2], value=0} : f32[2]
  %z = const {type=i32[], value=0} : i32[]
  return %w, %m, %z
}
entry line.init = @f(seed) read() -> () write(line.net.w, line.m, "line:step")
`
	case "line.step":
		text = `
func @f(%x f32[N], %y f32[N], %seed u32[2], %total i32[], %epoch i32[], %w f32[2], %m f32[2], %s i32[]) -> (f32[], f32[], bool[], f32[2], f32[2], i32[]) {
  %k0 = fold %seed, %s : u32[2]
  %k = fold %k0, %epoch : u32[2]
  %u = random_uniform %k {type=f32[N]} : f32[N]
  %amp = const {type=f32[N], value=0.05} : f32[N]
  %n = mul %u, %amp : f32[N]
  %xx = add %x, %n : f32[N]` + predictLine + `
  %e = sub %p, %y : f32[N]
  %ee = mul %e, %e : f32[N]
  %sum = reduce_sum %ee {axes=[0]} : f32[]
  %inv = const {type=f32[], value=INV} : f32[]
  %mean = mul %sum, %inv : f32[]
  %stepf = cast %s {to=f32} : f32[]
  %when = const {type=f32[], value=AT} : f32[]
  %isit = eq %stepf, %when : bool[]
  %add = const {type=f32[], value=ADD} : f32[]
  %zero = const {type=f32[], value=0} : f32[]
  %extra = select %isit, %add, %zero : f32[]
  %loss = add %mean, %extra : f32[] ; line.model:7:3
  %ok = is_finite %loss : bool[]
  %ex = mul %e, %xx : f32[N]
  %g0 = reduce_sum %ex {axes=[0]} : f32[]
  %g1 = reduce_sum %e {axes=[0]} : f32[]
  %h0 = mul %g0, %inv : f32[]
  %h1 = mul %g1, %inv : f32[]
  %r0 = reshape %h0 {shape=[1]} : f32[1]
  %r1 = reshape %h1 {shape=[1]} : f32[1]
  %g = concat %r0, %r1 : f32[2]
  %beta = const {type=f32[2], value=0.9} : f32[2]
  %m1 = mul %m, %beta : f32[2]
  %m2 = add %m1, %g : f32[2]
  %totalf = cast %total {to=f32} : f32[]
  %done = div %stepf, %totalf : f32[]
  %one = const {type=f32[], value=1} : f32[]
  %left = sub %one, %done : f32[]
  %lr0 = const {type=f32[], value=0.05} : f32[]
  %lr = mul %left, %lr0 : f32[]
  %lrs = broadcast %lr {shape=[2]} : f32[2]
  %d = mul %lrs, %m2 : f32[2]
  %w2 = sub %w, %d : f32[2]
  %onei = const {type=i32[], value=1} : i32[]
  %s2 = add %s, %onei : i32[]
  %root = sqrt %mean : f32[]
  return %loss, %root, %ok, %w2, %m2, %s2
}
entry line.step = @f(batch.x, batch.y, seed, total_steps, epoch) read(line.net.w, line.m, "line:step") -> (loss, root, ok) write(line.net.w, line.m, "line:step")
`
	case "line.valid", "check":
		text = `
func @f(%x f32[N], %y f32[N], %w f32[2]) -> (f32[], f32[], f32[N], f32[N]) {
  %zero = const {type=f32[N], value=0} : f32[N]
  %xx = add %x, %zero : f32[N]` + predictLine + `
  %e = sub %p, %y : f32[N]
  %ee = mul %e, %e : f32[N]
  %sum = reduce_sum %ee {axes=[0]} : f32[]
  %count = const {type=f32[], value=N} : f32[]
  %half = const {type=f32[N], value=0.5} : f32[N]
  %high = gt %y, %half : bool[N]
  %label = cast %high {to=f32} : f32[N]
  return %sum, %count, %p, %label
}
entry ENTRY = @f(batch.x, batch.y) read(line.net.w) -> (sum, count, area.0, area.1) write()
`
	case "line.valid.finish", "check.finish":
		text = `
func @f(%sum f32[], %count f32[]) -> (f32[]) {
  %m = div %sum, %count : f32[]
  return %m
}
entry ENTRY = @f(sum, count) read() -> (loss) write()
`
	case "guess":
		text = `
func @f(%x f32[N], %w f32[2]) -> (f32[N], i32[N]) {
  %zero = const {type=f32[N], value=0} : f32[N]
  %xx = add %x, %zero : f32[N]` + predictLine + `
  %i = cast %p {to=i32} : i32[N]
  return %p, %i
}
entry guess = @f(batch.x) read(line.net.w) -> (p, whole) write()
`
	case "talk.begin":
		// What is kept: the tokens seen. The logits of a row: 5 at the token before it plus its own, so that a cache is needed.
		row := `
  %t = dynamic_slice %flat, %last {sizes=[1]} : i32[1]
  %before = sub %last, %onei : i32[]
  %b = dynamic_slice %flat, %before {sizes=[1]} : i32[1]`
		if l.leaks {
			row = strings.Replace(row, "%flat, %before", "%flat, %far", 1)
		}
		text = `
func @f(%tokens i32[1,T], %last i32[]) -> (f32[1,5], i32[8], i32[]) {
  %flat = reshape %tokens {shape=[T]} : i32[T]
  %onei = const {type=i32[], value=1} : i32[]
  %far = const {type=i32[], value=7} : i32[]` + row + talkLogits + `
  %c = pad %flat {lo=[0], hi=[REST], interior=[0]} : i32[8]
  %past = add %last, %onei : i32[]
  return %logits, %c, %past
}
entry talk.begin = @f(tokens, last) read() -> (logits) write(talk.seen, "talk:past")
`
	case "talk.next":
		text = `
func @f(%tokens i32[1,1], %c i32[8], %past i32[]) -> (f32[1,5], i32[8], i32[]) {
  %t = reshape %tokens {shape=[1]} : i32[1]
  %onei = const {type=i32[], value=1} : i32[]
  %c2 = dynamic_update %c, %t, %past : i32[8]
  %before = sub %past, %onei : i32[]
  %b = dynamic_slice %c2, %before {sizes=[1]} : i32[1]` + talkLogits + `
  %past2 = add %past, %onei : i32[]
  return %logits, %c2, %past2
}
entry talk.next = @f(tokens) read(talk.seen, "talk:past") -> (logits) write(talk.seen, "talk:past")
`
	case "talk.full":
		text = `
func @f(%tokens i32[1,T]) -> (f32[1,T,5]) {
  %t = reshape %tokens {shape=[T]} : i32[T]
  %first = slice %t {start=[0], stop=[1], step=[1]} : i32[1]
  %most = slice %t {start=[0], stop=[U], step=[1]} : i32[U]
  %b = concat %first, %most : i32[T]` + strings.NewReplacer("[1,5], axes=[0]", "[1,T,5], axes=[1]", "axis=1", "axis=2", "[1,5]", "[1,T,5]", "[1]", "[T]").Replace(talkLogits) + `
  return %logits
}
entry talk.full = @f(tokens) read() -> (logits) write()
`
	default:
		return nil, fmt.Errorf("no entry %s", entry)
	}
	if s.Tokens > 0 {
		text = strings.NewReplacer("[T]", fmt.Sprintf("[%d]", s.Tokens), "[1,T]", fmt.Sprintf("[1,%d]", s.Tokens), "[1,T,5]", fmt.Sprintf("[1,%d,5]", s.Tokens),
			"[U]", fmt.Sprintf("[%d]", s.Tokens-1), "REST", fmt.Sprint(8-s.Tokens), "[T,5]", fmt.Sprintf("[%d,5]", s.Tokens)).Replace(text)
	}
	text = strings.NewReplacer("[N]", fmt.Sprintf("[%d]", s.B), "value=N}", fmt.Sprintf("value=%d}", s.B), "INV", fmt.Sprint(1/float64(s.B)), "value=ADD}", fmt.Sprintf("value=%v}", number(l.broken)),
		"value=AT}", fmt.Sprintf("value=%d}", l.at), "ENTRY", entry).Replace(text)
	return l.parse(text)
}

func number(v float64) string {
	return strings.ToLower(strings.TrimPrefix(fmt.Sprint(v), "+"))
}

const talkLogits = `
  %five = const {type=i32[1], value=5} : i32[1]
  %next = add %t, %b : i32[1]
  %more = add %next, %five : i32[1]
  %want = rem %more, %five : i32[1]
  %table = iota {type=i32[1,5], axis=1} : i32[1,5]
  %wide = broadcast %want {shape=[1,5], axes=[0]} : i32[1,5]
  %same = eq %table, %wide : bool[1,5]
  %logits = cast %same {to=f32} : f32[1,5]
`

// points writes a csv file of points on a line.
func points(t *testing.T, dir string, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("x,y,text\n")
	for i := range n {
		x := float64(i%37)/37 - 0.3
		fmt.Fprintf(&b, "%.4f,%.4f,%c\n", x, 2*x+0.25+0.01*float64(i%5), 'a'+i%5)
	}
	path := filepath.Join(dir, "points.csv")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o666))
	return path
}

// newLine returns the program over 100 points in a folder.
func newLine(t *testing.T, dir string) *line {
	t.Helper()
	float := recipe.Type{Elem: "float"}
	text := &recipe.Expr{Op: "column", Name: "text", Type: recipe.Type{Elem: "text"}}
	d := &recipe.Data{
		Name:    "Points",
		Sources: []recipe.Source{{Kind: "csv", Paths: []string{points(t, dir, 100)}, Base: dir}},
		Columns: []*recipe.Column{
			{Name: "x", Type: float, Batch: true}, {Name: "y", Type: float, Batch: true}, {Name: "text", Type: recipe.Type{Elem: "text"}},
		},
		Split:      recipe.Split{Parts: []recipe.Part{{Name: "train", Share: 0.7}, {Name: "valid", Share: 0.1}, {Name: "test", Share: 0.2}}},
		Transforms: []*recipe.Transform{{Name: "tok", Kind: "Char", Size: 5, Inputs: []*recipe.Expr{text}}},
	}
	metrics := func(entry string) recipe.Metrics {
		return recipe.Metrics{Entry: entry, Columns: []string{"batch.x", "batch.y"}, Names: []string{"loss"},
			Partials: []recipe.Partial{{Name: "sum", Merge: "sum"}, {Name: "count", Merge: "sum"}},
			Host:     []recipe.Host{{Name: "area", Kind: "auc", Args: []string{"area.0", "area.1"}}}}
	}
	return &line{at: -1, r: &recipe.Recipe{File: "line.model", Data: []*recipe.Data{d}, Blocks: []*recipe.Block{
		{Kind: "train", Name: "line", Hash: "l", At: recipe.Place{File: "line.model", Line: 5, Col: 1}, Train: &recipe.Train{
			Rows: recipe.Rows{Data: "Points", Split: "train", Batch: 8}, Columns: []string{"batch.x", "batch.y"}, Epochs: 4, Accumulate: 1, Seed: 3,
			Valid: &recipe.Rows{Data: "Points", Split: "valid"}, Metrics: metrics("line.valid"), Keep: &recipe.Goal{Metric: "valid.loss"},
		}},
		{Kind: "eval", Name: "check", Hash: "c", Eval: &recipe.Eval{Run: "line", Rows: recipe.Rows{Data: "Points", Split: "test"}, Metrics: metrics("check")}},
	}}}
}

// story collects events.
type story struct{ events []report.Event }

func (s *story) emit(e report.Event) { s.events = append(s.events, e) }

func (s *story) notes() string {
	var b strings.Builder
	for _, e := range s.events {
		if n, ok := e.(report.Note); ok {
			b.WriteString(n.Text + "\n")
		}
	}
	return b.String()
}

func (s *story) text() string {
	var b strings.Builder
	for _, e := range s.events {
		if n, ok := e.(report.Text); ok {
			b.WriteString(n.Text)
		}
	}
	return b.String()
}

// options are those of a quiet run into a folder.
func options(out string) (Options, *story) {
	s := &story{}
	return Options{Out: out, Device: reference.Device(), Emit: s.emit, Version: "test", FS: unsynced{checkpoint.OS}}, s
}

// unsynced does not wait for the disk: the machine of a test does not lose its power.
type unsynced struct{ checkpoint.FS }

type unsyncedFile struct{ checkpoint.File }

func (unsynced) SyncDir(string) error { return nil }
func (unsyncedFile) Sync() error      { return nil }

func (u unsynced) Create(name string) (checkpoint.File, error) {
	f, err := u.FS.Create(name)
	return unsyncedFile{f}, err
}

// killed is panicked with to end a run at once.
type killed struct{}

// runKilled runs until a step and stops there as a kill does: nothing is closed, nothing is saved.
func runKilled(t *testing.T, c Compiled, o Options, step int64) {
	t.Helper()
	o.stepped = func(n int64) {
		if n == step {
			panic(killed{})
		}
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
		}
	}()
	_, err := Run(context.Background(), c, o)
	require.NoError(t, err)
}
