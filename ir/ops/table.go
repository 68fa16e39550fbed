package ops

import (
	"fmt"
	"strings"

	"modelc/ir"
	"modelc/ir/scalar"
)

// Row describes one op by examples. Tests of every kind (shape rules, finite differences, text form, backends against the interpreter) run over them, and an
// op without a row has no place in the text form.
//
// A good example is written like an instruction with types for arguments: "slice f64[5] {start=[1], stop=[5], step=[2]} -> f64[2]". A bad one ends in "!" and a
// part of the error's text.
type Row struct {
	Op   ir.Op // with the fields that belong to the name set, all others zero
	Good []string
	Bad  []string
	// Low and High bound the floating-point arguments of examples, away from places where the op is not smooth; both 0: -2 to 2.
	Low, High float64
}

// Registry holds the op of each mnemonic: what ir.Parse takes.
var Registry map[string]ir.Op

// Table holds a row for every op. It is not changed.
var Table []Row

func init() {
	Table = append(maps(), others()...)
	Registry = make(map[string]ir.Op, len(Table))
	for _, r := range Table {
		Registry[r.Op.Name()] = r.Op
	}
}

// Example turns an example, good or bad (up to its mark), into the text of a module with one entry-less function @example that applies the op.
func Example(line string) string {
	head, results, _ := strings.Cut(line, " -> ")
	head, _, _ = strings.Cut(head, " ! ")
	head, attributes, ok := strings.Cut(head, " {")
	if ok {
		attributes = " {" + attributes
	}
	mnemonic, args, _ := strings.Cut(head, " ")
	var params, names []string
	for i, t := range splitTypes(args) {
		names = append(names, fmt.Sprintf("%%a%d", i))
		params = append(params, names[i]+" "+t)
	}
	var outs []string
	for i := range splitTypes(results) {
		outs = append(outs, fmt.Sprintf("%%r%d", i))
	}
	left := strings.Join(outs, ", ")
	if results == "" {
		left, results = "%r0", "f32[]" // of a bad example: the shape rule fails first
	}
	return fmt.Sprintf("module example\nfunc @example(%s) -> (%s) {\n  %s = %s %s%s : %s\n  return %s\n}\n",
		strings.Join(params, ", "), results, left, mnemonic, strings.Join(names, ", "), attributes, results, left)
}

// splitTypes cuts "f32[2,3], i32[]" between its types.
func splitTypes(s string) []string {
	var out []string
	for _, t := range strings.SplitAfter(s, "]") {
		if t = strings.Trim(t, ", "); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// maps makes the rows of the elementwise ops from the scalar table.
func maps() []Row {
	ranges := map[scalar.Code][2]float64{
		scalar.Log: {0.2, 3}, scalar.Log1p: {-0.6, 2}, scalar.Sqrt: {0.2, 3}, scalar.Rsqrt: {0.3, 3}, scalar.Pow: {0.3, 2}, scalar.Div: {0.4, 2},
		scalar.Rem: {0.6, 0.9}, scalar.Abs: {0.1, 2}, scalar.Atan2: {0.3, 2},
	}
	var out []Row
	for _, r := range scalar.Rows() {
		row := Row{Op: Map{r.Code}, Low: ranges[r.Code][0], High: ranges[r.Code][1]}
		line := func(d, shape string) string {
			arg, result := d+shape, d+shape
			if r.Truth {
				result = "bool" + shape
			}
			args := strings.Join([]string{arg, arg, arg}[:r.Arity], ", ")
			if r.Code == scalar.Select {
				args = "bool" + shape + ", " + arg + ", " + arg
			}
			return string(r.Code) + " " + args + " -> " + result
		}
		float := "f64"
		if r.Domain == scalar.Bools {
			float = "bool"
			row.Bad = append(row.Bad, string(r.Code)+" "+strings.Repeat("f32[2], ", r.Arity)+" ! bool")
		}
		for _, shape := range []string{"[]", "[7]", "[0,3]", "[1,17]", "[2,1,3,1,2]"} {
			row.Good = append(row.Good, line(float, shape))
		}
		if r.Domain != scalar.Bools {
			for _, shape := range []string{"[1]", "[8]", "[15]", "[16]", "[17]", "[31]", "[33]"} { // around the widths of vectors
				row.Good = append(row.Good, line("f32", shape))
			}
			row.Good = append(row.Good, line("f16", "[9]"), line("bf16", "[2,5]"))
		}
		if r.Domain == scalar.Numbers || r.Domain == scalar.Any {
			row.Good = append(row.Good, line("i32", "[5]"), line("u8", "[4]"))
		}
		switch r.Arity {
		case 2:
			row.Bad = append(row.Bad, string(r.Code)+" "+float+"[2,3], "+float+"[2,4] ! argument 0, axis 1", string(r.Code)+" "+float+"[2], "+float+"[] ! argument 0",
				string(r.Code)+" "+float+"[2], i64[2] ! argument 0", string(r.Code)+" "+float+"[2] ! 2 arguments")
		case 3:
			row.Bad = append(row.Bad, string(r.Code)+" f64[2], f64[2], f64[2] ! want bool")
		default:
			row.Bad = append(row.Bad, string(r.Code)+" ! 1 arguments")
		}
		if r.Domain == scalar.Floats {
			row.Bad = append(row.Bad, string(r.Code)+" "+strings.Repeat("i32[2], ", r.Arity)+" ! floating-point")
		}
		out = append(out, row)
	}
	return out
}

func others() []Row {
	return []Row{
		{Op: Const{},
			Good: []string{"const {type=f64[2,3], value=1.5} -> f64[2,3]", "const {type=bf16[], value=-inf} -> bf16[]", "const {type=bool[4], value=1} -> bool[4]", "const {type=i32[0], value=-7} -> i32[0]"},
			Bad:  []string{"const {value=1} ! a type", "const {type=i32[2], value=0.5} ! i32", "const {type=u8[2], value=256} ! u8", "const {type=bool[], value=nan} ! bool", "const f32[] {type=f32[]} ! 0 arguments"}},
		{Op: Literal{}, Bad: []string{"literal ! a type", "literal {type=f32[2], data=-1} ! an index"}},
		{Op: Iota{},
			Good: []string{"iota {type=i32[3,4], axis=1} -> i32[3,4]", "iota {type=f64[3,4]} -> f64[3,4]", "iota {type=u8[256]} -> u8[256]", "iota {type=f32[0]} -> f32[0]"},
			Bad:  []string{"iota {type=i32[]} ! an axis", "iota {type=u8[257]} ! the last number", "iota {type=bool[2]} ! numbers", "iota {type=i32[2], axis=-1} ! an axis"}},
		{Op: Cast{},
			Good: []string{"cast f64[3] {to=f64} -> f64[3]", "cast f32[2,0] {to=bf16} -> bf16[2,0]", "cast f64[5] {to=i32} -> i32[5]", "cast i32[2] {to=u8} -> u8[2]", "cast f64[] {to=bool} -> bool[]", "cast bool[3] {to=f16} -> f16[3]"},
			Bad:  []string{"cast f32[2] ! a type"}},
		{Op: Stop{}, Good: []string{"stop f64[2,3] -> f64[2,3]", "stop i32[] -> i32[]"}, Bad: []string{"stop f32[], f32[] ! 1 arguments"}},
		{Op: Broadcast{},
			Good: []string{"broadcast f64[] {shape=[2,3]} -> f64[2,3]", "broadcast f64[3] {shape=[2,3], axes=[1]} -> f64[2,3]", "broadcast f64[2,1] {shape=[2,5,1,0], axes=[0,2]} -> f64[2,5,1,0]",
				"broadcast f64[2,3] {shape=[2,3], axes=[0,1]} -> f64[2,3]", "broadcast f64[2,3] {shape=[2,1,4,3,2], axes=[0,3]} -> f64[2,1,4,3,2]"},
			Bad: []string{"broadcast f32[1] {shape=[3], axes=[0]} ! axis 0: want 3", "broadcast f32[2,3] {shape=[3,2], axes=[1,0]} ! increasing", "broadcast f32[2] {shape=[2]} ! 0 axes", "broadcast f32[2] {shape=[2], axes=[1]} ! below 1"}},
		{Op: Reshape{},
			Good: []string{"reshape f64[2,3] {shape=[3,2]} -> f64[3,2]", "reshape f64[6] {shape=[1,2,3]} -> f64[1,2,3]", "reshape f64[] {shape=[1,1]} -> f64[1,1]", "reshape f64[0,4] {shape=[2,0]} -> f64[2,0]", "reshape f64[2,1,3,1,2] {shape=[6,2]} -> f64[6,2]",
				"reshape f64[1,6,2] {shape=[3,2,1,2]} -> f64[3,2,1,2]"},
			Bad: []string{"reshape f32[2,3] {shape=[5]} ! 5 elements"}},
		{Op: Transpose{},
			Good: []string{"transpose f64[2,3] {perm=[1,0]} -> f64[3,2]", "transpose f64[] -> f64[]", "transpose f64[2,0,3] {perm=[2,0,1]} -> f64[3,2,0]", "transpose f64[2,3,1,2,3] {perm=[4,0,2,3,1]} -> f64[3,2,1,2,3]"},
			Bad:  []string{"transpose f32[2,3] {perm=[0]} ! 1 axes", "transpose f32[2,3] {perm=[0,0]} ! distinct", "transpose f32[2] {perm=[1]} ! distinct axes below 1"}},
		{Op: Slice{},
			Good: []string{"slice f64[5] {start=[1], stop=[5], step=[2]} -> f64[2]", "slice f64[3,4] {start=[0,1], stop=[3,2], step=[1,1]} -> f64[3,1]", "slice f64[] -> f64[]", "slice f64[4] {start=[2], stop=[2], step=[1]} -> f64[0]",
				"slice f64[7,2] {start=[0,0], stop=[6,2], step=[3,5]} -> f64[2,1]"},
			Bad: []string{"slice f32[5] {start=[3], stop=[6], step=[1]} ! size 5", "slice f32[5] {start=[3], stop=[2], step=[1]} ! places 3 to 2", "slice f32[5] {start=[0], stop=[2], step=[0]} ! step of at least 1", "slice f32[5] {start=[0], stop=[2]} ! 1 sizes",
				"slice f32[5] {start=[-1], stop=[2], step=[1]} ! places -1", "slice f32[5] {start=[0], stop=[2], step=[9223372036854775807]} ! ordinary"}},
		{Op: Reverse{}, Good: []string{"reverse f64[5] {axes=[0]} -> f64[5]", "reverse f64[2,3,2] {axes=[2,0]} -> f64[2,3,2]", "reverse f64[] -> f64[]"}, Bad: []string{"reverse f32[2] {axes=[0,0]} ! distinct", "reverse f32[2] {axes=[1]} ! below 1"}},
		{Op: Pad{},
			Good: []string{"pad f64[3] {lo=[1], hi=[2], interior=[0], value=0.5} -> f64[6]", "pad f64[3,2] {lo=[-1,0], hi=[1,-1], interior=[0,0]} -> f64[3,1]", "pad f64[4] {lo=[2], hi=[-3], interior=[2]} -> f64[9]",
				"pad f64[4] {lo=[-2], hi=[0], interior=[1]} -> f64[5]", "pad f64[0] {lo=[1], hi=[1], interior=[3]} -> f64[2]", "pad f64[] -> f64[]", "pad bool[2] {lo=[1], hi=[0], interior=[0], value=1} -> bool[3]"},
			Bad: []string{"pad f32[3] {lo=[-2], hi=[-2], interior=[0]} ! can be added", "pad f32[3] {lo=[0], hi=[0], interior=[-1]} ! interior", "pad f32[3] {lo=[0]} ! 1 sizes", "pad i32[3] {lo=[0], hi=[0], interior=[0], value=0.5} ! i32",
				"pad f32[1000000] {lo=[0], hi=[0], interior=[70000000000000]} ! can be added"}},
		{Op: Concat{},
			Good: []string{"concat f64[2], f64[3] -> f64[5]", "concat f64[2,1], f64[2,0], f64[2,3] {axis=1} -> f64[2,4]", "concat f64[1,2,3] {axis=2} -> f64[1,2,3]"},
			Bad:  []string{"concat ! at least one", "concat f32[], f32[] ! an axis", "concat f32[2,3], f32[3,3] {axis=1} ! argument 1, axis 0", "concat f32[2], f64[2] ! argument 1", "concat f32[2], f32[2,1] ! 1 axes"}},
		reduceRow(scalar.Add), reduceRow(scalar.Mul), reduceRow(scalar.Max), reduceRow(scalar.Min), reduceRow(scalar.And), reduceRow(scalar.Or),
		argRow(scalar.Max), argRow(scalar.Min),
		{Op: Dot{},
			Good: []string{"dot f64[3,4], f64[4,2] {contract_a=[1], contract_b=[0]} -> f64[3,2]", "dot f64[2,3,4], f64[2,5,4] {batch_a=[0], batch_b=[0], contract_a=[2], contract_b=[2]} -> f64[2,3,5]", "dot f64[], f64[] -> f64[]",
				"dot f64[3], f64[2] -> f64[3,2]", "dot f64[2,3,4], f64[4,2,5] {contract_a=[0,2], contract_b=[1,0]} -> f64[3,5]", "dot f64[3,0], f64[0,2] {contract_a=[1], contract_b=[0]} -> f64[3,2]",
				"dot f64[2,3,1,5], f64[5,3,2] {batch_a=[1,0], batch_b=[1,2], contract_a=[3], contract_b=[0]} -> f64[3,2,1]", "dot f32[7,17], f32[9,17] {contract_a=[1], contract_b=[1], precision=\"strict\"} -> f32[7,9]", "dot i32[2,3], i32[3] {contract_a=[1], contract_b=[0]} -> i32[2]",
				"dot f64[4,3], f64[4,2] {contract_a=[0], contract_b=[0]} -> f64[3,2]"},
			Bad: []string{"dot f32[3,4], f32[5,2] {contract_a=[1], contract_b=[0]} ! argument 1, axis 0: want 4, got 5", "dot f32[3], f64[3] ! argument 1", "dot bool[2], bool[2] ! numbers", "dot f32[3], f32[3] {contract_a=[0]} ! 1 axes",
				"dot f32[3], f32[3] {batch_a=[0], batch_b=[0], contract_a=[0], contract_b=[0]} ! in one role", "dot f32[2], f32[2] {precision=\"fast\"} ! precision", "dot f32[2], f32[2] {contract_a=[1], contract_b=[1]} ! below 1"}},
		{Op: Conv{},
			Good: []string{"conv f64[2,3,5], f64[4,3,2] {stride=[1], dilate_x=[1], dilate_w=[1], pad_lo=[0], pad_hi=[0]} -> f64[2,4,4]",
				"conv f64[1,2,5,4], f64[3,2,3,2] {stride=[2,1], dilate_x=[1,1], dilate_w=[1,2], pad_lo=[1,1], pad_hi=[1,0]} -> f64[1,3,3,3]",
				"conv f64[2,2,2,5], f64[2,3,2,3] {stride=[2], dilate_x=[1], dilate_w=[1], pad_lo=[1], pad_hi=[1], grouped=true} -> f64[2,2,3,3]",
				"conv f64[2,6,3], f64[4,3,3] {stride=[3], dilate_x=[2], dilate_w=[2], pad_lo=[-1], pad_hi=[2], x=[0,2,1], w=[0,2,1], y=[2,1,0], flip=true} -> f64[3,4,2]",
				"conv f64[2,3], f64[4,3] -> f64[2,4]", "conv f64[0,3,4], f64[2,3,1] {stride=[1], dilate_x=[1], dilate_w=[1], pad_lo=[0], pad_hi=[0]} -> f64[0,2,4]",
				"conv f64[1,1,2,3,2], f64[2,1,1,2,2] {stride=[1,1,1], dilate_x=[1,1,1], dilate_w=[1,1,1], pad_lo=[0,0,1], pad_hi=[0,1,0]} -> f64[1,2,2,3,2]",
				"conv f64[1,1,4], f64[1,1,2] {stride=[1], dilate_x=[1], dilate_w=[1], pad_lo=[-1], pad_hi=[-1]} -> f64[1,1,1]"},
			Bad: []string{"conv f32[2,3,5], f32[4,2,2] {stride=[1], dilate_x=[1], dilate_w=[1], pad_lo=[0], pad_hi=[0]} ! argument 1, axis 1: want 3, got 2",
				"conv f32[2,3,5], f32[4,3,6] {stride=[1], dilate_x=[1], dilate_w=[1], pad_lo=[0], pad_hi=[0]} ! extent 1 to 5", "conv f32[2,3,5], f32[4,3,2] {stride=[0], dilate_x=[1], dilate_w=[1], pad_lo=[0], pad_hi=[0]} ! stride",
				"conv f32[2,3,5], f32[4,3] {stride=[1], dilate_x=[1], dilate_w=[1], pad_lo=[0], pad_hi=[0]} ! argument 1", "conv i32[2,3], i32[4,3] ! floating-point", "conv f32[2,3], f64[4,3] ! argument 1",
				"conv f32[2,3,5], f32[4,3,2] {stride=[1], pad_lo=[0], pad_hi=[0]} ! 1 sizes", "conv f32[2,3], f32[4,3] {x=[0,0]} ! distinct", "conv f32[2,3], f32[4,3] {x=[0]} ! 2 axes",
				"conv f32[2,2,3], f32[3,4,3] {grouped=true} ! argument 1, axis 0: want 2, got 3"}},
		windowRow(Window{Code: scalar.Add}, ""), windowRow(Window{Code: scalar.Max}, ""), windowRow(PoolMax{}, ", i32"),
		{Op: Gather{},
			Good: []string{"gather f64[5], i32[3] -> f64[3]", "gather f64[4,3], i32[2,2] -> f64[2,2,3]", "gather f64[3,4], i32[] {axis=1} -> f64[3]", "gather f64[2,3,4,2], i32[2,5] {axis=2, batch=1} -> f64[2,3,5,2]", "gather f64[2,3], i64[2] {axis=1, batch=1} -> f64[2]",
				"gather f64[0,2], i32[3] -> f64[3,2]", "gather bool[3], u8[2] -> bool[2]"},
			Bad: []string{"gather f32[], i32[] ! an axis", "gather f32[3], f32[2] ! integers", "gather f32[2,3], i32[3,1] {axis=1, batch=1} ! argument 1, axis 0", "gather f32[2,3], i32[2] {batch=1} ! batch axes", "gather f32[2,3], i32[] {axis=1, batch=1} ! at least 1 axes"}},
		scatterRow(scalar.Add), scatterRow(scalar.Max), scatterRow(scalar.Min),
		{Op: DynamicSlice{},
			Good: []string{"dynamic_slice f64[5], i32[] {sizes=[2]} -> f64[2]", "dynamic_slice f64[3,4], i32[], i32[] {sizes=[3,1]} -> f64[3,1]", "dynamic_slice f64[] -> f64[]", "dynamic_slice f64[2], i32[] {sizes=[0]} -> f64[0]"},
			Bad:  []string{"dynamic_slice ! an argument", "dynamic_slice f32[5], i32[] {sizes=[6]} ! at least 6", "dynamic_slice f32[5] {sizes=[2]} ! 2 arguments", "dynamic_slice f32[5], i64[] {sizes=[2]} ! i32[]"}},
		{Op: DynamicUpdate{},
			Good: []string{"dynamic_update f64[5], f64[2], i32[] -> f64[5]", "dynamic_update f64[3,4], f64[1,4], i32[], i32[] -> f64[3,4]", "dynamic_update f64[], f64[] -> f64[]"},
			Bad:  []string{"dynamic_update f32[5] ! two arguments", "dynamic_update f32[5], f32[6], i32[] ! at most 5", "dynamic_update f32[5], f64[2], i32[] ! argument 1", "dynamic_update f32[5], f32[2,1], i32[] ! 1 axes"}},
		{Op: Sort{},
			Good: []string{"sort f64[5] -> f64[5], i32[5]", "sort f64[2,7,2] {axis=1, descending=true} -> f64[2,7,2], i32[2,7,2]", "sort i32[4] -> i32[4], i32[4]", "sort f64[0] -> f64[0], i32[0]"},
			Bad:  []string{"sort f32[] ! an axis", "sort bool[2] ! numbers"}},
		{Op: TopK{},
			Good: []string{"top_k f64[5] {k=2} -> f64[2], i32[2]", "top_k f64[2,7,2] {axis=1, k=3} -> f64[2,3,2], i32[2,3,2]", "top_k f64[3] -> f64[0], i32[0]"},
			Bad:  []string{"top_k f32[5] {k=6} ! at least 6", "top_k f32[5] {k=-1} ! at least -1", "top_k f32[] {k=1} ! an axis"}},
		cumulativeRow(scalar.Add), cumulativeRow(scalar.Mul), cumulativeRow(scalar.Max),
		{Op: Key{}, Good: []string{"key {seed=18446744073709551615} -> u32[2]"}, Bad: []string{"key u32[] ! 0 arguments"}},
		{Op: Fold{}, Good: []string{"fold u32[2], i32[] -> u32[2]", "fold u32[2], u32[] -> u32[2]", "fold u32[2], i64[] -> u32[2]"}, Bad: []string{"fold u32[2], f32[] ! an integer", "fold u32[3], i32[] ! u32[2]", "fold u32[2] ! 2 arguments"}},
		{Op: FoldConst{}, Good: []string{"fold_const u32[2] {data=7} -> u32[2]"}, Bad: []string{"fold_const i32[2] ! u32[2]"}},
		{Op: Bits{}, Good: []string{"random_bits u32[2] {shape=[3,5]} -> u32[3,5]", "random_bits u32[2], i32[] {shape=[3,5]} -> u32[3,5]", "random_bits u32[2] -> u32[]", "random_bits u32[2], i32[3] {shape=[3,5]} -> u32[3,5]"}, Bad: []string{"random_bits u32[2], i32[5] {shape=[3,5]} ! i32[3]", "random_bits u32[2], i32[1] ! i32[]", "random_bits ! a key", "random_bits u32[2], f32[] ! i32[]"}},
		{Op: Uniform{}, Good: []string{"random_uniform u32[2] {type=f32[3,5]} -> f32[3,5]", "random_uniform u32[2], i32[] {type=f64[2,3]} -> f64[2,3]", "random_uniform u32[2] {type=bf16[0,3]} -> bf16[0,3]", "random_uniform u32[2] {type=f16[9]} -> f16[9]", "random_uniform u32[2], i32[2] {type=f32[2,600]} -> f32[2,600]"}, Bad: []string{"random_uniform u32[2] {type=i32[2]} ! floating-point"}},
		{Op: Normal{}, Good: []string{"random_normal u32[2] {type=f32[3,5]} -> f32[3,5]", "random_normal u32[2], i32[] {type=f64[2,3]} -> f64[2,3]", "random_normal u32[2] {type=bf16[]} -> bf16[]", "random_normal u32[2], i32[3] {type=f32[3,2]} -> f32[3,2]"}, Bad: []string{"random_normal u32[2] {type=bool[2]} ! floating-point"}},
		{Op: RandomInt{}, Good: []string{"random_int u32[2] {type=i32[3,5], bound=10} -> i32[3,5]", "random_int u32[2], i32[] {type=u8[7], bound=256} -> u8[7]", "random_int u32[2], i32[7] {type=i32[7], bound=9} -> i32[7]"}, Bad: []string{"random_int u32[2] {type=i32[2]} ! bound", "random_int u32[2] {type=u8[2], bound=257} ! bound", "random_int u32[2] {type=f32[2], bound=2} ! integer type"}},
		{Op: QR{}, Good: []string{"qr f64[3,2] -> f64[3,2]", "qr f64[2,3,3] -> f64[2,3,3]", "qr f64[4,0] -> f64[4,0]", "qr f32[1,1] -> f32[1,1]"}, Bad: []string{"qr f32[2,3] ! at least 3", "qr f32[3] ! 2 axes", "qr i32[2,2] ! floating-point"}},
	}
}

func reduceRow(code scalar.Code) Row {
	o := Reduce{Code: code}
	n, d := o.Name(), "f64"
	r := Row{Op: o}
	if code == scalar.And || code == scalar.Or {
		d = "bool"
		r.Bad = append(r.Bad, n+" f32[2] {axes=[0]} ! bool")
	} else {
		r.Good = append(r.Good, n+" f32[4099] {axes=[0]} -> f32[]", n+" i32[2,3] {axes=[0]} -> i32[3]", n+" bf16[3,4] {axes=[1]} -> bf16[3]")
		r.Bad = append(r.Bad, n+" bool[2] {axes=[0]} ! numbers")
	}
	r.Good = append(r.Good, n+" "+d+"[2,3] {axes=[1]} -> "+d+"[2]", n+" "+d+"[] -> "+d+"[]", n+" "+d+"[2,3] -> "+d+"[2,3]", n+" "+d+"[2,3,4] {axes=[2,0]} -> "+d+"[3]",
		n+" "+d+"[3,0] {axes=[1]} -> "+d+"[3]", n+" "+d+"[2,1,3,2,2] {axes=[0,3,1]} -> "+d+"[3,2]", n+" "+d+"[17] {axes=[0]} -> "+d+"[]")
	r.Bad = append(r.Bad, n+" "+d+"[2] {axes=[1]} ! distinct", n+" "+d+"[2,2] {axes=[1,1]} ! distinct")
	return r
}

func argRow(code scalar.Code) Row {
	o := ArgReduce{Code: code}
	n := o.Name()
	return Row{Op: o, Good: []string{n + " f64[5] -> i32[]", n + " f32[2,3,2] {axis=1} -> i32[2,2]", n + " i32[1] -> i32[]"},
		Bad: []string{n + " f32[] ! an axis", n + " f32[2,0] {axis=1} ! a size from 1", n + " bool[2] ! numbers"}}
}

func windowRow(o ir.Op, second string) Row {
	n := o.Name()
	good := func(arg, attributes, shape string) string {
		s := n + " f64" + arg + " " + attributes + " -> f64" + shape
		if second != "" {
			s += second + shape
		}
		return s
	}
	return Row{Op: o, Good: []string{
		good("[2,5]", "{size=[2], stride=[1], pad_lo=[0], pad_hi=[0]}", "[2,4]"),
		good("[1,2,5,4]", "{size=[3,2], stride=[2,2], pad_lo=[1,0], pad_hi=[1,0]}", "[1,2,3,2]"),
		good("[7]", "{size=[3], stride=[2], pad_lo=[1], pad_hi=[2]}", "[4]"),
		good("[0,3]", "{size=[3], stride=[1], pad_lo=[0], pad_hi=[0]}", "[0,1]"),
		good("[3]", "{size=[1], stride=[3], pad_lo=[0], pad_hi=[0]}", "[1]"),
	}, Bad: []string{
		n + " f32[5] {size=[6], stride=[1], pad_lo=[0], pad_hi=[0]} ! 6 with the padding", n + " f32[5] {size=[2], stride=[0], pad_lo=[0], pad_hi=[0]} ! stride",
		n + " f32[5] {size=[2], stride=[1], pad_lo=[2], pad_hi=[0]} ! pads from 0 to 1", n + " f32[5] {size=[2,2], stride=[1,1], pad_lo=[0,0], pad_hi=[0,0]} ! at least 2 axes",
		n + " f32[5] {size=[2]} ! 1 sizes", n + " f32[0] {size=[2], stride=[1], pad_lo=[1], pad_hi=[1]} ! at least 1 element", n + " bool[3] ! numbers",
	}}
}

func scatterRow(code scalar.Code) Row {
	o := Scatter{Code: code}
	n := o.Name()
	return Row{Op: o, Good: []string{
		n + " f64[3], i32[3] {size=5} -> f64[5]", n + " f64[2,2,3], i32[2,2] {size=4} -> f64[4,3]", n + " f64[3], i32[] {axis=1, size=4} -> f64[3,4]",
		n + " f64[2,3,5,2], i32[2,5] {axis=2, batch=1, size=4} -> f64[2,3,4,2]", n + " f64[2], i64[2] {axis=1, batch=1, size=3} -> f64[2,3]", n + " f64[0], i32[0] {size=2} -> f64[2]", n + " i32[4], i32[4] {size=2} -> i32[2]",
	}, Bad: []string{
		n + " f32[3], i32[2] {size=5} ! argument 0, axis 0: want 2, got 3", n + " f32[3], f32[3] {size=5} ! integers", n + " bool[3], i32[3] {size=5} ! numbers", n + " f32[3], i32[3] {axis=1, size=5} ! at least 2 axes",
		n + " f32[3], i32[3] {size=-1} ! valid shape", n + " f32[3], i32[3] {axis=2, size=1} ! at most 1", n + " f32[3], i32[3] {batch=1, size=1} ! batch axes",
	}}
}

func cumulativeRow(code scalar.Code) Row {
	o := Cumulative{Code: code}
	n := o.Name()
	return Row{Op: o, Good: []string{n + " f64[5] -> f64[5]", n + " f64[2,4,3] {axis=1, reverse=true} -> f64[2,4,3]", n + " f64[2,1] {axis=1} -> f64[2,1]", n + " f64[0] -> f64[0]", n + " i32[4] -> i32[4]"},
		Bad: []string{n + " f32[] ! an axis", n + " bool[2] ! numbers"}}
}
