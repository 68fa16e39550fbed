package data

import (
	"encoding/binary"
	"fmt"
	"math"

	"modelc/ir"
	"modelc/recipe"
)

// packed is a column in the form of the device: little-endian, row after row.
type packed struct {
	column *recipe.Column
	dtype  ir.DType
	dims   []int64 // of a row; of a list's, or a stream's, elements
	width  int     // bytes of these
	bytes  []byte
	list   bool
	offset []int // list: rows+1, in elements
	bound  int   // list: the longest that is possible
	window *window
	scalar bool // window: no axis for a length of 1
}

// deviceType is the element type that a column travels as.
func deviceType(t recipe.Type) (ir.DType, error) {
	switch t.Elem {
	case "float", "f32", "f16", "bf16":
		return ir.F32, nil
	case "f64":
		return ir.F64, nil
	case "u8":
		return ir.U8, nil
	case "i8":
		return ir.I8, nil
	case "bool":
		return ir.Bool, nil
	case "id", "i32", "i64", "int":
		return ir.I32, nil
	}
	return ir.Invalid, fmt.Errorf("%s cannot travel in a batch; encode it as numbers", typeName(t))
}

// pack computes the columns of the batches.
func (s *Set) pack() error {
	s.packed = map[string]*packed{}
	e := s.evaluator(s.fitted)
	e.record = func(f Filled) { s.report.Filled = append(s.report.Filled, f) }
	if s.windows != nil {
		s.windows.start, s.windows.length = map[string]int{}, map[string]int{}
	}
	for _, c := range s.block.Columns {
		if !c.Batch || !s.wants(c.Name) {
			continue
		}
		v, err := e.column(c.Name, c.At)
		if err != nil {
			return err
		}
		if s.windows != nil && v.window == nil {
			return &Error{At: c.At, Column: c.Name, Text: "another column of the block takes windows of a stream, so a row is a window and this column has no value for it"}
		}
		if v.constant {
			v = repeat(v, s.rows)
		}
		p, err := s.packColumn(c, v)
		if err != nil {
			return err
		}
		s.packed[c.Name] = p
		if c.From != nil {
			delete(e.memo, c.Name) // what others read is computed again; two forms of a large column are not kept
			if s.read2(c.Name) {
				e.memo[c.Name] = v
			}
		}
	}
	for _, name := range s.order {
		n := len(s.splits[name])
		if s.windows != nil {
			n = s.windows.count(name, 0)
			if n == 0 {
				return &Error{At: s.block.At, Text: fmt.Sprintf("the split %s has %d elements, a window takes %d", name, s.windows.length[name], s.windows.span)}
			}
		}
		s.report.Splits = append(s.report.Splits[:len(s.report.Splits):len(s.report.Splits)], Count{name, n})
	}
	return nil
}

// read2 reports whether another column reads the column.
func (s *Set) read2(name string) bool {
	var reads func(x *recipe.Expr) bool
	reads = func(x *recipe.Expr) bool {
		if x.Op == "column" && x.Name == name {
			return true
		}
		for _, a := range x.Args {
			if reads(a) {
				return true
			}
		}
		return false
	}
	for _, c := range s.block.Columns {
		if c.From != nil && reads(c.From) {
			return true
		}
	}
	return false
}

// repeat gives each row the constant.
func repeat(v *values, rows int) *values {
	one := *v
	one.constant = false
	return one.take(make([]int32, rows))
}

func (s *Set) packColumn(c *recipe.Column, v *values) (*packed, error) {
	bad := func(row int, format string, args ...any) error {
		e := &Error{At: c.At, Column: c.Name, Text: fmt.Sprintf(format, args...)}
		if row >= 0 {
			e.Where = s.where(row)
		}
		return e
	}
	p := &packed{column: c, list: v.list && v.window == nil, dims: v.dims, window: v.window}
	var err error
	if p.dtype, err = deviceType(c.Type); err != nil {
		return nil, bad(-1, "%v", err)
	}
	p.width = int(product(v.dims) * p.dtype.Size())
	if v.missing != nil {
		for row := range v.rows {
			if v.rowMissing(row) {
				return nil, bad(row, "the value is missing; fill it, or discard = missing(…)")
			}
		}
	}
	declared := c.Type.Dims
	switch {
	case v.window != nil:
		if p.scalar = v.window.length == 1 && equal(declared, v.dims); p.scalar {
			declared = append([]int64{1}, declared...)
		}
		if !equal(declared, append([]int64{v.window.length}, v.dims...)) {
			return nil, bad(-1, "%s is declared, a window has the sizes %v", typeName(c.Type), append([]int64{v.window.length}, v.dims...))
		}
	case v.list:
		p.bound = maxRows
		if len(declared) > 0 {
			if declared[0] >= 0 || !equal(declared[1:], v.dims) {
				return nil, bad(-1, "%s is declared, the expression gives lists; write [S <= bound]", typeName(c.Type))
			}
			p.bound = int(min(maxRows, -max(declared[0], -maxRows)))
		}
		for row := range v.rows {
			if n := v.offset[row+1] - v.offset[row]; n > p.bound {
				return nil, bad(row, "a list of %d elements, %d are possible; truncate(x, %d) cuts it", n, p.bound, p.bound)
			}
		}
	default:
		if !equal(drop1(declared), drop1(v.dims)) {
			return nil, bad(-1, "%s is declared, the expression gives the sizes %v", typeName(c.Type), v.dims)
		}
		p.dims = declared
	}
	if v.window == nil {
		p.offset = v.offset
		if p.bytes, err = s.encode(v, p.dtype, bad); err != nil {
			return nil, err
		}
		return p, nil
	}
	// A stream lies split after split, so that a window is one run of bytes.
	at := 0
	for _, name := range s.order {
		part := v.take(s.splits[name])
		b, err := s.encode(part, p.dtype, func(row int, format string, args ...any) error {
			if row >= 0 {
				row = int(s.splits[name][row])
			}
			return bad(row, format, args...)
		})
		if err != nil {
			return nil, err
		}
		n := part.count() / max(1, part.width())
		if old, ok := s.windows.length[name]; ok && old != n {
			return nil, bad(-1, "its stream has %d elements in the split %s, another one %d", n, name, old)
		}
		s.windows.start[name], s.windows.length[name] = at, n
		at += n
		p.bytes = append(p.bytes, b...)
	}
	return p, nil
}

// encode writes elements for the device.
func (s *Set) encode(v *values, d ir.DType, bad func(row int, format string, args ...any) error) ([]byte, error) {
	if v.kind == bytesKind && d.Size() == 1 {
		return v.u8, nil
	}
	n := v.count()
	out := make([]byte, int64(n)*d.Size())
	rowOf := func(i int) int {
		for row := range v.rows {
			if _, to := v.span(row); i < to {
				return row
			}
		}
		return -1
	}
	for i := range n {
		switch d {
		case ir.F32:
			x := float32(v.float(i))
			if x-x != 0 {
				return nil, bad(rowOf(i), "the value %v is no finite number of 32 bits", v.float(i))
			}
			binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(x))
		case ir.F64:
			x := v.float(i)
			if x-x != 0 {
				return nil, bad(rowOf(i), "the value %v is no finite number", x)
			}
			binary.LittleEndian.PutUint64(out[8*i:], math.Float64bits(x))
		case ir.I32:
			x := v.int(i)
			if x < math.MinInt32 || x > math.MaxInt32 {
				return nil, bad(rowOf(i), "%d does not fit into 32 bits, in which whole numbers travel", x)
			}
			binary.LittleEndian.PutUint32(out[4*i:], uint32(int32(x)))
		default:
			out[i] = byte(v.int(i))
		}
	}
	return out, nil
}

// grid cuts streams into windows.
type grid struct {
	stride int
	span   int            // elements from the first to behind the last of a window, over all columns
	start  map[string]int // of a split, in elements
	length map[string]int
}

// findWindows looks for windows in the columns of the batches.
func (s *Set) findWindows() (*grid, error) {
	var g *grid
	var walk func(c *recipe.Column, x *recipe.Expr) error
	seen := map[string]bool{}
	walk = func(c *recipe.Column, x *recipe.Expr) error {
		if x.Op == "column" && !seen[x.Name] {
			seen[x.Name] = true
			if inner := s.column(x.Name); inner != nil && inner.From != nil {
				return walk(inner, inner.From)
			}
		}
		if x.Op == "windows" && len(x.Args) == 2 && x.Args[1].Op == "number" {
			n, offset := x.Args[1].Number, x.Options["offset"]
			stride, ok := x.Options["stride"]
			if !ok {
				stride = n
			}
			for _, f := range []float64{n, offset, stride} {
				if f != math.Trunc(f) || f < 0 || f > math.MaxInt32 || n < 1 || stride < 1 {
					return &Error{At: x.At, Column: c.Name, Text: "windows(stream, n, offset, stride) needs whole numbers, n and stride from 1 on"}
				}
			}
			if g == nil {
				g = &grid{}
			}
			// A single element beside windows moves with them.
			if single := n == 1 && !ok; !single {
				if g.stride != 0 && g.stride != int(stride) {
					return &Error{At: x.At, Column: c.Name, Text: fmt.Sprintf("windows of stride %d beside windows of stride %d; give both the same stride=", int(stride), g.stride)}
				}
				g.stride = int(stride)
			}
			g.span = max(g.span, int(offset)+int(n))
		}
		for _, a := range x.Args {
			if err := walk(c, a); err != nil {
				return err
			}
		}
		return nil
	}
	for _, c := range s.block.Columns {
		if c.Batch && c.From != nil && s.wants(c.Name) && !seen[c.Name] {
			seen[c.Name] = true
			if err := walk(c, c.From); err != nil {
				return nil, err
			}
		}
	}
	if g != nil && g.stride == 0 {
		g.stride = 1
	}
	return g, nil
}

// count returns the windows of a split; with loose > 0 those that still fit when the grid is shifted by up to loose elements.
func (g *grid) count(split string, loose int) int {
	n := g.length[split] - g.span - loose
	if n < 0 {
		return 0
	}
	return n/g.stride + 1
}

// shifts returns how many windows a split has in each training epoch, and how many shifts of the grid there are.
func (g *grid) shifts(split string) (windows, shifts int) {
	windows = g.count(split, g.stride-1)
	if windows == 0 {
		windows = g.count(split, 0)
	}
	if windows == 0 {
		return 0, 1
	}
	slack := g.length[split] - g.span - (windows-1)*g.stride
	return windows, min(slack+1, g.stride)
}
