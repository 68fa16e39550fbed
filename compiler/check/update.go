package check

import (
	"fmt"
	"math"
	"strings"

	"modelc/compiler/core"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
)

var updateSettings = []string{"loss", "optimizer", "clip", "every"}

// updateLoss evaluates the lines of an update; its loss is D.loss for the rest of the block.
func (e *elab) updateLoss(t *trainVal, b *syntax.Block, s *scope) {
	sub := newScope(s)
	for _, m := range b.Body.Members {
		e.at(m.At)
		if m.Stmt == nil || m.Stmt.Op != "=" {
			e.fail("M207", m.At, "an update holds bindings and the settings loss, optimizer, clip, every")
		}
		if n, is := m.Stmt.Left.(*syntax.Name); is && contains(updateSettings, n.Text) {
			if n.Text == "loss" {
				v := e.eval(m.Stmt.Right, sub)
				lt := e.lossTerm(v, n.At)
				lt.Hint = "loss"
				named := core.Named{Name: b.Name + ".loss", Term: lt, At: n.At}
				if e.training {
					t.core.Metrics = append(t.core.Metrics, named)
					t.core.Updates = append(t.core.Updates, &core.Update{Name: b.Name, Loss: lt, Every: 1})
				} else {
					t.core.Valid = append(t.core.Valid, named)
				}
				sub.set("loss", lt, n.At).used = true
			}
			continue
		}
		e.simple(m.Stmt, sub)
	}
	if sub.names["loss"] == nil {
		e.fail("M415", b.At, "the update %s has no `loss`", b.Name)
	}
}

// movedBindings lists the bindings of a train block of which an update moves a weight, those that a list gathers included; nil where the block has one loss, which moves
// everything. In a network outside of the list `training` is false (ruling 6).
func movedBindings(b *syntax.Block) map[string]bool {
	var out map[string]bool
	lists := map[string]*syntax.List{}
	for _, m := range b.Body.Members {
		if m.Stmt == nil {
			continue
		}
		if n, is := m.Stmt.Left.(*syntax.Name); is {
			if l, is := m.Stmt.Right.(*syntax.List); is {
				lists[n.Text] = l
			}
		}
	}
	var add func(name string)
	add = func(name string) {
		if out[name] {
			return
		}
		out[name] = true
		if l := lists[name]; l != nil {
			syntax.Walk(l, func(n syntax.Node) bool {
				if nm, is := n.(*syntax.Name); is {
					add(nm.Text)
				}
				return true
			})
		}
	}
	for _, m := range b.Body.Members {
		if m.Block != nil && m.Block.Kind == "update" {
			if out == nil {
				out = map[string]bool{}
			}
			add(splitDots(m.Block.Name)[0])
		}
	}
	return out
}

// frozen reports whether a layer belongs to a network of another block, or to one of which no update moves a weight; a list is frozen when all its layers are.
func (e *elab) frozen(v value) bool {
	switch v := v.(type) {
	case *instance:
		return v.home != e.home || e.moved != nil && v.path != "" && !e.moved[splitDots(v.path)[0]]
	case stacked:
		return e.frozen(v.group.template)
	case *listVal:
		layers := false
		for _, it := range v.items {
			switch it.(type) {
			case *instance, stacked, *listVal:
				if !e.frozen(it) {
					return false
				}
				layers = true
			}
		}
		return layers
	}
	return false
}

// foreign refuses weights of another train block: only what a block constructs moves in it (ruling 2).
func (e *elab) foreign(slots []*core.Slot, b *syntax.Block) {
	for _, n := range sortedTrains(e.trains) {
		for _, s := range slots {
			if o := e.trains[n]; hasSlot(o.slots, s) {
				e.failWith(diag.Diagnostic{Code: "M419", At: b.NameAt, Title: fmt.Sprintf("`%s` belongs to the train block %s, and only what a block constructs moves in it", b.Name, n),
					Notes: notes("fix", "construct the network here, or train it in "+n+"; its layers are frozen here")})
			}
		}
	}
}

// finishUpdates gives each update its moves.
func (e *elab) finishUpdates(t *trainVal, blocks []*syntax.Block, settings map[string]*syntax.Stmt) {
	every := false
	for i, b := range blocks {
		u := t.core.Updates[i]
		own := map[string]*syntax.Stmt{}
		for _, m := range b.Body.Members {
			if n, is := m.Stmt.Left.(*syntax.Name); is && contains(updateSettings, n.Text) {
				own[n.Text] = m.Stmt
			}
		}
		pick := func(name string) *syntax.Stmt {
			if own[name] != nil {
				return own[name]
			}
			return settings[name]
		}
		v := e.network(b.Name, b.NameAt, t.train)
		var slots []*core.Slot
		for _, s := range e.ownedSlots(v, b.NameAt) {
			if s.Role == core.Param {
				slots = append(slots, s)
			}
		}
		e.foreign(slots, b)
		u.Moves = e.moves(t, slots, pick("optimizer"), t.train, b.At)
		u.Clip = e.clip(pick("clip"), t.train)
		if st := own["every"]; st != nil {
			n, ok := e.sizeOf(st.Right, e.rootOf(e.unit)).Const()
			if !ok || n < 1 {
				e.fail("M418", st.Right.Span(), "every is a number of steps, at least 1")
			}
			u.Every = int(n)
			every = every || n > 1
		}
	}
	if every {
		for _, u := range t.core.Updates {
			t.plan.Every = append(t.plan.Every, int64(u.Every))
		}
	}
}

// sharedLoss warns of two updates with one loss: one update over both is meant (ruling 69).
func (e *elab) sharedLoss(t *trainVal) {
	for i, u := range t.core.Updates {
		for _, v := range t.core.Updates[:i] {
			if u.Loss.ID == v.Loss.ID {
				e.report(diag.Diagnostic{Severity: diag.Warning, Code: "M422", At: u.Loss.Site.At, Title: fmt.Sprintf("the updates %s and %s have the same loss", v.Name, u.Name),
					Notes: notes("why", "the second sees the weights that the first has moved, so the loss is computed twice", "fix", fmt.Sprintf("both = [%s, %s]   and one   update both { … }", v.Name, u.Name))})
			}
		}
	}
}

// network evaluates the name of an update: a binding or a path into one.
func (e *elab) network(name string, at source.Span, s *scope) value {
	parts := splitDots(name)
	var x syntax.Expr = &syntax.Name{Text: parts[0], At: at}
	for _, p := range parts[1:] {
		x = &syntax.Field{X: x, Name: p, NameAt: at, At: at}
	}
	v := e.eval(x, s)
	switch v.(type) {
	case *instance, stacked, *listVal:
		return v
	}
	if tm, is := v.(*core.Term); is && slotOf(tm) != nil {
		return v
	}
	e.fail("M419", at, "an update moves a network, this is %s", describe(v))
	return nil
}

func splitDots(s string) []string {
	var out []string
	from := 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '.' {
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return out
}

// planTrain reads the settings that the run needs.
func (e *elab) planTrain(t *trainVal, settings map[string]*syntax.Stmt) {
	root := e.rootOf(e.unit)
	p := t.plan
	num := func(name string, least int64) int64 {
		st := settings[name]
		if st == nil {
			return 0
		}
		n, ok := e.sizeOf(st.Right, root).Const()
		if !ok || n < least {
			e.fail("M418", st.Right.Span(), "%s is an integer of at least %d", name, least)
		}
		return n
	}
	p.Epochs, p.Steps = num("epochs", 1), num("steps", 1)
	switch {
	case p.Epochs > 0 && p.Steps > 0:
		e.fail("M420", settings["steps"].At, "epochs or steps, not both")
	case p.Epochs == 0 && p.Steps == 0:
		before := len(e.diags)
		e.unusedIn(t, true)
		if len(e.diags) > before {
			panic(stop{})
		}
		e.fail("M420", t.block.NameAt, "without `steps` or `epochs` this run would never end")
	}
	if settings["accumulate"] != nil {
		p.Accumulate = num("accumulate", 1)
		t.core.Accumulate = int(p.Accumulate)
	}
	if settings["seed"] != nil {
		p.Seed = num("seed", 0)
	}
	if t.batch != nil {
		p.Rows = e.rows(t.batch.of, t.batch.size, "drop")
		if t.batch.last != "" {
			p.Rows.Last = t.batch.last
		}
		if p.Rows.Batch%p.Accumulate != 0 {
			e.fail("M414", settings["accumulate"].At, "accumulate = %d cuts a batch of %d into slices that are not equal", p.Accumulate, p.Rows.Batch)
		}
	} else if p.Epochs > 0 {
		e.fail("M420", settings["epochs"].At, "this block draws no batch, so it has no epochs: use steps")
	}
	t.core.Columns = columns(append(append(namedTerms(t.core.Metrics), lossesOf(t.core)...), writesOf(t.core)...)...)
	p.Columns = t.core.Columns
	e.markBatch(t, t.core.Columns)
	e.unmaskedColumns(t)
	if st := settings["valid"]; st != nil {
		if t.batch == nil {
			e.fail("M418", st.At, "this block draws no batch, so nothing of it is measured on rows")
		}
		v := e.eval(st.Right, root)
		sp, is := v.(splitVal)
		if !is {
			e.fail("M418", st.Right.Span(), "valid is a split of data (Digits.valid), this is %s", describe(v))
		}
		size := int64(256)
		if t.batch != nil {
			size = t.batch.size
		}
		r := e.rows(sp, size, "keep")
		p.Valid = &r
	}
	cols := columns(namedTerms(t.core.Valid)...)
	e.markBatch(t, cols)
	p.Metrics = recipe.Metrics{Entry: t.name + ".valid", Columns: cols}
	for _, m := range t.core.Valid {
		if m.Host == nil {
			p.Metrics.Names = append(p.Metrics.Names, m.Name)
		}
	}
	e.clock(p, settings)
	e.unusedIn(t, false)
}

func lossesOf(t *core.Train) []*core.Term {
	var out []*core.Term
	for _, u := range t.Updates {
		out = append(out, u.Loss)
	}
	return out
}

func writesOf(t *core.Train) []*core.Term {
	var out []*core.Term
	for _, w := range t.Writes {
		out = append(out, w.Value)
	}
	return out
}

// markBatch marks the columns that travel to the device.
func (e *elab) markBatch(t *trainVal, cols []string) {
	for _, d := range e.data {
		for _, c := range cols {
			if col := d.columns[strings.TrimSuffix(c[len("batch."):], ".mask")]; col != nil {
				if t == nil || t.batch == nil || t.batch.of.data == d {
					col.plan.Batch = true
				}
			}
		}
	}
}

func (e *elab) rows(s splitVal, batch int64, last string) recipe.Rows {
	return recipe.Rows{Data: s.data.name, Split: s.split, Batch: batch, Last: last}
}

// clock reads checkpoint, keep, stop and average.
func (e *elab) clock(p *recipe.Train, settings map[string]*syntax.Stmt) {
	call := func(name string, functions ...string) (string, *syntax.Call) {
		st := settings[name]
		if st == nil {
			return "", nil
		}
		if c, is := st.Right.(*syntax.Call); is {
			if f, is := c.Fn.(*syntax.Name); is && contains(functions, f.Text) {
				return f.Text, c
			}
		}
		example := map[string]string{"checkpoint": "every(epochs=1) or every(steps=500)", "keep": "lowest(valid.loss) or highest(valid.accuracy)", "stop": "patience(3)", "average": "ema(0.999) or last(5)"}[name]
		e.fail("M418", st.Right.Span(), "%s is %s", name, example)
		return "", nil
	}
	one := func(c *syntax.Call) float64 {
		if len(c.Args) == 1 {
			if n, ok := number(e.eval(c.Args[0].X, e.rootOf(e.unit))); ok {
				return n
			}
		}
		e.fail("M418", c.At, "one number is needed here")
		return 0
	}
	whole := func(c *syntax.Call) int64 {
		x := one(c)
		if x < 1 || x != math.Trunc(x) || x > 1<<53 {
			e.fail("M418", c.At, "a whole number of at least 1 is needed here, this is %v", x)
		}
		return int64(x)
	}
	unnamed := func(c *syntax.Call) *syntax.Call {
		if len(c.Args) == 1 && c.Args[0].Name != "" {
			e.fail("M203", c.Args[0].At, "%s has no argument `%s`", syntax.Print(c.Fn), c.Args[0].Name)
		}
		return c
	}
	if _, c := call("checkpoint", "every"); c != nil {
		n := whole(c)
		switch {
		case c.Args[0].Name == "epochs" && p.Rows.Data == "":
			e.fail("M420", c.At, "this block draws no batch, so it has no epochs: every(steps=500)")
		case c.Args[0].Name == "steps":
			p.Checkpoint.Steps = n
		case c.Args[0].Name == "epochs":
			p.Checkpoint.Epochs = n
		default:
			e.fail("M418", c.At, "checkpoint is every(epochs=1) or every(steps=500)")
		}
	}
	if f, c := call("keep", "lowest", "highest"); c != nil {
		metric := ""
		if len(c.Args) == 1 {
			metric = syntax.Print(c.Args[0].X)
		}
		ok := false
		var known []string
		for _, n := range p.Metrics.Names {
			known = append(known, "valid."+n)
			ok = ok || metric == "valid."+n
		}
		if !ok {
			e.fail("M418", c.At, "keep names a validation metric: %v", known)
		}
		if p.Valid == nil {
			e.fail("M418", c.At, "keep needs `valid = …`, the rows it is measured on")
		}
		p.Keep = &recipe.Goal{Metric: metric, Highest: f == "highest"}
	}
	if _, c := call("stop", "patience"); c != nil {
		p.Patience = whole(unnamed(c))
		if p.Keep == nil {
			e.fail("M418", c.At, "stop counts checkpoints without a better `keep`, which is not set")
		}
	}
	if f, c := call("average", "ema", "last"); c != nil {
		p.Average = &recipe.Average{Kind: f}
		if f == "ema" {
			n := one(unnamed(c))
			if n <= 0 || n >= 1 {
				e.fail("M418", c.At, "the decay of ema lies between 0 and 1")
			}
			p.Average.Decay = n
		} else {
			p.Average.Last = whole(unnamed(c))
		}
	}
}
