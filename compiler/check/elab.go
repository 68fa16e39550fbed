package check

import (
	"fmt"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/resolve"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// elab is the state of one elaboration.
type elab struct {
	unit  *resolve.Unit // the user's file
	opts  Options
	diags diag.List
	prog  *core.Program
	plan  *recipe.Recipe
	facts *size.Facts

	roots  map[*resolve.Unit]*scope
	data   map[string]*dataVal
	trains map[string]*trainVal

	// Where we are.
	site      *core.Site // of the expression in work
	path      string     // of the instance whose code runs
	naming    string     // the path that a constructor call here gives its instance
	depth     int        // of calls
	running   string     // the function whose body runs
	sizes     int        // > 0: `/` is exact division
	training  bool
	home      *syntax.Block   // the train block in work, or the one whose weights are read
	needs     []string        // the other train blocks that it reads from, in order of first use
	moved     map[string]bool // the bindings of a train block of which an update moves a weight; nil: all
	precision core.Elem
	phase     string // "", "train", "generate.begin", "generate.next"
	live      *liveAxis
	building  bool      // declarations run: constructors are allowed
	def       *defining // set while a definition is checked by itself
	calls     int       // of functions, in all
	lastDraw  map[string]int
	trials    int // > 0: diagnostics may be dropped
	yielding  *yields
	pending   []carry
	fixing    bool   // draws leave the step out of their key
	group     *group // whose template is being made

	// What has been made.
	nextID   int
	terms    []*core.Term              // every term, by ID
	now      map[*core.Slot]*core.Term // the value a state has now, where it was written
	reads    map[*core.Slot]*core.Term
	slots    []*core.Slot
	made     []*instance
	writes   []*core.Slot // in order of the first write
	turns    map[*group]*turn
	caches   []*core.Slot
	imported map[*resolve.Unit]map[string]func(*syntax.Type) value // --set of imported config
	columnOf map[int]*column                                       // the columns that terms of a batch are, by ID
	keep     []core.Write
}

// stop abandons a statement whose mistake has been reported.
type stop struct{}

const maxDepth = 200 // of nested calls: layers that contain themselves end here

func (e *elab) term(kind core.Kind, t core.Type, args ...*core.Term) *core.Term {
	e.nextID++
	if e.nextID > maxTerms {
		e.fail("M260", e.site.At, "this program is larger than %d operations", maxTerms)
	}
	for i, a := range args {
		args[i] = e.terms[a.ID-1]
	}
	if sc, is := kind.(core.Scan); is {
		for _, list := range [][]*core.Term{sc.Carry, sc.Next, sc.Over, sc.Outs} {
			for i, a := range list {
				list[i] = e.terms[a.ID-1]
			}
		}
		kind = sc
	}
	x := &core.Term{ID: e.nextID, Kind: kind, Args: args, Type: t, Site: e.site}
	e.terms = append(e.terms, x)
	return x
}

// retyped is a term under another type: labels, or a range that the checker knows. It stands for the same value and has its ID; terms refer to the
// one that was made first.
func retyped(t *core.Term, to core.Type) *core.Term {
	c := *t
	c.Type = to
	return &c
}

// A program larger than this is refused: the largest models stay far below, since lists of like layers are one loop.
const (
	maxTerms = 250_000
	maxCalls = 100_000
)

// at moves the current site to a place in the text.
func (e *elab) at(s source.Span) {
	if s.Valid() && (e.site == nil || e.site.At != s) {
		site := core.Site{At: s, Path: e.path}
		if e.site != nil {
			site.Up = e.site.Up
		}
		e.site = &site
	}
}

// user reports whether a span lies in a file of the user's.
func (e *elab) user(s source.Span) bool { return s.Valid() && !strings.HasPrefix(s.File.Name, "std/") }

// report adds a diagnostic, moved to the user's line when it lies in the library.
func (e *elab) report(d diag.Diagnostic) {
	if d.At.Valid() && !e.user(d.At) && e.site != nil {
		inner := d.At
		for up := e.site; up != nil; up = up.Up {
			if e.user(up.At) {
				d.At = up.At
				d.Labels = nil
				p := inner.Position()
				d.Notes = append(d.Notes, diag.Note{Kind: "note", Text: fmt.Sprintf("in the library, %s:%d: %s", p.Name, p.Line, firstLine(inner.Text()))})
				break
			}
		}
	}
	for _, old := range e.diags {
		if old.Code == d.Code && old.At == d.At && old.Title == d.Title {
			return
		}
	}
	e.diags = append(e.diags, d)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// fail reports an error and abandons the statement.
func (e *elab) fail(code string, at source.Span, format string, args ...any) {
	e.failWith(diag.Diagnostic{Code: code, At: at, Title: fmt.Sprintf(format, args...)})
}

func (e *elab) failWith(d diag.Diagnostic) {
	e.report(d)
	panic(stop{})
}

func notes(pairs ...string) []diag.Note {
	var n []diag.Note
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			n = append(n, diag.Note{Kind: pairs[i], Text: pairs[i+1]})
		}
	}
	return n
}

// try runs f and reports whether it came to its end.
func (e *elab) try(f func()) (ok bool) {
	site, path, depth, sizes, naming, building := e.site, e.path, e.depth, e.sizes, e.naming, e.building
	running, group, fixing, yielding, training := e.running, e.group, e.fixing, e.yielding, e.training
	defer func() {
		if r := recover(); r != nil {
			if _, is := r.(stop); !is {
				panic(r)
			}
			e.site, e.path, e.depth, e.sizes, e.naming, e.building = site, path, depth, sizes, naming, building
			e.running, e.group, e.fixing, e.yielding, e.training = running, group, fixing, yielding, training
			ok = false
		}
	}()
	f()
	return true
}

// mark is a state of the elaboration that a trial can return to.
type mark struct {
	diags, checks, writes, caches, keep int
	now                                 map[*core.Slot]*core.Term
	draws                               map[string]int
}

func (e *elab) mark() mark {
	m := mark{len(e.diags), len(e.prog.Checks), len(e.writes), len(e.caches), len(e.keep), map[*core.Slot]*core.Term{}, map[string]int{}}
	for k, v := range e.now {
		m.now[k] = v
	}
	for k, v := range e.lastDraw {
		m.draws[k] = v
	}
	return m
}

// rollback returns to a mark. Instances and slots that the trial elaborated stay: their declarations are evaluated once, whoever asks first.
func (e *elab) rollback(m mark) {
	e.diags, e.prog.Checks, e.writes = e.diags[:m.diags], e.prog.Checks[:m.checks], e.writes[:m.writes]
	e.caches, e.keep = e.caches[:m.caches], e.keep[:m.keep]
	e.now, e.lastDraw = m.now, m.draws
}

// rootOf returns the scope of a file.
func (e *elab) rootOf(u *resolve.Unit) *scope {
	if s := e.roots[u]; s != nil {
		return s
	}
	s := newScope(nil)
	s.unit = u
	e.roots[u] = s
	if u != e.unit && u.File != nil {
		e.importedConfig(u, s)
	}
	return s
}

// lookup resolves a name: indices are looked at by the caller; then scopes, the file, the library, the builtins.
func (e *elab) lookup(name string, s *scope) *binding {
	b, _ := s.find(name)
	if b == nil {
		root := s.root()
		b = e.fileName(name, root)
	}
	if b == nil {
		return nil
	}
	b.used = true
	if b.lazy != nil {
		if b.busy {
			e.fail("M405", b.at, "the definition of `%s` needs itself", name)
		}
		if e.depth >= maxDepth {
			e.fail("M214", b.at, "definitions are nested more than %d deep: one that contains itself never ends", maxDepth)
		}
		b.busy = true
		e.depth++
		defer func() { e.depth-- }()
		lazy := b.lazy
		ok := e.try(func() { b.v = lazy() })
		b.busy = false
		if !ok && e.trials > 0 {
			panic(stop{}) // what a trial reports may be dropped; then whoever asks next reports it
		}
		b.lazy = nil
		if !ok {
			b.v = poison{}
		}
	}
	if _, bad := b.v.(poison); bad {
		panic(stop{})
	}
	return b
}

// fileName finds a name among a file's declarations, then in the library, then among the builtins, and binds it in the file's scope.
func (e *elab) fileName(name string, root *scope) *binding {
	if b := root.names[name]; b != nil {
		return b
	}
	if root.unit != nil {
		if d := root.unit.Find(name); d != nil {
			home := e.rootOf(d.Unit)
			if home != root {
				if b := e.fileName(name, home); b != nil {
					root.names[name] = b
					return b
				}
			}
			return e.declare(d, root)
		}
	}
	if v := predeclared(name); v != nil {
		return root.set(name, v, source.Span{})
	}
	return nil
}

// declare binds a file-level declaration in its file's scope.
func (e *elab) declare(d *resolve.Decl, root *scope) *binding {
	m := d.Member()
	if m == nil {
		return root.set(d.Name, poison{}, source.Span{})
	}
	switch {
	case m.Fn != nil:
		return root.set(d.Name, fnVal{decl: m.Fn, env: root}, m.Fn.NameAt)
	case m.Block != nil && (m.Block.Kind == "layer" || m.Block.Kind == "model"):
		return root.set(d.Name, ctorVal{d}, m.Block.NameAt)
	case m.Block != nil && e.def != nil:
		return root.set(d.Name, poison{}, m.Block.NameAt)
	case m.Block != nil && m.Block.Kind == "data":
		if v := e.data[d.Name]; v != nil && root.unit == e.unit {
			return root.set(d.Name, v, m.Block.NameAt)
		}
		if root.unit == e.unit {
			e.fail("M406", e.site.At, "`%s` is a data block further down: blocks are used after they are defined", d.Name)
		}
	case m.Block != nil && m.Block.Kind == "train":
		if v := e.trains[d.Name]; v != nil && root.unit == e.unit {
			return root.set(d.Name, v, m.Block.NameAt)
		}
		e.fail("M406", e.site.At, "`%s` is a train block further down: blocks are used after they are defined", d.Name)
	case m.Stmt != nil && m.Stmt.Op == "=":
		b := root.set(d.Name, nil, m.At)
		b.lazy = func() value {
			defer e.enterFile()()
			sub := newScope(root)
			e.statement(m, sub)
			if got := sub.names[d.Name]; got != nil {
				return got.v
			}
			return poison{}
		}
		return b
	}
	return nil
}

// enterFile leaves the place in work for a file's own code and returns the way back.
func (e *elab) enterFile() func() {
	site, path, naming := e.site, e.path, e.naming
	e.path, e.naming = "", ""
	return func() { e.site, e.path, e.naming = site, path, naming }
}

// unknown fails with "did you mean".
func (e *elab) unknown(name string, at source.Span, s *scope) {
	seen := map[string]bool{}
	var all []string
	add := func(n string) {
		if !seen[n] && n != name {
			seen[n] = true
			all = append(all, n)
		}
	}
	index := s.indexes()
	if index != nil {
		for _, a := range index.axes {
			add(a.name)
		}
	}
	for at := s; at != nil; at = at.parent {
		for n := range at.names {
			add(n)
		}
		if at.unit != nil {
			for _, n := range at.unit.Names() {
				add(n)
			}
		}
	}
	for n := range builtins {
		add(n)
	}
	d := diag.Diagnostic{Code: "M400", At: at, Title: fmt.Sprintf("`%s` is not known here", name)}
	if index != nil {
		d.Code, d.Title = "M120", fmt.Sprintf("`%s` is no index of this line and no value in scope", name)
		d.Notes = notes("why", "the indices of a line are the names on its left and in its reducers; only written reducers sum")
	}
	if ours := foreign[name]; ours != "" {
		d.Notes = append(d.Notes, diag.Note{Kind: "fix", Text: ours})
	} else if near := diag.Suggest(name, all); near != "" {
		d.Labels = append(d.Labels, diag.Label{At: at, Text: "did you mean `" + near + "`?"})
	}
	e.failWith(d)
}

// residual records a condition on sizes that only numbers can decide.
func (e *elab) residual(op string, a, b size.Size, code, text string) {
	e.prog.Checks = append(e.prog.Checks, core.Check{Op: op, A: a, B: b, Site: e.site, Code: code, Text: text})
}
