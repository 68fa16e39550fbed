package ir

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// maxText bounds the text that Parse reads.
const maxText = 256 << 20

// maxSites bounds the chain of callers in the comment of one instruction.
const maxSites = 64

// Parse reads the text form of a module (see Print); file is its name in errors. The registry holds an op for each mnemonic, with the fields that belong to the name
// set and all others zero (ops.Registry); call and scan need no entry. The result satisfies Verify.
func Parse(file, text string, registry map[string]Op) (*Module, error) {
	if len(text) > maxText {
		return nil, &ParseError{file, 1, 1, fmt.Sprintf("the text is longer than %d bytes", maxText)}
	}
	p := &parser{lexer: lexer{file: file, text: text, line: 1}, registry: registry, module: &Module{Sites: []Site{{}}},
		funcs: map[string]*Func{}, states: map[string]*State{}, sites: map[Site]Pos{}}
	p.advance()
	p.file()
	if p.err != nil {
		return nil, p.err
	}
	if err := Verify(p.module); err != nil {
		return nil, &ParseError{file, p.tok.line, p.tok.col, err.Error()}
	}
	return p.module, nil
}

type parser struct {
	lexer
	tok      token
	comment  token // the last comment that was passed over
	registry map[string]Op
	module   *Module
	funcs    map[string]*Func
	states   map[string]*State
	sites    map[Site]Pos
}

func (p *parser) advance() {
	p.tok = p.next()
	for p.tok.kind == tokenComment {
		p.comment = p.tok
		p.tok = p.next()
	}
}

// errorf keeps the first error, at the current token, and ends the text.
func (p *parser) errorf(format string, args ...any) {
	if p.err == nil {
		p.err = &ParseError{p.lexer.file, p.tok.line, p.tok.col, fmt.Sprintf(format, args...)}
	}
	p.at = len(p.text)
	p.tok = token{line: p.tok.line, col: p.tok.col}
}

func (p *parser) is(mark string) bool { return p.tok.kind == tokenMark && p.tok.text == mark }

func (p *parser) isWord(word string) bool { return p.tok.kind == tokenWord && p.tok.text == word }

func (p *parser) accept(mark string) bool {
	if p.is(mark) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(mark string) {
	if !p.accept(mark) {
		p.errorf("%s is missing", mark)
	}
}

// take returns the text of a token of the kind.
func (p *parser) take(kind tokenKind, what string) string {
	if p.tok.kind != kind {
		p.errorf("%s is missing", what)
		return ""
	}
	s := p.tok.text
	p.advance()
	return s
}

// name reads a bare or quoted name.
func (p *parser) name() string {
	if p.tok.kind == tokenString {
		return p.take(tokenString, "a name")
	}
	return p.take(tokenWord, "a name")
}

// items reads what item reads, separated by commas, up to the closing mark.
func (p *parser) items(closing string, item func()) {
	for p.err == nil && !p.accept(closing) {
		item()
		if !p.is(closing) {
			p.expect(",")
		}
	}
}

func (p *parser) file() {
	if p.take(tokenWord, "the word module") != "module" && p.err == nil {
		p.errorf("the text does not begin with module")
	}
	p.module.Name = p.name()
	for p.err == nil && p.tok.kind != tokenEnd {
		switch word := p.take(tokenWord, "func, entry, data or a state"); word {
		case "data":
			p.data()
		case "func":
			p.fn(false)
		case "whole":
			if !p.isWord("func") {
				p.errorf("func is missing")
			}
			p.advance()
			p.fn(true)
		case "entry":
			p.entry()
		default:
			if role, ok := ParseRole(word); ok {
				p.state(role)
			} else if p.err == nil {
				p.errorf("%q begins nothing: want func, entry, data or a state", word)
			}
		}
	}
}

func (p *parser) state(role Role) {
	s := &State{Role: role, Name: p.name(), Type: p.typ()}
	if p.accept("{") {
		if p.name() != "parts" {
			p.errorf("parts is missing")
		}
		p.expect("=")
		p.expect("[")
		s.Parts = []string{}
		p.items("]", func() { s.Parts = append(s.Parts, p.take(tokenString, "a string")) })
		p.expect("}")
	}
	if p.states[s.Name] != nil {
		p.errorf("the state %s is there twice", s.Name)
	}
	p.states[s.Name] = s
	p.module.State = append(p.module.State, s)
}

func (p *parser) data() {
	if n := p.take(tokenWord, "a number"); n != strconv.Itoa(len(p.module.Data)) {
		p.errorf("the data are not numbered in order")
	}
	d := Data{Type: p.typ()}
	p.expect("=")
	digits := p.take(tokenWord, "the bytes")
	if p.err != nil {
		return
	}
	bytes, err := hex.DecodeString(digits[min(1, len(digits)):])
	if digits[0] != 'x' || err != nil || int64(len(bytes)) != d.Type.Bytes() {
		p.errorf("want x and %d hexadecimal bytes", d.Type.Bytes())
	}
	d.Bytes = bytes
	p.module.Data = append(p.module.Data, d)
}

func (p *parser) entry() {
	e := &Entry{Name: p.name()}
	p.expect("=")
	if e.Func = p.funcs[p.tok.text]; p.tok.kind != tokenFunc || e.Func == nil {
		p.errorf("the entry's function is not known")
	}
	p.advance()
	p.expect("(")
	p.items(")", func() { e.In = append(e.In, p.name()) })
	e.Read = p.bound("read")
	p.expect("->")
	p.expect("(")
	p.items(")", func() { e.Out = append(e.Out, p.name()) })
	e.Write = p.bound("write")
	p.module.Entries = append(p.module.Entries, e)
}

func (p *parser) bound(word string) []*State {
	var out []*State
	if p.isWord(word) {
		p.advance()
		p.expect("(")
		p.items(")", func() {
			n := p.name()
			if p.states[n] == nil {
				p.errorf("the state %q is not known", n)
			}
			out = append(out, p.states[n])
		})
	}
	return out
}

func (p *parser) fn(whole bool) {
	name := p.take(tokenFunc, "the function's name")
	if p.funcs[name] != nil {
		p.errorf("the function @%s is there twice", name)
	}
	b := NewBuilder(name)
	b.Func.Whole = whole
	values := map[string]*Value{}
	p.expect("(")
	p.items(")", func() {
		t := p.tok
		p.take(tokenValue, "a parameter")
		p.define(values, t, b.Param(p.typ(), t.hint))
	})
	p.expect("->")
	p.expect("(")
	var results []Type
	p.items(")", func() { results = append(results, p.typ()) })
	p.expect("{")
	for p.err == nil && !p.isWord("return") {
		p.instr(b, values)
	}
	p.advance()
	var returned []*Value
	for p.err == nil && !p.is("}") {
		if len(returned) > 0 {
			p.expect(",")
		}
		returned = append(returned, p.use(values))
	}
	p.expect("}")
	if p.err == nil && len(returned) != len(results) {
		p.errorf("@%s returns %d values, its head has %d types", name, len(returned), len(results))
	}
	for i, v := range returned {
		if p.err == nil && v.Type != results[i] {
			p.errorf("result %d of @%s is %v, its head has %v", i, name, v.Type, results[i])
		}
	}
	f := b.Return(returned...)
	p.funcs[name] = f
	p.module.Funcs = append(p.module.Funcs, f)
}

func (p *parser) define(values map[string]*Value, t token, v *Value) {
	if values[t.text] != nil {
		p.errorf("%%%s is defined twice", t.text)
	}
	values[t.text] = v
}

func (p *parser) use(values map[string]*Value) *Value {
	v := values[p.tok.text]
	if p.tok.kind != tokenValue || v == nil {
		p.errorf("a value that is defined before is missing")
	}
	p.advance()
	return v
}

func (p *parser) instr(b *Builder, values map[string]*Value) {
	var results []token
	for p.tok.kind == tokenValue {
		results = append(results, p.tok)
		p.advance()
		if !p.accept(",") {
			p.expect("=")
			break
		}
	}
	at := p.tok
	mnemonic := p.take(tokenWord, "an op")
	op, ok := p.registry[mnemonic]
	switch mnemonic {
	case "call":
		op, ok = Call{}, true
	case "scan":
		op, ok = Scan{}, true
	}
	if p.err == nil && !ok {
		p.tok = at
		p.errorf("there is no op %q", mnemonic)
	}
	if p.err != nil {
		return
	}
	var callees []*Func
	for p.tok.kind == tokenFunc {
		f := p.funcs[p.tok.text]
		if f == nil {
			p.errorf("the function @%s is not known", p.tok.text)
		}
		callees = append(callees, f)
		p.advance()
	}
	var args []*Value
	for p.err == nil && p.tok.kind == tokenValue {
		args = append(args, p.use(values))
		if !p.accept(",") {
			break
		}
	}
	if p.accept("{") {
		op = p.attributes(op)
	}
	if _, structural := op.(interface{ structural() }); p.err == nil && structural != (len(callees) == 1) {
		p.errorf("%s has %d functions", mnemonic, len(callees))
	}
	if p.err != nil {
		return
	}
	defined := b.Emit(op, callees, args...)
	if b.Err != nil {
		p.tok = at
		p.errorf("%v", b.Err)
		return
	}
	if len(defined) != len(results) {
		p.errorf("%s gives %d results, not %d", mnemonic, len(defined), len(results))
		return
	}
	line := p.tok.line
	for i, v := range defined {
		if i == 0 {
			p.expect(":")
		} else {
			p.expect(",")
		}
		line = p.tok.line
		p.comment = token{}
		if t := p.typ(); p.err == nil && t != v.Type {
			p.errorf("%s gives %v here, not %v", mnemonic, v.Type, t)
		}
		v.Hint = results[i].hint
		p.define(values, results[i], v)
	}
	if p.comment.kind == tokenComment && p.comment.line == line {
		b.Func.Body[len(b.Func.Body)-1].Pos = p.place(p.comment.text)
	}
}

// typ reads a type.
func (p *parser) typ() Type {
	d := ParseDType(p.tok.text)
	if p.tok.kind != tokenWord || d == Invalid {
		p.errorf("a type is missing")
	}
	p.advance()
	return Type{d, p.shape()}
}

func (p *parser) shape() Shape {
	dims := p.ints()
	s, err := NewShape(dims...)
	if p.err == nil && err != nil {
		p.errorf("%v", err)
	}
	return s
}

func (p *parser) ints() []int64 {
	var out []int64
	p.expect("[")
	p.items("]", func() {
		n, err := strconv.ParseInt(p.tok.text, 10, 64)
		if p.tok.kind != tokenWord || err != nil || len(out) == MaxRank {
			p.errorf("want at most %d whole numbers", MaxRank)
			return
		}
		out = append(out, n)
		p.advance()
	})
	return out
}

// attributes reads name=value pairs into a copy of the op.
func (p *parser) attributes(op Op) Op {
	v := reflect.New(reflect.TypeOf(op)).Elem()
	v.Set(reflect.ValueOf(op))
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		if f := v.Type().Field(i); attribute(f) {
			fields[snake(f.Name)] = v.Field(i)
		}
	}
	p.items("}", func() {
		n := p.tok.text
		f, ok := fields[n]
		if p.tok.kind != tokenWord || !ok {
			p.errorf("%s has no attribute %q left", op.Name(), n)
			return
		}
		delete(fields, n)
		p.advance()
		p.expect("=")
		if x, ok := p.value(f); ok {
			f.Set(x)
		}
	})
	return v.Interface().(Op)
}

// value reads a value for a field.
func (p *parser) value(field reflect.Value) (reflect.Value, bool) {
	switch field.Interface().(type) {
	case Type:
		return reflect.ValueOf(p.typ()), true
	case Shape:
		return reflect.ValueOf(p.shape()), true
	case Ints:
		return reflect.ValueOf(NewInts(p.ints()...)), true
	case Axes:
		var axes []int
		for _, v := range p.ints() {
			if v < 0 || v >= MaxRank {
				p.errorf("%d is no axis", v)
				return field, false
			}
			axes = append(axes, int(v))
		}
		return reflect.ValueOf(NewAxes(axes...)), true
	}
	t := p.tok
	if t.kind != tokenWord && t.kind != tokenString {
		p.errorf("the value of an attribute is missing")
		return field, false
	}
	x := reflect.New(field.Type()).Elem()
	err := errors.New("not a value of its type")
	switch field.Interface().(type) {
	case DType:
		d := ParseDType(t.text)
		if d != Invalid {
			err = nil
		}
		x.Set(reflect.ValueOf(d))
	case Scalar:
		var s Scalar
		s, err = parseScalar(t.text)
		x.Set(reflect.ValueOf(s))
	default:
		switch {
		case x.Kind() == reflect.Bool:
			var v bool
			v, err = strconv.ParseBool(t.text)
			x.SetBool(v)
		case x.CanInt():
			var v int64
			v, err = strconv.ParseInt(t.text, 10, x.Type().Bits())
			x.SetInt(v)
		case x.CanUint():
			var v uint64
			v, err = strconv.ParseUint(t.text, 10, x.Type().Bits())
			x.SetUint(v)
		case x.Kind() == reflect.String:
			x.SetString(t.text)
			err = nil
		}
	}
	if err != nil {
		p.errorf("the attribute's value %q is not a %s", t.text, field.Type())
		return field, false
	}
	p.advance()
	return x, true
}

func parseScalar(s string) (Scalar, error) {
	if len(s) > 5 && s[:5] == "bits." {
		bits, err := strconv.ParseUint(s[5:], 16, 64)
		return Scalar{bits}, err
	}
	if s == "nan" {
		return Num(math.NaN()), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	return Num(f), err
}

// place reads the place in a comment, or returns 0 when it holds none.
func (p *parser) place(comment string) Pos {
	l := &lexer{text: comment, line: 1}
	var chain []Site
	t := l.next()
	for {
		var s Site
		if t.kind != tokenWord && t.kind != tokenString || len(chain) == maxSites {
			return 0
		}
		s.File = t.text
		for _, n := range []*int{&s.Line, &s.Col} {
			colon, number := l.next(), l.next()
			v, err := strconv.ParseUint(number.text, 10, 31)
			if colon.text != ":" || number.kind != tokenWord || err != nil {
				return 0
			}
			*n = int(v)
		}
		t = l.next()
		if t.kind == tokenWord && t.text == "in" {
			t = l.next()
			if t.kind != tokenWord && t.kind != tokenString {
				return 0
			}
			s.Path = t.text
			t = l.next()
		}
		chain = append(chain, s)
		if t.kind != tokenMark || t.text != "<" {
			break
		}
		t = l.next()
	}
	if t.kind != tokenEnd || l.err != nil {
		return 0
	}
	var at Pos
	for i := len(chain) - 1; i >= 0; i-- {
		s := chain[i]
		s.Up = at
		if at = p.sites[s]; at == 0 {
			at = Pos(len(p.module.Sites))
			p.module.Sites = append(p.module.Sites, s)
			p.sites[s] = at
		}
	}
	return at
}
