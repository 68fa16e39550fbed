package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"modelc/internal/checkpoint"
	"modelc/internal/data"
	"modelc/internal/report"
	"modelc/recipe"
)

// folder is the place of one run: OUT/FILE/BLOCK/N.
type folder struct {
	fs    checkpoint.FS
	path  string
	info  info
	store *checkpoint.Store
	log   *os.File // metrics.jsonl
	lock  *lock
}

// info is run.json. It is written when the run begins and again when it is finished.
type info struct {
	Version  int          `json:"version"`
	Program  string       `json:"program"`
	File     string       `json:"file"`
	Block    string       `json:"block"`
	Source   string       `json:"source"` // the hash of the block alone
	Hash     string       `json:"hash"`   // of the block, its config, its data, its seed and the runs it needs
	Seed     int64        `json:"seed"`
	Device   string       `json:"device"`
	Started  time.Time    `json:"started"`
	Data     *data.Report `json:"data,omitempty"`
	Finished bool         `json:"finished"`
	Step     int64        `json:"step,omitempty"`
	Weights  string       `json:"weights,omitempty"` // the generation that other blocks read
	Reason   string       `json:"reason,omitempty"`
}

// infoVersion is the version of run.json that is written.
const infoVersion = 1

// blockDir is the folder of all runs of a block.
func (e *experiment) blockDir(block string) string {
	return filepath.Join(e.Out, fileName(e.recipe.File), block)
}

// runs lists the runs of a block, newest first. Folders that hold no readable run are passed over: a run that was killed before it began.
func (e *experiment) runs(block string) ([]*folder, error) {
	dir := e.blockDir(block)
	names, err := e.FS.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the folder of the runs cannot be read: %w", err)
	}
	var numbers []int
	for _, n := range names {
		if k, err := strconv.Atoi(n); err == nil && k > 0 && strconv.Itoa(k) == n {
			numbers = append(numbers, k)
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	var out []*folder
	for _, k := range numbers {
		path := filepath.Join(dir, strconv.Itoa(k))
		f := &folder{fs: e.FS, path: path, store: checkpoint.Open(e.FS, filepath.Join(path, "checkpoints"))}
		err := readJSON(e.FS, filepath.Join(path, "run.json"), &f.info)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			e.Emit(report.Note{Text: fmt.Sprintf("%s is passed over: %v", path, err)})
			continue
		}
		if f.info.Version > infoVersion {
			e.Emit(report.Note{Text: fmt.Sprintf("%s is passed over: it was written by a newer modelc", path)})
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

// newFolder makes the folder of a new run and writes what the run begins with.
func (e *experiment) newFolder(b *recipe.Block, i info, fitted *data.Fitted) (*folder, error) {
	dir := e.blockDir(b.Name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("the folder of the runs cannot be made: %w", err)
	}
	number := 1
	names, err := e.FS.List(dir)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if k, err := strconv.Atoi(n); err == nil {
			number = max(number, k+1)
		}
	}
	var path string
	for { // two runs may begin at the same time: the folder belongs to who makes it
		path = filepath.Join(dir, strconv.Itoa(number))
		err := os.Mkdir(path, 0o777)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		number++
	}
	f := &folder{fs: e.FS, path: path, info: i, store: checkpoint.Open(e.FS, filepath.Join(path, "checkpoints"))}
	if err := f.acquire(); err != nil {
		return nil, err
	}
	err = e.describe(f, fitted)
	if err == nil {
		f.log, err = os.OpenFile(filepath.Join(path, "metrics.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("the run folder %s cannot be written: %w", path, err)
	}
	return f, nil
}

// describe writes source, recipe, fitted data and, last, run.json.
func (e *experiment) describe(f *folder, fitted *data.Fitted) error {
	if err := os.Mkdir(filepath.Join(f.path, "source"), 0o777); err != nil {
		return err
	}
	for i, s := range e.c.Sources() {
		name := filepath.Base(filepath.FromSlash(s.Name))
		if i > 0 { // files of the same name in several folders
			name = fmt.Sprintf("%02d-%s", i, name)
		}
		if err := os.WriteFile(filepath.Join(f.path, "source", name), s.Text, 0o666); err != nil {
			return err
		}
	}
	if err := f.json("recipe.json", e.recipe); err != nil {
		return err
	}
	if err := f.json("data.json", fitted); err != nil {
		return err
	}
	return f.json("run.json", &f.info)
}

// reopen takes a run up again: its metrics are cut to what the checkpoint knows of.
func (f *folder) reopen(logged int64) error {
	log, err := os.OpenFile(filepath.Join(f.path, "metrics.jsonl"), os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	f.log = log
	if err := log.Truncate(logged); err != nil {
		return err
	}
	_, err = log.Seek(logged, io.SeekStart)
	return err
}

// acquire locks the folder against a second writer.
func (f *folder) acquire() error {
	l, err := lockFile(filepath.Join(f.path, "lock"))
	if err != nil {
		return fmt.Errorf("the run %s is in use: %w", f.path, err)
	}
	f.lock = l
	return nil
}

// Close releases the folder.
func (f *folder) Close() {
	if f.log != nil {
		_ = f.log.Close() // it was synced with every checkpoint
		f.log = nil
	}
	if f.lock != nil {
		f.lock.release()
		f.lock = nil
	}
}

func (f *folder) json(name string, v any) error {
	return checkpoint.WriteFile(f.fs, filepath.Join(f.path, name), func(w io.Writer) error {
		c := json.NewEncoder(w)
		c.SetIndent("", "  ")
		return c.Encode(v)
	})
}

// maxJSON bounds what is read of a file of a run.
const maxJSON = 1 << 30

func readJSON(fsys checkpoint.FS, path string, v any) error {
	f, size, err := fsys.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if size > maxJSON {
		return fmt.Errorf("%s has %d bytes", path, size)
	}
	if err := json.NewDecoder(io.LimitReader(f, maxJSON)).Decode(v); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// record appends a line to metrics.jsonl. It holds no times, so that a resumed run writes the same bytes.
func (f *folder) record(step, epoch int64, m report.Metrics, best bool) (int64, error) {
	line, err := json.Marshal(struct {
		Step    int64          `json:"step"`
		Epoch   int64          `json:"epoch"`
		Metrics report.Metrics `json:"metrics"`
		Best    bool           `json:"best"`
	}{step, epoch, m, best})
	if err != nil {
		return 0, err
	}
	n, err := f.log.Write(append(line, '\n'))
	if err == nil {
		err = f.log.Sync()
	}
	if err != nil {
		return 0, fmt.Errorf("the metrics cannot be saved: %w", err)
	}
	return int64(n), nil
}

// fitted reads what was fitted to the data of the run.
func (f *folder) fitted() (*data.Fitted, error) {
	out := &data.Fitted{}
	if err := readJSON(f.fs, filepath.Join(f.path, "data.json"), out); err != nil {
		return nil, err
	}
	return out, nil
}

// weights are what a train block has learned.
type weights struct {
	block   *recipe.Block
	folder  *folder
	tensors []checkpoint.Tensor // of its weights and statistics, names without the block's
	fitted  *data.Fitted
	hash    string
	step    int64
}

// load reads the weights of a finished run.
func (e *experiment) load(b *recipe.Block, f *folder) (*weights, error) {
	snap, err := f.store.Read(f.info.Weights)
	if err != nil {
		return nil, err
	}
	fitted, err := f.fitted()
	if err != nil {
		return nil, err
	}
	return &weights{block: b, folder: f, tensors: snap.Tensors, fitted: fitted, hash: f.info.Hash, step: snap.Step}, nil
}

// named tells a run in messages.
func (f *folder) String() string { return strings.TrimPrefix(filepath.ToSlash(f.path), "./") }
