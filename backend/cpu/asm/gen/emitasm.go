package main

import (
	"fmt"
	"sort"
	"strings"
)

// A printer writes Go assembler text for one vector target.
type printer struct {
	t     target
	b     *builder
	w     strings.Builder
	data  map[uint32]bool // constants that the file's table needs
	regs  map[*node]string
	free  []string // vector registers
	freeK []string // mask registers (AVX-512)
}

func vreg(t target, i int) string {
	if t == avx512 {
		return fmt.Sprintf("Z%d", i)
	}
	return fmt.Sprintf("Y%d", i)
}

// Two vector registers are kept for constants that an instruction wants in a register.
func vregs(t target) int {
	if t == avx512 {
		return 30
	}
	return 13
}

func scratchReg(t target, i int) string { return vreg(t, vregs(t)+i) }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(&p.w, "\t"+format+"\n", args...) }

func (p *printer) take(k kind) string {
	list := &p.free
	if k == mask && p.t == avx512 {
		list = &p.freeK
	}
	must(len(*list) > 0, "out of registers")
	r := (*list)[len(*list)-1]
	*list = (*list)[:len(*list)-1]
	return r
}

func (p *printer) release(n *node) {
	r := p.regs[n]
	if n.op == "const" || r == "" {
		return
	}
	if r[0] == 'K' {
		p.freeK = append(p.freeK, r)
	} else {
		p.free = append(p.free, r)
	}
}

func constName(u uint32) string { return fmt.Sprintf("c%08x<>(SB)", u) }

// broadcast loads a constant into a register.
func (p *printer) broadcast(c *node, reg string) {
	p.data[c.bits] = true
	if p.t == avx512 {
		p.line("VBROADCASTSS %s, %s", constName(c.bits), reg)
	} else {
		p.line("VMOVUPS %s, %s", constName(c.bits), reg)
	}
}

// reg gives n in a register; i picks the scratch register if n is a constant that has none.
func (p *printer) reg(n *node, i int) string {
	if r := p.regs[n]; r != "" {
		return r
	}
	must(n.op == "const", "%s without register", n.op)
	r := scratchReg(p.t, i)
	p.broadcast(n, r)
	return r
}

// operand gives n as a register or memory operand, and the suffix that the instruction needs then.
func (p *printer) operand(n *node) (text, suffix string) {
	if r := p.regs[n]; r != "" {
		return r, ""
	}
	p.data[n.bits] = true
	if p.t == avx512 {
		return constName(n.bits), ".BCST"
	}
	return constName(n.bits), ""
}

var plain = map[string]string{"add": "VADDPS", "sub": "VSUBPS", "mul": "VMULPS", "div": "VDIVPS", "min": "VMINPS", "max": "VMAXPS",
	"iadd": "VPADDD", "isub": "VPSUBD", "and": "VPAND", "or": "VPOR", "xor": "VPXOR", "scalef": "VSCALEFPS"}

// one prints node i; inputs and preloaded constants have their registers.
func (p *printer) one(n *node, i int) {
	switch n.op {
	case "asf": // the same register under another name
		a := n.args[0]
		switch {
		case a.op == "const":
			p.regs[n] = p.take(float)
			p.broadcast(a, p.regs[n])
		case a.last == i && !p.pinned(a):
			p.regs[n], p.regs[a] = p.regs[a], ""
		default:
			p.regs[n] = p.take(float)
			p.line("VMOVAPS %s, %s", p.regs[a], p.regs[n])
		}
	case "fma", "fnma":
		p.fma(n, i)
	default:
		p.simple(n, i)
	}
}

// drop frees the registers of those arguments of node i that nothing reads later.
func (p *printer) drop(args []*node, i int) {
	for j, a := range args {
		dup := false
		for _, e := range args[:j] {
			dup = dup || e == a
		}
		if !dup && a.last == i && !p.pinned(a) {
			p.release(a)
			p.regs[a] = ""
		}
	}
}

func (p *printer) pinned(n *node) bool { return n.op == "const" || n.op == "input" && n.hasReg }

func (p *printer) simple(n *node, i int) {
	a := n.args
	k512 := p.t == avx512
	d := "" // set after operands are dropped
	finish := func() string {
		p.drop(a, i)
		d = p.take(n.kind)
		p.regs[n] = d
		return d
	}
	if op, ok := plain[n.op]; ok {
		if k512 && (n.op == "and" || n.op == "or" || n.op == "xor") {
			op += "D"
		}
		if commutes := n.op == "add" || n.op == "mul" || n.op == "iadd" || n.op == "and" || n.op == "or" || n.op == "xor"; commutes && p.regs[a[0]] == "" {
			a = []*node{a[1], a[0]}
		}
		x := p.reg(a[0], 0)
		y, suffix := p.operand(a[1])
		p.line("%s%s %s, %s, %s", op, suffix, y, x, finish())
		return
	}
	switch n.op {
	case "sqrt":
		x := p.reg(a[0], 0)
		p.line("VSQRTPS %s, %s", x, finish())
	case "shl", "shr", "sar":
		op := map[string]string{"shl": "VPSLLD", "shr": "VPSRLD", "sar": "VPSRAD"}[n.op]
		x := p.reg(a[0], 0)
		p.line("%s $%d, %s, %s", op, n.imm, x, finish())
	case "f2i", "f2t", "i2f":
		op := map[string]string{"f2i": "VCVTPS2DQ", "f2t": "VCVTTPS2DQ", "i2f": "VCVTDQ2PS"}[n.op]
		x := p.reg(a[0], 0)
		p.line("%s %s, %s", op, x, finish())
	case "round":
		x := p.reg(a[0], 0)
		op := "VROUNDPS"
		if k512 {
			op = "VRNDSCALEPS"
		}
		p.line("%s $%d, %s, %s", op, n.imm, x, finish())
	case "cmp":
		x := p.reg(a[0], 0)
		y, suffix := p.operand(a[1])
		p.line("VCMPPS%s $%d, %s, %s, %s", suffix, n.imm, y, x, finish())
	case "ieq":
		x := p.reg(a[0], 0)
		y, suffix := p.operand(a[1])
		p.line("VPCMPEQD%s %s, %s, %s", suffix, y, x, finish())
	case "mand", "mor":
		op := map[string]string{"mand": "VANDPS", "mor": "VORPS"}[n.op]
		if k512 {
			op = map[string]string{"mand": "KANDW", "mor": "KORW"}[n.op]
		}
		x, y := p.regs[a[0]], p.regs[a[1]]
		p.line("%s %s, %s, %s", op, y, x, finish())
	case "blend":
		m := p.regs[a[0]]
		y := p.reg(a[2], 0)
		x, suffix := p.operand(a[1])
		if k512 {
			p.line("VBLENDMPS%s %s, %s, %s, %s", suffix, x, y, m, finish())
		} else {
			p.line("VBLENDVPS %s, %s, %s, %s", m, x, y, finish())
		}
	default:
		panic(n.op)
	}
}

// fma picks the form whose overwritten operand dies here; the others stay as they are.
func (p *printer) fma(n *node, i int) {
	a := n.args
	op := map[string]string{"fma": "VFMADD", "fnma": "VFNMADD"}[n.op]
	dies := func(x *node) bool {
		return x.last == i && !p.pinned(x) && p.regs[x] != ""
	}
	if dies(a[2]) && a[2] != a[0] && a[2] != a[1] {
		if p.regs[a[0]] == "" {
			a = []*node{a[1], a[0], a[2]}
		}
		x := p.reg(a[0], 0)
		y, suffix := p.operand(a[1])
		c := p.regs[a[2]]
		p.line("%s231PS%s %s, %s, %s", op, suffix, y, x, c)
		p.regs[n] = c
		p.drop(a[:2], i)
		return
	}
	if !dies(a[0]) && dies(a[1]) {
		a = []*node{a[1], a[0], a[2]}
	}
	if dies(a[0]) && a[0] != a[1] && a[0] != a[2] {
		y := p.reg(a[1], 0)
		z, suffix := p.operand(a[2])
		x := p.regs[a[0]]
		p.line("%s213PS%s %s, %s, %s", op, suffix, z, y, x)
		p.regs[n] = x
		p.drop(a[1:], i)
		return
	}
	x := p.reg(a[0], 0)
	y := p.reg(a[1], 1)
	d := p.take(float)
	if r := p.regs[a[2]]; r != "" {
		p.line("VMOVAPS %s, %s", r, d)
	} else {
		p.broadcast(a[2], d)
	}
	p.line("%s231PS %s, %s, %s", op, y, x, d)
	p.regs[n] = d
	p.drop(a, i)
}

// pointers of dst and the vector inputs; R8 and R9 are free, AX is the index, CX the count.
var pointers = []string{"DI", "SI", "DX", "R8", "R9"}

var width = map[elem]int{f32: 4, i32: 4, u32: 4, u16: 2, u8: 1}

// routine prints a whole function: constants, the loop over full vectors, the tail.
func (p *printer) routine(r routine) {
	suffix := map[target]string{avx512: "AVX512", avx2: "AVX2"}[p.t]
	lanes := map[target]int{avx512: 16, avx2: 8}[p.t]
	b := build(r, p.t)
	p.b = b
	p.regs = map[*node]string{}

	off := 8
	var head []string
	head = append(head, "MOVQ dst+0(FP), DI")
	vec := 1
	ptr := map[*node]string{}
	for i, in := range r.in {
		if in.scalar {
			continue
		}
		head = append(head, fmt.Sprintf("MOVQ %s+%d(FP), %s", in.name, off, pointers[vec]))
		ptr[b.inputs[i]] = pointers[vec]
		vec++
		off += 8
	}
	head = append(head, fmt.Sprintf("MOVQ n+%d(FP), CX", off))
	off += 8
	top := vregs(p.t) // registers below are free
	for i, in := range r.in {
		if !in.scalar {
			continue
		}
		top--
		b.inputs[i].hasReg = true
		p.regs[b.inputs[i]] = vreg(p.t, top)
		head = append(head, fmt.Sprintf("VBROADCASTSS %s+%d(FP), %s", in.name, off, vreg(p.t, top)))
		off += 4
	}
	fmt.Fprintf(&p.w, "// func %s%s(%s)\nTEXT ·%s%s(SB), NOSPLIT, $0-%d\n", r.base(), suffix, r.pointerSignature(), r.base(), suffix, off)
	for _, h := range head {
		p.line("%s", h)
	}

	// Print once to learn how many registers the values need; the rest holds constants.
	need := p.dry()
	uses := map[*node]int{}
	for _, n := range b.nodes {
		for _, a := range n.args {
			uses[a]++
		}
	}
	consts := append([]*node(nil), b.consts...)
	sort.SliceStable(consts, func(i, j int) bool { return uses[consts[i]] > uses[consts[j]] })
	for _, c := range consts {
		if top-1 < need {
			break
		}
		top--
		p.broadcast(c, vreg(p.t, top))
		p.regs[c] = vreg(p.t, top)
	}

	p.line("XORL AX, AX")
	p.line("SUBQ $%d, CX", lanes)
	p.line("JLT tail")
	fmt.Fprintf(&p.w, "loop:\n")
	p.once(r, ptr, top, false)
	p.line("ADDQ $%d, AX", lanes)
	p.line("SUBQ $%d, CX", lanes)
	p.line("JGE loop")
	fmt.Fprintf(&p.w, "tail:\n")
	if p.t == avx2 && !r.wide() { // the wrapper gives whole vectors
		p.line("VZEROUPPER")
		p.line("RET\n")
		return
	}
	p.line("ADDQ $%d, CX", lanes)
	p.line("JZ done")
	if p.t == avx512 {
		p.line("MOVL $1, BX")
		p.line("SHLL CX, BX")
		p.line("DECL BX")
		p.line("KMOVW BX, K1")
	} else {
		p.line("LEAQ ·tailMask+32(SB), R10")
		p.line("SHLQ $2, CX")
		p.line("SUBQ CX, R10")
		p.line("VMOVUPS (R10), %s", vreg(p.t, 15))
	}
	p.once(r, ptr, top, true)
	fmt.Fprintf(&p.w, "done:\n")
	p.line("VZEROUPPER")
	p.line("RET\n")
}

// dry counts the vector registers that the body holds at once.
func (p *printer) dry() int {
	q := &printer{t: p.t, b: p.b, data: map[uint32]bool{}, regs: map[*node]string{}}
	for n, r := range p.regs {
		q.regs[n] = r
	}
	low := 1 << 10
	q.fill(200)
	start := len(q.free)
	for _, in := range p.b.inputs {
		if !in.hasReg {
			q.regs[in] = q.take(in.kind)
		}
	}
	low = min(low, len(q.free))
	for i, n := range p.b.nodes {
		q.one(n, i)
		low = min(low, len(q.free))
	}
	return start - low
}

func (p *printer) fill(n int) {
	p.free, p.freeK = nil, nil
	for i := n - 1; i >= 0; i-- {
		p.free = append(p.free, vreg(p.t, i))
	}
	for i := 7; i >= 2; i-- {
		p.freeK = append(p.freeK, fmt.Sprintf("K%d", i))
	}
}

// once prints loads, body and store for one vector.
func (p *printer) once(r routine, ptr map[*node]string, top int, tail bool) {
	saved := map[*node]string{}
	for n, reg := range p.regs {
		saved[n] = reg
	}
	p.fill(top)
	for i, in := range p.b.inputs {
		if in.hasReg {
			continue
		}
		reg := p.take(in.kind)
		p.regs[in] = reg
		p.load(r.in[i].elem, ptr[in], reg, tail)
	}
	for i, n := range p.b.nodes {
		p.one(n, i)
	}
	p.store(r.out, p.reg(p.b.result, 0), tail)
	p.regs = saved
}

func (p *printer) load(e elem, base, reg string, tail bool) {
	at := fmt.Sprintf("(%s)(AX*%d)", base, width[e])
	op := map[elem]string{f32: "VMOVUPS", i32: "VMOVUPS", u32: "VMOVUPS", u16: "VPMOVZXWD", u8: "VPMOVZXBD"}[e]
	switch {
	case !tail:
		p.line("%s %s, %s", op, at, reg)
	case p.t == avx512:
		p.line("%s.Z %s, K1, %s", op, at, reg)
	default:
		must(width[e] == 4, "AVX2 has no masked load of %s", e)
		p.line("VMASKMOVPS %s, Y15, %s", at, reg)
	}
}

func (p *printer) store(e elem, reg string, tail bool) {
	at := fmt.Sprintf("(DI)(AX*%d)", width[e])
	if p.t == avx512 {
		op := map[elem]string{f32: "VMOVUPS", i32: "VMOVUPS", u32: "VMOVUPS", u16: "VPMOVDW", u8: "VPMOVDB"}[e]
		if tail {
			p.line("%s %s, K1, %s", op, reg, at)
		} else {
			p.line("%s %s, %s", op, reg, at)
		}
		return
	}
	switch {
	case width[e] == 4 && tail:
		p.line("VMASKMOVPS %s, Y15, %s", reg, at)
	case width[e] == 4:
		p.line("VMOVUPS %s, %s", reg, at)
	default: // values fit their width: pack the halves of 128 bits
		must(!tail, "AVX2 has no masked store of %s", e)
		x := "X" + reg[1:]
		p.line("VEXTRACTI128 $1, %s, X14", reg)
		p.line("VPACKUSDW X14, %s, X14", x)
		if e == u8 {
			p.line("VPACKUSWB X14, X14, X14")
			p.line("VMOVQ X14, %s", at)
		} else {
			p.line("VMOVDQU X14, %s", at)
		}
	}
}

// wide tells that all slices hold 4-byte elements, so that AVX2 can mask its tail.
func (r routine) wide() bool {
	ok := width[r.out] == 4
	for _, p := range r.in {
		ok = ok && width[p.elem] == 4
	}
	return ok
}

func (r routine) pointerSignature() string {
	ps := []string{"dst *" + string(r.out)}
	for _, p := range r.in {
		if !p.scalar {
			ps = append(ps, p.name+" *"+string(p.elem))
		}
	}
	ps = append(ps, "n int")
	for _, p := range r.in {
		if p.scalar {
			ps = append(ps, p.name+" float32")
		}
	}
	return strings.Join(ps, ", ")
}

// table prints the constants that the routines of a file used.
func (p *printer) table() string {
	var keys []int
	for u := range p.data {
		keys = append(keys, int(u))
	}
	sort.Ints(keys)
	var w strings.Builder
	for _, u := range keys {
		n := 1
		if p.t == avx2 {
			n = 8
		}
		name := strings.TrimSuffix(constName(uint32(u)), "(SB)")
		for i := range n {
			fmt.Fprintf(&w, "DATA %s+%d(SB)/4, $0x%08x\n", name, 4*i, u)
		}
		fmt.Fprintf(&w, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", name, 4*n)
	}
	return w.String()
}
