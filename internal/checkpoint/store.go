package checkpoint

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// FormatVersion is the version of the manifests that are written; newer ones are refused.
const FormatVersion = 1

// maxManifest bounds what is read of a manifest.
const maxManifest = 64 << 20

// ErrNone is returned where a folder holds no checkpoint.
var ErrNone = errors.New("there is no checkpoint")

// Snapshot is what one generation holds.
type Snapshot struct {
	Step    int64
	Epoch   int64
	Hash    string          // of the block that is trained, its config and its data
	State   json.RawMessage // what the training loop keeps beside its tensors
	Uses    []string        // names of generations that this one refers to; they are kept as long as it is
	Tensors []Tensor
}

// manifest is the JSON beside the tensors.
type manifest struct {
	Version int             `json:"version"`
	Program string          `json:"program"`
	Step    int64           `json:"step"`
	Epoch   int64           `json:"epoch"`
	Hash    string          `json:"hash"`
	Uses    []string        `json:"uses,omitempty"`
	State   json.RawMessage `json:"state,omitempty"`
	Size    int64           `json:"size"` // of the file with the tensors
	Tensors []tensorSum     `json:"tensors"`
}

type tensorSum struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	SHA256 string `json:"sha256"`
}

// sealed is a manifest with its checksum.
type sealed struct {
	SHA256   string          `json:"sha256"`
	Manifest json.RawMessage `json:"manifest"`
}

// Store is a folder of generations.
type Store struct {
	fs   FS
	dir  string
	keep int
}

// Open returns the store of a folder, which is made by the first Save.
func Open(fs FS, dir string) *Store { return &Store{fs: fs, dir: dir, keep: 2} }

// Save writes a new generation and, after it is complete, removes those that are no longer needed. It returns the name of the generation.
func (s *Store) Save(snap *Snapshot) (string, error) {
	name, err := s.write("", snap)
	if err != nil {
		return "", err
	}
	s.prune()
	return name, nil
}

// SaveAside writes tensors that do not count as a generation to resume from: the weights of the best validation. They are kept as long as a generation uses
// them by name.
func (s *Store) SaveAside(snap *Snapshot) (string, error) { return s.write("best-", snap) }

func (s *Store) write(prefix string, snap *Snapshot) (string, error) {
	if err := s.fs.MkdirAll(s.dir); err != nil {
		return "", fmt.Errorf("the checkpoint cannot be saved: %w", err)
	}
	names, err := s.fs.List(s.dir)
	if err != nil {
		return "", fmt.Errorf("the checkpoint cannot be saved: %w", err)
	}
	number := 1
	for _, n := range names {
		base, _, _ := strings.Cut(strings.TrimPrefix(n, ".tmp-"), ".")
		if k, ok := numberOf(base); ok {
			number = max(number, k+1)
		}
	}
	name := fmt.Sprintf("%s%06d", prefix, number)
	m := manifest{Version: FormatVersion, Program: "modelc", Step: snap.Step, Epoch: snap.Epoch, Hash: snap.Hash, Uses: snap.Uses, State: snap.State}
	for _, t := range snap.Tensors {
		sum := sha256.Sum256(t.Bytes)
		m.Tensors = append(m.Tensors, tensorSum{t.Name, t.Type.String(), hex.EncodeToString(sum[:])})
	}
	err = s.put(name+".safetensors", func(w io.Writer) error {
		c := &counter{w: w}
		if err := Write(c, snap.Tensors); err != nil {
			return err
		}
		m.Size = c.n
		return nil
	})
	if err == nil {
		err = s.put(name+".json", func(w io.Writer) error { return seal(w, &m) })
	}
	if err != nil {
		return "", fmt.Errorf("the checkpoint of step %d cannot be saved: %w", snap.Step, err)
	}
	return name, nil
}

func numberOf(base string) (int, bool) {
	k, err := strconv.Atoi(strings.TrimPrefix(base, "best-"))
	return k, err == nil && k >= 0
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func seal(w io.Writer, m *manifest) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	out, err := json.Marshal(sealed{hex.EncodeToString(sum[:]), body})
	if err != nil {
		return err
	}
	_, err = w.Write(append(out, '\n'))
	return err
}

// put writes a file so that its name stands for the whole of it, or is not there.
func (s *Store) put(name string, fill func(io.Writer) error) error {
	return WriteFile(s.fs, filepath.Join(s.dir, name), fill)
}

// WriteFile writes a file under a temporary name, syncs it, renames it and syncs the folder: after a crash the old contents are there, or the new.
func WriteFile(fs FS, path string, fill func(io.Writer) error) error {
	dir, base := filepath.Split(path)
	dir = filepath.Clean(dir)
	tmp := filepath.Join(dir, ".tmp-"+base)
	f, err := fs.Create(tmp)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(f, 1<<16)
	if err = fill(b); err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = fs.Rename(tmp, path)
	}
	if err != nil {
		_ = fs.Remove(tmp) // the first error is the one to tell
		return err
	}
	return fs.SyncDir(dir)
}

// generations returns the names of all generations with a manifest, newest first.
func (s *Store) generations() ([]string, error) {
	names, err := s.fs.List(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range names {
		base, ok := strings.CutSuffix(n, ".json")
		if _, number := numberOf(base); ok && number && !strings.HasPrefix(base, "best-") {
			out = append(out, base)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		x, _ := numberOf(a)
		y, _ := numberOf(b)
		return y - x
	})
	return out, nil
}

// prune removes what the newest generations do not need. What cannot be removed now is tried again after the next save.
func (s *Store) prune() {
	gens, err := s.generations()
	if err != nil {
		return
	}
	need := map[string]bool{}
	for _, g := range gens[:min(s.keep, len(gens))] {
		m, err := s.manifest(g)
		if err != nil {
			return // what it uses is not known, so nothing is removed until two good ones follow it
		}
		need[g] = true
		for _, u := range m.Uses {
			need[u] = true
		}
	}
	names, err := s.fs.List(s.dir)
	if err != nil {
		return
	}
	for _, suffix := range []string{".json", ".safetensors"} { // the manifest first: without it the rest is no generation
		for _, n := range names {
			base, ok := strings.CutSuffix(strings.TrimPrefix(n, ".tmp-"), suffix)
			if _, number := numberOf(base); ok && number && (!need[base] || strings.HasPrefix(n, ".tmp-")) {
				_ = s.fs.Remove(filepath.Join(s.dir, n))
			}
		}
	}
}

// Latest reads the newest complete generation. Notes say which newer ones are damaged, and how. The error is ErrNone where there is none at all.
func (s *Store) Latest() (snap *Snapshot, notes []string, err error) {
	gens, err := s.generations()
	if err != nil {
		return nil, nil, err
	}
	for _, g := range gens {
		snap, err := s.Read(g)
		if err == nil {
			return snap, notes, nil
		}
		notes = append(notes, err.Error())
	}
	if len(gens) == 0 {
		return nil, nil, ErrNone
	}
	return nil, notes, fmt.Errorf("no checkpoint in %s can be read:\n  %s", s.dir, strings.Join(notes, "\n  "))
}

// Read reads a generation, or what was saved aside, by name, and checks every checksum.
func (s *Store) Read(name string) (*Snapshot, error) {
	m, err := s.manifest(name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, name+".safetensors")
	f, size, err := s.fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	defer f.Close()
	if size != m.Size {
		return nil, fmt.Errorf("%s is damaged: it has %d bytes, it was written with %d", path, size, m.Size)
	}
	infos, err := ReadHeader(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	sums := map[string]tensorSum{}
	for _, t := range m.Tensors {
		sums[t.Name] = t
	}
	snap := &Snapshot{Step: m.Step, Epoch: m.Epoch, Hash: m.Hash, State: m.State, Uses: m.Uses}
	for _, x := range infos {
		want, ok := sums[x.Name]
		if !ok || want.Type != x.Type.String() || len(infos) != len(m.Tensors) {
			return nil, fmt.Errorf("%s is damaged: its header does not have the tensors that were written (%s %v)", path, x.Name, x.Type)
		}
		t := Tensor{x.Name, x.Type, make([]byte, x.Type.Bytes())}
		if _, err := io.ReadFull(f, t.Bytes); err != nil {
			return nil, fmt.Errorf("%s is damaged: the tensor %s: %w", path, x.Name, err)
		}
		if sum := sha256.Sum256(t.Bytes); hex.EncodeToString(sum[:]) != want.SHA256 {
			return nil, fmt.Errorf("%s is damaged: the tensor %s is not what was written", path, x.Name)
		}
		snap.Tensors = append(snap.Tensors, t)
	}
	if len(snap.Tensors) != len(m.Tensors) {
		return nil, fmt.Errorf("%s is damaged: it has %d tensors, it was written with %d", path, len(snap.Tensors), len(m.Tensors))
	}
	return snap, nil
}

func (s *Store) manifest(name string) (*manifest, error) {
	path := filepath.Join(s.dir, name+".json")
	f, size, err := s.fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	defer f.Close()
	if size > maxManifest {
		return nil, fmt.Errorf("%s is damaged: it has %d bytes", path, size)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	var outer sealed
	if err := json.Unmarshal(text, &outer); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	sum := sha256.Sum256(bytes.TrimSpace(outer.Manifest))
	if hex.EncodeToString(sum[:]) != outer.SHA256 {
		return nil, fmt.Errorf("%s is damaged: its checksum does not hold", path)
	}
	var m manifest
	if err := json.Unmarshal(outer.Manifest, &m); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	if m.Version > FormatVersion {
		return nil, fmt.Errorf("%s was written by a newer modelc (format %d, this one reads %d)", path, m.Version, FormatVersion)
	}
	return &m, nil
}
