package check

import (
	"fmt"
	"strings"

	"modelc/compiler/core"
	"modelc/compiler/size"
	"modelc/lang/diag"
	"modelc/lang/source"
	"modelc/lang/syntax"
	"modelc/recipe"
)

// trainVal is a train block by its name: its bindings, as they are outside of training.
type trainVal struct {
	name     string
	block    *syntax.Block
	core     *core.Train
	plan     *recipe.Train
	eval     *scope // bindings with training = false
	train    *scope
	batch    *batchVal
	bindings []*syntax.Name
	layers   []Layer
	made     []*instance
	slots    []*core.Slot
	reads    map[*core.Slot]*core.Term
	nets     []value
	metrics  *syntax.Block
	needs    []string // the other train blocks that it reads from
}

func (t *trainVal) describe() string { return "the train block " + t.name }

// field reads RUN.binding.
func (t *trainVal) field(e *elab, x *syntax.Field) value {
	if e.home != nil && e.home != t.block && !contains(e.needs, t.name) {
		e.needs = append(e.needs, t.name)
	}
	if b := t.train.names[x.Name]; b != nil {
		b.used = true
	}
	b := t.eval.names[x.Name]
	if b == nil {
		var names []string
		for n := range t.eval.names {
			names = append(names, n)
		}
		d := diag.Diagnostic{Code: "M400", At: x.NameAt, Title: fmt.Sprintf("the train block %s has no `%s`", t.name, x.Name)}
		if near := diag.Suggest(x.Name, names); near != "" {
			d.Labels = []diag.Label{{At: x.NameAt, Text: "did you mean `" + near + "`?"}}
		}
		e.failWith(d)
	}
	if _, bad := b.v.(poison); bad {
		panic(stop{})
	}
	return b.v
}

var trainSettings = []string{"optimizer", "epochs", "steps", "clip", "precision", "accumulate", "checkpoint", "keep", "stop", "average", "valid", "seed", "loss"}

// batches is DATA.SPLIT.batches(64, last=keep).
func (e *elab) batches(f batchesFn, args []*syntax.Arg, s *scope, at source.Span) value {
	b := batchVal{of: f.of}
	for _, a := range args {
		switch {
		case a.Name == "" && b.size == 0:
			n, ok := e.sizeOf(a.X, s).Const()
			if !ok || n < 1 || n > 1<<24 {
				e.fail("M414", a.At, "a batch has between 1 and %d rows", 1<<24)
			}
			b.size = n
		case a.Name == "last":
			n, is := a.X.(*syntax.Name)
			if !is || n.Text != "keep" && n.Text != "drop" {
				e.fail("M414", a.At, "last=keep or last=drop")
			}
			b.last = n.Text
		default:
			d := diag.Diagnostic{Code: "M203", At: a.At, Title: fmt.Sprintf("batches has no argument `%s`; it has a number of rows and last=keep", a.Name)}
			e.failWith(d)
		}
	}
	if b.size == 0 {
		e.fail("M414", at, "batches needs the number of rows: batches(64)")
	}
	return b
}

// trainBlock elaborates a train block: once as it trains, once as it is measured.
func (e *elab) trainBlock(b *syntax.Block) {
	if b.Name == "" {
		e.fail("M404", b.At, "a train block has a name")
	}
	e.reset()
	root := e.rootOf(e.unit)
	t := &trainVal{name: b.Name, block: b, train: newScope(root), eval: newScope(root)}
	t.core = &core.Train{Name: b.Name, At: b.At, Accumulate: 1}
	t.plan = &recipe.Train{Accumulate: 1, Seed: 42, Precision: "f32"}
	settings := map[string]*syntax.Stmt{}
	e.settings(t, b, settings)
	var updates []*syntax.Block
	failed := false

	pass := func(s *scope, training bool) []core.Named {
		e.fresh()
		e.phase, e.training = "train", training
		var metrics []core.Named
		for _, m := range b.Body.Members {
			ok := e.try(func() {
				e.at(m.At)
				switch {
				case m.Block != nil && m.Block.Kind == "update":
					if training {
						updates = append(updates, m.Block)
					}
					e.updateLoss(t, m.Block, s)
				case m.Block != nil && m.Block.Kind == "metrics":
					t.metrics = m.Block
					metrics = append(metrics, e.metricsOf(m.Block, s)...)
				case m.Block != nil:
					e.fail("M401", m.Block.KindAt, "`%s` has no place in train: it holds `update` and `metrics`", m.Block.Kind)
				case m.Stmt != nil:
					e.trainLine(t, m.Stmt, s, training, settings)
				default:
					e.fail("M207", m.At, "this has no place in a train block")
				}
			})
			if !ok {
				failed = true
				e.poison(m, s)
			}
		}
		return metrics
	}
	e.moved, e.home = movedBindings(b), b
	e.building = true
	metrics := pass(t.train, true)
	if failed {
		e.rootOf(e.unit).set(b.Name, poison{}, b.NameAt)
		return
	}
	loss := t.train.names["loss"]
	if loss != nil && len(updates) > 0 {
		e.fail("M415", loss.at, "a train block has one `loss`, or updates, not both")
	}
	if loss == nil && len(updates) == 0 {
		e.failWith(diag.Diagnostic{Code: "M415", At: b.NameAt, Title: "this train block has no `loss`", Notes: notes("fix", "loss = cross_entropy(logits, batch.label)")})
	}
	t.core.Writes = e.written()
	if loss != nil {
		lt := e.lossTerm(loss.v, loss.at)
		t.core.Metrics = append([]core.Named{{Name: "loss", Term: lt, At: loss.at}}, metrics...)
		u := &core.Update{Loss: lt, Every: 1}
		u.Moves = e.moves(t, e.trainable(t), settings["optimizer"], t.train, b.At)
		u.Clip = e.clip(settings["clip"], t.train)
		t.core.Updates = []*core.Update{u}
	} else {
		t.core.Metrics = append(t.core.Metrics, metrics...)
		e.finishUpdates(t, updates, settings)
		e.sharedLoss(t)
	}
	e.untouched(t)
	t.core.Slots = append([]*core.Slot(nil), e.slots...)
	// As measured: the same instances, training = false.
	for n, bd := range t.train.names {
		if !reevaluated(bd.v) {
			t.eval.names[n] = &binding{v: bd.v, at: bd.at, used: true}
		}
	}
	e.building = false
	valid := pass(t.eval, false)
	if failed {
		e.rootOf(e.unit).set(b.Name, poison{}, b.NameAt)
		return
	}
	if l := t.eval.names["loss"]; l != nil {
		t.core.Valid = append([]core.Named{{Name: "loss", Term: e.lossTerm(l.v, l.at), At: l.at}}, valid...)
	} else {
		t.core.Valid = append(t.core.Valid, valid...)
	}
	if len(e.slots) > len(t.core.Slots) {
		t.core.Slots = append([]*core.Slot(nil), e.slots...)
	}
	t.slots, t.made, t.reads, t.needs = e.slots, e.made, e.reads, e.needs
	e.planTrain(t, settings)
	for _, in := range e.made {
		if !in.optimizer && (in.called || len(in.order) > 0) {
			t.layers = append(t.layers, Layer{Block: b.Name, Path: in.path, Decl: in.decl.Name, Slots: in.order})
		}
	}
	e.trains[b.Name] = t
	root.set(b.Name, t, b.NameAt).used = true
	e.prog.Trains = append(e.prog.Trains, t.core)
	e.plan.Blocks = append(e.plan.Blocks, &recipe.Block{Kind: "train", Name: b.Name, Needs: e.needs, Train: t.plan, At: place(b.At)})
}

// reevaluated reports whether a binding is computed again when training changes: tensors are, what owns weights is not.
func reevaluated(v value) bool {
	switch v := v.(type) {
	case *core.Term:
		return true
	case tupleVal:
		for _, x := range v {
			if reevaluated(x) {
				return true
			}
		}
	}
	return false
}

// written lists the states that the pass wrote.
func (e *elab) written() []core.Write {
	var out []core.Write
	seen := map[*core.Slot]bool{}
	for _, s := range e.slots {
		if v := e.now[s]; v != nil && !seen[s] {
			seen[s] = true
			out = append(out, core.Write{Slot: s, Value: v})
		}
	}
	return out
}

func (e *elab) lossTerm(v value, at source.Span) *core.Term {
	t := e.asTerm(v, at)
	if len(t.Type.Dims) != 0 || !t.Type.Elem.IsFloat() {
		e.failWith(diag.Diagnostic{Code: "M416", At: at, Title: fmt.Sprintf("a loss is one number, this is %s", typeText(t.Type)), Notes: notes("fix", "mean(…) or sum(…)")})
	}
	return t
}

// settings finds the lines that are settings: a name of the list on the left (ruling 70).
func (e *elab) settings(t *trainVal, b *syntax.Block, out map[string]*syntax.Stmt) {
	for _, m := range b.Body.Members {
		if m.Stmt == nil || m.Stmt.Op != "=" {
			continue
		}
		n, is := m.Stmt.Left.(*syntax.Name)
		if !is || !contains(trainSettings, n.Text) {
			continue
		}
		if out[n.Text] != nil {
			e.report1("M404", n.At, "`%s` is set twice", n.Text)
			continue
		}
		out[n.Text] = m.Stmt
	}
	if p := out["precision"]; p != nil {
		n, is := p.Right.(*syntax.Name)
		ok := map[string]bool{"f32": true, "f32strict": true, "bf16": true, "f64": true}
		if !is || !ok[n.Text] {
			e.report1("M417", p.At, "precision is f32, f32strict, bf16 or f64")
			return
		}
		t.plan.Precision = n.Text
		switch n.Text {
		case "bf16":
			e.precision = core.BF16
		case "f64":
			e.precision = core.F64
		}
	}
}

// trainLine evaluates a binding, or the loss; the other settings are read by planTrain.
func (e *elab) trainLine(t *trainVal, st *syntax.Stmt, s *scope, training bool, settings map[string]*syntax.Stmt) {
	if n, is := st.Left.(*syntax.Name); is && st.Op == "=" && contains(trainSettings, n.Text) {
		if n.Text == "loss" {
			v := e.eval(st.Right, s)
			if tm, is := v.(*core.Term); is {
				tm.Hint = "loss"
			}
			s.set("loss", v, n.At).used = true
		}
		return
	}
	if st.Op != "=" {
		e.fail("M207", st.At, "a line of train is a binding or a setting")
	}
	var names []*syntax.Name
	switch l := st.Left.(type) {
	case *syntax.Name:
		names = []*syntax.Name{l}
	case *syntax.Group:
		for _, it := range l.Items {
			if n, is := it.X.(*syntax.Name); is {
				names = append(names, n)
			}
		}
	case *syntax.Index:
		if n, is := l.X.(*syntax.Name); is {
			names = []*syntax.Name{n}
		}
	}
	if !training {
		done := len(names) > 0
		for _, n := range names {
			done = done && s.names[n.Text] != nil && !reevaluated(s.names[n.Text].v)
		}
		if done {
			return
		}
	} else {
		for _, n := range names {
			if s.names[n.Text] != nil {
				e.fail("M404", n.At, "`%s` is bound twice: in train each name is bound once", n.Text)
			}
		}
	}
	made := len(e.made)
	e.simple(st, s)
	if !training {
		return
	}
	t.bindings = append(t.bindings, names...)
	for _, n := range names {
		b := s.names[n.Text]
		if b == nil {
			continue
		}
		switch v := b.v.(type) {
		case *core.Term:
			if len(e.made) > made && e.anyTop(e.made[made:]) {
				e.failWith(diag.Diagnostic{Code: "M210", At: st.Right.Span(), Title: "weights are made within an expression",
					Notes: notes("why", "a constructor call makes weights, a name shares them", "fix", "net = …  on a line of its own, then use net(x)")})
			}
		case batchVal:
			if t.batch != nil {
				e.fail("M414", st.At, "one train block draws one batch")
			}
			t.batch = &v
			e.lengthNames(v, s)
		case *instance, *listVal:
			t.nets = append(t.nets, v)
		}
	}
}

// anyTop reports whether one of the instances was constructed by the block itself.
func (e *elab) anyTop(list []*instance) bool {
	for _, in := range list {
		if !strings.Contains(in.path, ".") && !in.optimizer {
			return true
		}
	}
	return false
}

// lengthNames makes the length names of a batch's columns size names (ruling 40).
func (e *elab) lengthNames(b batchVal, s *scope) {
	for _, n := range b.of.data.order {
		for _, l := range b.of.data.columns[n].lens {
			if l.Name != "" && s.names[l.Name] == nil {
				s.set(l.Name, sizeVal{size.FromSym(l)}, b.of.data.columns[n].at).used = true
			}
		}
	}
}

// metricsOf evaluates a metrics block: scalars are reported, other members help.
func (e *elab) metricsOf(b *syntax.Block, s *scope) []core.Named {
	var out []core.Named
	sub := newScope(s)
	for _, m := range b.Body.Members {
		e.at(m.At)
		if m.Stmt == nil || m.Stmt.Op != "=" {
			e.fail("M207", m.At, "metrics are named: accuracy = mean(…)")
		}
		n, is := m.Stmt.Left.(*syntax.Name)
		if is {
			if h := e.hostMetric(m.Stmt.Right, sub); h != nil {
				out = append(out, core.Named{Name: n.Text, Host: h, At: n.At})
				continue
			}
		}
		e.simple(m.Stmt, sub)
		if !is {
			continue
		}
		v := sub.names[n.Text].v
		if isConst(v) {
			v = e.convertLoose(v, core.F32, m.At)
		}
		if tm, is := v.(*core.Term); is && len(tm.Type.Dims) == 0 && tm.Type.Elem != core.Bool {
			if !tm.Type.Elem.IsFloat() {
				tm = e.term(core.Cast{}, of(core.F32), tm)
			}
			out = append(out, core.Named{Name: n.Text, Term: tm, At: n.At})
		}
	}
	return out
}

// hostMetric recognises auc(scores, labels) and confusion(labels, predictions).
func (e *elab) hostMetric(x syntax.Expr, s *scope) *core.HostMetric {
	c, is := x.(*syntax.Call)
	if !is {
		return nil
	}
	f, is := c.Fn.(*syntax.Name)
	if !is || f.Text != "auc" && f.Text != "confusion" {
		return nil
	}
	if b, _ := s.find(f.Text); b != nil || e.unit.Own(f.Text) {
		return nil
	}
	if len(c.Args) != 2 {
		e.fail("M203", c.At, "%s takes 2 arguments", f.Text)
	}
	h := &core.HostMetric{Kind: f.Text}
	for _, a := range c.Args {
		t := e.asTerm(e.eval(a.X, s), a.At)
		if len(t.Type.Dims) != 1 {
			e.fail("M407", a.At, "%s needs one value per row, this is %s", f.Text, typeText(t.Type))
		}
		if f.Text == "confusion" {
			if t.Type.Elem != core.ID {
				e.fail("M407", a.At, "confusion compares ids, this is %s", typeText(t.Type))
			}
			if n, ok := t.Type.Range.Const(); ok && n > h.Size {
				h.Size = n
			}
		}
		h.Args = append(h.Args, t)
	}
	return h
}

// untouched refuses a network of another block that this block is the first to call: its weights were never made there.
func (e *elab) untouched(t *trainVal) {
	for _, n := range e.needs {
		for _, in := range e.trains[n].made {
			for _, s := range in.order {
				if hasSlot(e.slots, s) {
					e.failWith(diag.Diagnostic{Code: "M419", At: t.block.NameAt, Title: fmt.Sprintf("%s never calls its `%s`, so %s has no weights of it to read", n, splitDots(in.path)[0], t.name),
						Notes: notes("fix", "construct the network in this block")})
				}
			}
		}
	}
}

// trainable lists the weights constructed in the block.
func (e *elab) trainable(t *trainVal) []*core.Slot {
	var out []*core.Slot
	for _, s := range e.slots {
		if s.Role == core.Param {
			out = append(out, s)
		}
	}
	return out
}
