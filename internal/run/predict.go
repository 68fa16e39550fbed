package run

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"modelc/backend"
	"modelc/internal/data"
	"modelc/internal/report"
	"modelc/ir"
	"modelc/recipe"
)

// maxOutput bounds the bytes that a predict block holds before it writes them.
const maxOutput = 4 << 30

// column is one output of a predict block over all rows.
type column struct {
	name string
	dims []int64 // of a row
	elem ir.DType
	data []byte
}

// predict computes the outputs of a block for every row, in order, and writes them.
func (e *experiment) predict(ctx context.Context, b *recipe.Block) error {
	q := b.Predict
	e.Emit(report.Start{Kind: b.Kind, Block: b.Name, Seed: e.seedOf(q.Run)})
	var out []*column
	var rows int64
	var err error
	if q.Rows == nil {
		out, rows, err = e.fixed(b)
	} else {
		out, rows, err = e.perRow(ctx, b)
	}
	if err != nil {
		return err
	}
	format := q.Format
	if format == "" {
		format = strings.TrimPrefix(filepath.Ext(q.File), ".")
	}
	var body bytes.Buffer
	switch format {
	case "csv", "":
		err = e.csv(&body, b, out, rows)
	case "png":
		if q.File == "" {
			return &Error{At: b.At, Text: "a picture needs a file to be written to"}
		}
		err = writePNG(&body, b, out, rows)
	case "text", "txt":
		err = e.text(&body, b, out, rows)
	default:
		return &Error{At: b.At, Text: fmt.Sprintf("predictions are written as csv, png or text, not %q", format)}
	}
	if err != nil {
		return err
	}
	if q.File == "" {
		e.Emit(report.Text{Block: b.Name, Text: body.String(), End: true})
		return nil
	}
	return e.write(b, q.File, rows, func(w io.Writer) error {
		_, err := w.Write(body.Bytes())
		return err
	})
}

// fixed computes outputs that depend on no rows.
func (e *experiment) fixed(b *recipe.Block) ([]*column, int64, error) {
	p, err := e.reader(Sizes{B: 1}, b.Name)
	if err != nil {
		return nil, 0, err
	}
	defer p.Close()
	c, err := p.load(b.Name, Sizes{B: 1}, nil)
	if err != nil {
		return nil, 0, err
	}
	if err := c.scalars(scalars{seed: e.seedOf(b.Predict.Run)}); err != nil {
		return nil, 0, err
	}
	if err := c.do(); err != nil {
		return nil, 0, err
	}
	var out []*column
	var rows int64 = 1
	for i, t := range c.out {
		dims := t.Type.Shape.Dims()
		col := &column{name: c.entry.Out[i], elem: t.Type.DType, data: slices.Clone(t.Bytes)}
		if len(dims) > 0 {
			col.dims = dims[1:]
			if i > 0 && rows != dims[0] {
				return nil, 0, &Error{At: b.At, Text: fmt.Sprintf("the outputs have %d and %d rows", rows, dims[0])}
			}
			rows = dims[0]
		}
		out = append(out, col)
	}
	return out, rows, nil
}

// perRow computes the outputs batch by batch.
func (e *experiment) perRow(ctx context.Context, b *recipe.Block) ([]*column, int64, error) {
	q := b.Predict
	set, rows, err := e.predictData(b)
	if err != nil {
		return nil, 0, err
	}
	p, err := e.reader(Sizes{B: rows.Batch}, b.Name)
	if err != nil {
		return nil, 0, err
	}
	defer p.Close()
	rows.Last = "keep"
	columns := append(slices.Clone(q.Columns), recipe.InRow)
	l, err := set.Loader(rows, columns, data.Order{Epochs: 1})
	if err != nil {
		return nil, 0, err
	}
	defer l.Close()
	var out []*column
	var n, held int64
	for {
		if err := done(ctx); err != nil {
			return nil, 0, err
		}
		batch, err := l.Next()
		if errors.Is(err, io.EOF) {
			return out, n, nil
		}
		if err != nil {
			return nil, 0, err
		}
		c, err := p.forBatch(b.Name, batch, columns)
		if err != nil {
			return nil, 0, err
		}
		if err := c.scalars(scalars{seed: e.seedOf(q.Run)}); err != nil {
			return nil, 0, err
		}
		c.batch(batch)
		if err := c.do(); err != nil {
			return nil, 0, err
		}
		for i, t := range c.out {
			dims := t.Type.Shape.Dims()
			if len(dims) == 0 || dims[0] != int64(batch.Rows) {
				return nil, 0, &Error{At: b.At, Text: fmt.Sprintf("the output %s is %v, not one value for each of the %d rows", c.entry.Out[i], t.Type, batch.Rows)}
			}
			if n == 0 {
				out = append(out, &column{name: c.entry.Out[i], dims: dims[1:], elem: t.Type.DType})
			}
			if !slices.Equal(out[i].dims, dims[1:]) {
				return nil, 0, &Error{At: b.At, Text: fmt.Sprintf("the output %s has the sizes %v in one batch and %v in another", c.entry.Out[i], out[i].dims, dims[1:])}
			}
			if held += int64(len(t.Bytes)); held > maxOutput {
				return nil, 0, &Error{At: b.At, Text: fmt.Sprintf("the outputs take more than %d bytes", int64(maxOutput))}
			}
			out[i].data = append(out[i].data, t.Bytes...)
		}
		n += int64(batch.Rows)
	}
}

// predictData opens the rows to predict: those of the block, or the file given on the command line, encoded by what the run was fitted on.
func (e *experiment) predictData(b *recipe.Block) (*data.Set, recipe.Rows, error) {
	rows := *b.Predict.Rows
	if e.Input == "" {
		return e.dataOf(rows, b.Predict.Run)
	}
	d := e.dataBlock(rows.Data)
	w := e.trained[b.Predict.Run]
	if d == nil || w == nil || len(d.Sources) == 0 {
		return nil, rows, &Bug{fmt.Errorf("%s has no data or no run", b.Name)}
	}
	one := *d
	src := d.Sources[0]
	if len(src.Paths) == 0 {
		return nil, rows, &Error{At: src.At, Text: fmt.Sprintf("rows of a source %s lie in several files; give them with --data", src.Kind)}
	}
	if src.Kind == "dataset" {
		src.Kind, src.Missing = "csv", nil
	}
	path, err := filepath.Abs(e.Input)
	if err != nil {
		return nil, rows, err
	}
	src.Paths, src.Split = []string{path}, ""
	one.Sources = []recipe.Source{src}
	one.Discard = nil // every row that is asked for is answered
	names := make([]string, len(b.Predict.Columns))
	for i, c := range b.Predict.Columns {
		names[i] = trimBatch(c)
	}
	set, err := data.Open(&one, e.DataDirs, data.Options{Fitted: w.fitted, Columns: names})
	if err != nil {
		return nil, rows, err
	}
	e.tell(d.Name, set)
	rows.Split = "all"
	if rows.Batch < 1 {
		rows.Batch = w.block.Train.Rows.Batch
	}
	return set, rows, nil
}

// width is the number of elements of a row.
func (c *column) width() int64 {
	n := int64(1)
	for _, d := range c.dims {
		n *= d
	}
	return n
}

// row decodes one row.
func (c *column) row(dst []float64, i int64) []float64 {
	size := c.width() * c.elem.Size()
	return floats(dst, backend.Tensor{Type: ir.Of(c.elem, c.width()), Bytes: c.data[i*size : (i+1)*size]})
}

// decode turns a row of numbers into texts by the transform that the block names.
func (e *experiment) decode(b *recipe.Block) func(c *column, x []float64) []string {
	var t *data.Transform
	if w := e.trained[b.Predict.Run]; w != nil && b.Predict.Decode != "" {
		t = w.fitted.Transforms[b.Predict.Decode]
	}
	return func(c *column, x []float64) []string {
		if t != nil && c.elem.IsInt() {
			return t.Decode(x)
		}
		out := make([]string, len(x))
		for i, v := range x {
			switch {
			case c.elem == ir.Bool:
				out[i] = strconv.FormatBool(v != 0)
			case c.elem == ir.F64:
				out[i] = strconv.FormatFloat(v, 'g', -1, 64)
			default:
				out[i] = strconv.FormatFloat(v, 'g', -1, 32)
			}
			if c.elem.IsInt() {
				out[i] = strconv.FormatInt(int64(v), 10)
			}
		}
		return out
	}
}

func (e *experiment) csv(w io.Writer, b *recipe.Block, out []*column, rows int64) error {
	c := csv.NewWriter(w)
	decode := e.decode(b)
	var x []float64
	for i := range rows {
		record := []string{strconv.FormatInt(i+1, 10)}
		head := []string{"row"}
		for _, o := range out {
			x = o.row(x[:0], i)
			texts := decode(o, x)
			for k, t := range texts {
				name := o.name
				if len(texts) > 1 {
					name += "[" + strconv.Itoa(k) + "]"
				}
				head, record = append(head, name), append(record, t)
			}
		}
		if i == 0 {
			if err := c.Write(head); err != nil {
				return err
			}
		}
		if err := c.Write(record); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func (e *experiment) text(w io.Writer, b *recipe.Block, out []*column, rows int64) error {
	decode := e.decode(b)
	var x []float64
	for i := range rows {
		for k, o := range out {
			x = o.row(x[:0], i)
			sep := "\t"
			if k == 0 {
				sep = ""
			}
			if _, err := io.WriteString(w, sep+strings.Join(decode(o, x), " ")); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	return nil
}

// maxPixels bounds a picture that is written.
const maxPixels = 1 << 28

// writePNG puts the pictures of the first output into a grid. A picture is [h, w], [1, h, w] or [3, h, w]; bytes are shown as they are, floats that fall below 0 are taken
// to lie in -1 … 1, others in 0 … 1.
func writePNG(w io.Writer, b *recipe.Block, out []*column, rows int64) error {
	fail := func(format string, args ...any) error { return &Error{At: b.At, Text: fmt.Sprintf(format, args...)} }
	if len(out) != 1 {
		return fail("a picture is made of one output, the block has %d", len(out))
	}
	c := out[0]
	dims := c.dims
	if len(dims) == 2 {
		dims = append([]int64{1}, dims...)
	}
	if len(dims) != 3 || dims[0] != 1 && dims[0] != 3 || rows < 1 {
		return fail("the output %s has rows of the sizes %v; a picture has [h, w], [1, h, w] or [3, h, w]", c.name, c.dims)
	}
	channels, h, wd := dims[0], dims[1], dims[2]
	across := b.Predict.Grid
	if across < 1 {
		across = int64(math.Ceil(math.Sqrt(float64(rows))))
	}
	across = min(across, rows)
	down := (rows + across - 1) / across
	const gap = 1
	width, height := across*(wd+gap)-gap, down*(h+gap)-gap
	if width < 1 || height < 1 || width > maxPixels/height {
		return fail("a picture of %d × %d pixels is too large", width, height)
	}
	low, high := 0.0, 1.0
	if c.elem == ir.U8 {
		high = 255
	} else if c.below0() {
		low = -1
	}
	m := image.NewRGBA(image.Rect(0, 0, int(width), int(height)))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	var x []float64
	for i := range rows {
		x = c.row(x[:0], i)
		x0, y0 := (i%across)*(wd+gap), (i/across)*(h+gap)
		at := func(k, y, xx int64) uint8 {
			v := (x[(min(k, channels-1)*h+y)*wd+xx] - low) / (high - low)
			return uint8(math.Round(255 * max(0, min(1, v))))
		}
		for y := range h {
			for xx := range wd {
				m.SetRGBA(int(x0+xx), int(y0+y), color.RGBA{at(0, y, xx), at(1, y, xx), at(2, y, xx), 255})
			}
		}
	}
	return png.Encode(w, m)
}

// below0 reports whether a float output has a negative element.
func (c *column) below0() bool {
	if c.elem == ir.F32 {
		for i := 0; i < len(c.data); i += 4 {
			if math.Float32frombits(binary.LittleEndian.Uint32(c.data[i:])) < 0 {
				return true
			}
		}
		return false
	}
	for _, v := range floats(nil, backend.Tensor{Type: ir.Of(c.elem, int64(len(c.data))/c.elem.Size()), Bytes: c.data}) {
		if v < 0 {
			return true
		}
	}
	return false
}

func localPath(name string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("%q leads out of the folder where modelc runs; files are written below it", name)
	}
	return nil
}

func mkdirFor(name string) error { return os.MkdirAll(filepath.Dir(name), 0o777) }
