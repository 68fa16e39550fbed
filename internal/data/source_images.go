package data

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"modelc/internal/data/files"
	"modelc/internal/data/images"
	"modelc/recipe"
)

// images reads folders of pictures.
func (r *reader) images() (*origin, error) {
	o := &origin{columns: map[string]*values{}}
	var image, label *recipe.Column
	for _, c := range r.want {
		switch c.Name {
		case "image":
			image = c
		case "label":
			label = c
		default:
			return nil, r.noColumn(c, []string{"image", "label"})
		}
	}
	type picture struct {
		root *os.Root
		dir  string
		images.Entry
	}
	var all []picture
	for i, p := range r.source.Paths {
		dir, err := r.find(i)
		if err != nil {
			return nil, err
		}
		folder, err := root(dir)
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		entries, labels, err := images.List(folder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		if i > 0 && !slices.Equal(labels, o.labels) {
			return nil, fmt.Errorf("%s has the folders %s, %s has %s", p, strings.Join(labels, ", "), r.source.Paths[0], strings.Join(o.labels, ", "))
		}
		o.labels, o.folder = labels, dir
		for _, e := range entries {
			all = append(all, picture{folder, dir, e})
		}
	}
	o.rows = len(all)
	o.where = func(row int) string { return filepath.Join(all[row].dir, all[row].Path) }
	if label != nil {
		if len(o.labels) == 0 {
			return nil, &Error{At: label.At, Column: "label", Text: fmt.Sprintf("%s has no sub-folders, whose names would be the labels", r.label())}
		}
		if label.Type.Elem == "id" && label.Type.Range != int64(len(o.labels)) {
			return nil, &Error{At: label.At, Column: "label", Text: fmt.Sprintf("%s is declared, %s has %d folders: %s", typeName(label.Type), r.label(), len(o.labels), strings.Join(o.labels, ", "))}
		}
		raw := &values{kind: intsKind, rows: o.rows, ints: make([]int64, o.rows)}
		for i, p := range all {
			raw.ints[i] = int64(p.Label)
		}
		v, err := fit(label, raw, o.where)
		if err != nil {
			return nil, err
		}
		o.columns["label"] = v
	}
	o.hash = make([]uint64, o.rows)
	var pixels *decoder
	if image != nil {
		var err error
		if pixels, err = newDecoder(image, o.rows); err != nil {
			return nil, err
		}
		pixels.resize = r.source.Size != [2]int{}
		if pixels.resize && (int64(r.source.Size[0]) != pixels.h || int64(r.source.Size[1]) != pixels.w) {
			return nil, &Error{At: image.At, Column: "image", Text: fmt.Sprintf("%s is declared, size=(%d, %d) is given", typeName(image.Type), r.source.Size[0], r.source.Size[1])}
		}
	}
	err := parallel(o.rows, func(row int) error {
		b, err := images.Read(all[row].root, all[row].Path)
		if err != nil {
			return &Error{At: r.source.At, Where: o.where(row), Text: err.Error()}
		}
		o.hash[row] = hashBytes(0, b)
		if pixels != nil {
			if err := pixels.decode(row, b); err != nil {
				return &Error{At: r.source.At, Where: o.where(row), Text: err.Error()}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if pixels != nil {
		o.columns["image"] = pixels.out
	}
	return o, nil
}

// decoder fills a column of pictures.
type decoder struct {
	out     *values
	c, h, w int64
	resize  bool
}

func newDecoder(col *recipe.Column, rows int) (*decoder, error) {
	d, err := newPictures(col.Type.Dims, rows)
	if err == nil && col.Type.Elem != "u8" {
		err = fmt.Errorf("a picture has elements of u8")
	}
	if err != nil {
		return nil, &Error{At: col.At, Column: col.Name, Text: fmt.Sprintf("%s is declared; %v", typeName(col.Type), err)}
	}
	return d, nil
}

// maxPictures bounds the memory of the pictures of a column.
const maxPictures = int64(64) << 30

func newPictures(dims []int64, rows int) (*decoder, error) {
	if len(dims) != 3 || dims[0] != 1 && dims[0] != 3 || dims[1] < 1 || dims[2] < 1 {
		return nil, fmt.Errorf("a picture has the sizes [3, height, width], or [1, height, width] in grey")
	}
	d := &decoder{c: dims[0], h: dims[1], w: dims[2]}
	if d.h > images.MaxPixels/d.w || d.c*d.h*d.w > maxPictures/int64(rows) {
		return nil, fmt.Errorf("%d pictures of %d×%d pixels take more than %d bytes: give a smaller size", rows, d.h, d.w, maxPictures)
	}
	d.out = &values{kind: bytesKind, rows: rows, dims: dims, u8: make([]uint8, int64(rows)*d.c*d.h*d.w)}
	return d, nil
}

func (d *decoder) decode(row int, b []byte) error {
	n := int(d.c * d.h * d.w)
	return images.Decode(d.out.u8[row*n:(row+1)*n], b, int(d.c), int(d.h), int(d.w), d.resize)
}

// parallel calls f for 0 … n-1 on all processors. Of several errors it returns that of the smallest number.
func parallel(n int, f func(int) error) error {
	workers := min(n, runtime.GOMAXPROCS(0))
	var next atomic.Int64
	var stop atomic.Int64 // the smallest number that failed, so far
	stop.Store(int64(n))
	errs := make([]error, workers)
	at := make([]int64, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				i := next.Add(1) - 1
				if i >= stop.Load() {
					return
				}
				if err := f(int(i)); err != nil {
					errs[w], at[w] = err, i
					for {
						s := stop.Load()
						if i >= s || stop.CompareAndSwap(s, i) {
							break
						}
					}
					return
				}
			}
		}()
	}
	wait.Wait()
	var first error
	best := int64(n)
	for w, err := range errs {
		if err != nil && at[w] < best {
			first, best = err, at[w]
		}
	}
	return first
}

// pictures reads the files that a column of paths names. A path lies below the folder of its source, or of the model, or of --data, and never leaves it.
func (s *Set) pictures(paths *values, dims []int64, resize bool, bad func(row int, text string) error) (*values, error) {
	d, err := newPictures(dims, paths.rows)
	if err != nil {
		return nil, err
	}
	d.resize = resize
	var roots []*os.Root
	for _, dir := range s.folders {
		if folder, err := root(dir); err == nil {
			defer folder.Close()
			roots = append(roots, folder)
		}
	}
	err = parallel(paths.rows, func(row int) error {
		name := filepath.FromSlash(paths.texts[row])
		if paths.isMissing(row) {
			return bad(row, "the path of the picture is missing")
		}
		var last error
		for _, folder := range roots {
			b, err := images.Read(folder, name)
			if err == nil {
				if err = d.decode(row, b); err != nil {
					return bad(row, fmt.Sprintf("%s: %v", name, err))
				}
				return nil
			}
			if last == nil || !os.IsNotExist(err) {
				last = err
			}
		}
		if os.IsNotExist(last) {
			_, last = files.Find(strings.TrimLeft(name, "/"), s.folders)
			if last == nil {
				return bad(row, fmt.Sprintf("%s leads out of the folders of the data", name))
			}
			return bad(row, last.Error())
		}
		return bad(row, fmt.Sprintf("%s: %v", name, last))
	})
	return d.out, err
}
