// Package images reads pictures: JPEG and PNG, recognised by their contents. A picture's header is checked before its pixels take memory.
package images

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // the two formats that are read
	_ "image/png"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"

	"golang.org/x/image/draw"
)

// Caps on one picture.
const (
	MaxBytes  = int64(256) << 20
	MaxPixels = int64(1) << 26
)

// Entry is a picture in a folder.
type Entry struct {
	Path  string // below the root
	Label int    // number of its sub-folder, -1 where there are none
}

// List returns the pictures of a folder in order, and the names of its sub-folders, which are the labels, sorted. Hidden files and what file managers leave
// behind are passed over.
func List(root *os.Root) (entries []Entry, labels []string, err error) {
	top, err := names(root, ".")
	if err != nil {
		return nil, nil, err
	}
	var plain []string
	for _, n := range top {
		info, err := root.Stat(n)
		if err != nil {
			return nil, nil, err
		}
		if info.IsDir() {
			labels = append(labels, n)
		} else {
			plain = append(plain, n)
		}
	}
	if len(labels) == 0 {
		for _, n := range plain {
			entries = append(entries, Entry{n, -1})
		}
	} else if len(plain) > 0 {
		return nil, nil, fmt.Errorf("%s lies beside the folders that are the labels: %s", plain[0], strings.Join(labels[:min(3, len(labels))], ", "))
	}
	for i, l := range labels {
		inner, err := names(root, l)
		if err != nil {
			return nil, nil, err
		}
		if len(inner) == 0 {
			return nil, nil, fmt.Errorf("the folder %s is empty", l)
		}
		for _, n := range inner {
			entries = append(entries, Entry{path.Join(l, n), i})
		}
	}
	if len(entries) == 0 {
		return nil, nil, errors.New("the folder is empty")
	}
	return entries, labels, nil
}

func names(root *os.Root, dir string) ([]string, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	sort.Strings(all)
	kept := all[:0]
	for _, n := range all {
		if !strings.HasPrefix(n, ".") && n != "Thumbs.db" && n != "desktop.ini" {
			kept = append(kept, n)
		}
	}
	return kept, nil
}

// Read reads the bytes of a picture that lies within root: a link that leads out is refused.
func Read(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	if info.Size() > MaxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are read", info.Size(), MaxBytes)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, plain(err)
	}
	return b, nil
}

func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Size returns the height and width of a picture from its header alone.
func Size(b []byte) (h, w int, err error) {
	c, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return 0, 0, explain(b, err)
	}
	if c.Width < 1 || c.Height < 1 {
		return 0, 0, fmt.Errorf("a picture of %d×%d pixels", c.Height, c.Width)
	}
	pixels := int64(c.Width) * int64(c.Height)
	if pixels > MaxPixels {
		return 0, 0, fmt.Errorf("a picture of %d×%d pixels; at most %d are read", c.Height, c.Width, MaxPixels)
	}
	// A byte of deflate gives at most 1,032 bytes of at most 8 pixels; a byte of JPEG at most a few blocks of 64.
	if format == "png" && pixels/8 > int64(len(b))*1032 || format == "jpeg" && pixels > int64(len(b))*4096 {
		return 0, 0, fmt.Errorf("%d×%d pixels are declared, which %d bytes cannot hold", c.Height, c.Width, len(b))
	}
	return c.Height, c.Width, nil
}

// Decode writes a picture as bytes, channels first (1 grey, 3 red, green and blue), scaled to h×w if it has another size and resize is true. A transparent
// picture is laid on black.
func Decode(dst []byte, b []byte, channels, h, w int, resize bool) error {
	ph, pw, err := Size(b)
	if err != nil {
		return err
	}
	if (ph != h || pw != w) && !resize {
		return fmt.Errorf("the picture is %d×%d, the column %d×%d; give images(…, size=(%d, %d)) or resize", ph, pw, h, w, h, w)
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return explain(b, err)
	}
	if ph != h || pw != w {
		scaled := image.NewRGBA(image.Rect(0, 0, w, h))
		// The kernel widens when it shrinks a picture, so every pixel counts.
		draw.BiLinear.Scale(scaled, scaled.Bounds(), img, img.Bounds(), draw.Src, nil)
		img = scaled
	}
	planes(dst, img, channels)
	return nil
}

// Resize scales one picture of bytes, channels first.
func Resize(dst, src []byte, channels, h, w, nh, nw int) {
	in := image.NewGray(image.Rect(0, 0, w, h))
	out := image.NewGray(image.Rect(0, 0, nw, nh))
	for c := range channels {
		copy(in.Pix, src[c*h*w:(c+1)*h*w])
		draw.BiLinear.Scale(out, out.Bounds(), in, in.Bounds(), draw.Src, nil)
		copy(dst[c*nh*nw:(c+1)*nh*nw], out.Pix)
	}
}

func planes(dst []byte, img image.Image, channels int) {
	r := img.Bounds()
	w, n := r.Dx(), r.Dx()*r.Dy()
	grey := func(r, g, b uint8) uint8 { return Grey(r, g, b) }
	switch m := img.(type) {
	case *image.Gray:
		for y := range r.Dy() {
			row := m.Pix[y*m.Stride : y*m.Stride+w]
			for c := range channels {
				copy(dst[c*n+y*w:], row)
			}
		}
		return
	case *image.RGBA:
		for y := range r.Dy() {
			for x := range w {
				p := m.Pix[y*m.Stride+4*x:]
				put(dst, channels, n, y*w+x, p[0], p[1], p[2], grey)
			}
		}
		return
	case *image.YCbCr:
		for y := range r.Dy() {
			for x := range w {
				yi, ci := m.YOffset(r.Min.X+x, r.Min.Y+y), m.COffset(r.Min.X+x, r.Min.Y+y)
				cr, cg, cb := color.YCbCrToRGB(m.Y[yi], m.Cb[ci], m.Cr[ci])
				put(dst, channels, n, y*w+x, cr, cg, cb, grey)
			}
		}
		return
	}
	for y := range r.Dy() {
		for x := range w {
			cr, cg, cb, _ := img.At(r.Min.X+x, r.Min.Y+y).RGBA()
			put(dst, channels, n, y*w+x, uint8(cr>>8), uint8(cg>>8), uint8(cb>>8), grey)
		}
	}
}

func put(dst []byte, channels, n, i int, r, g, b uint8, grey func(r, g, b uint8) uint8) {
	if channels == 1 {
		dst[i] = grey(r, g, b)
		return
	}
	dst[i], dst[n+i], dst[2*n+i] = r, g, b
}

// Grey is the brightness of a colour: 0.299 r + 0.587 g + 0.114 b (ITU-R BT.601), rounded.
func Grey(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

func explain(b []byte, err error) error {
	switch {
	case len(b) == 0:
		return errors.New("an empty file, not a picture")
	case bytes.HasPrefix(b, []byte("GIF8")):
		return errors.New("a GIF; JPEG and PNG are read")
	case bytes.HasPrefix(b, []byte("BM")):
		return errors.New("a BMP; JPEG and PNG are read")
	case len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return errors.New("a WebP; JPEG and PNG are read")
	case errors.Is(err, image.ErrFormat):
		return errors.New("neither JPEG nor PNG")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), strings.HasSuffix(err.Error(), "unexpected EOF"):
		return errors.New("the picture is cut off")
	}
	return fmt.Errorf("a damaged picture: %w", err)
}
