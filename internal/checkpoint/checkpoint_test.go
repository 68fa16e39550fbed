package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"modelc/ir"
)

// snapshot makes tensors that differ from step to step.
func snapshot(step int64, uses ...string) *Snapshot {
	s := &Snapshot{Step: step, Epoch: step / 10, Hash: "h", State: []byte(fmt.Sprintf(`{"seen":%d}`, step)), Uses: uses}
	for i, t := range []ir.Type{ir.Of(ir.F32, 3, 5), ir.Of(ir.I32), ir.Of(ir.BF16, 2), ir.Of(ir.F32, 0, 4)} {
		b := make([]byte, t.Bytes())
		for k := range b {
			b[k] = byte(int(step)*31 + i*7 + k)
		}
		s.Tensors = append(s.Tensors, Tensor{fmt.Sprintf("net.%d.w", i), t, b})
	}
	return s
}

// same asserts that a snapshot is the one of its step, to the last bit. The order of empty tensors is free.
func same(t *testing.T, got *Snapshot) {
	t.Helper()
	want := snapshot(got.Step)
	assert.ElementsMatch(t, want.Tensors, got.Tensors)
	assert.JSONEq(t, string(want.State), string(got.State))
	assert.Equal(t, want.Epoch, got.Epoch)
}

func TestWhatIsSavedIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoints")
	s := Open(OS, dir)
	_, _, err := s.Latest()
	require.ErrorIs(t, err, ErrNone)
	for step := range int64(4) {
		_, err := s.Save(snapshot(step))
		require.NoError(t, err)
	}
	got, notes, err := s.Latest()
	require.NoError(t, err)
	assert.Empty(t, notes)
	assert.EqualValues(t, 3, got.Step)
	same(t, got)
	names, err := OS.List(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"000003.json", "000003.safetensors", "000004.json", "000004.safetensors"}, names, "two generations stay")
}

func TestTheBestStaysAsLongAsItIsUsed(t *testing.T) {
	dir := t.TempDir()
	s := Open(OS, dir)
	best, err := s.SaveAside(snapshot(1))
	require.NoError(t, err)
	for step := range int64(3) {
		_, err = s.Save(snapshot(step, best))
		require.NoError(t, err)
	}
	got, err := s.Read(best)
	require.NoError(t, err)
	same(t, got)
	for step := range int64(2) {
		_, err = s.Save(snapshot(step))
		require.NoError(t, err)
	}
	_, err = s.Read(best)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// TestKilledAnywhere stops a save at each of its operations, loses what was not synced, and wants the old or the new generation whole.
func TestKilledAnywhere(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		sawNew := false
		for at := 1; ; at++ {
			fs := newMemFS()
			s := Open(fs, "c")
			best, err := s.SaveAside(snapshot(5))
			require.NoError(t, err)
			_, err = s.Save(snapshot(6, best))
			require.NoError(t, err)
			_, err = s.Save(snapshot(7, best))
			require.NoError(t, err)
			fs.failAt, fs.fault, fs.ops = at, errKilled, 0
			_, err = s.SaveAside(snapshot(8))
			if err == nil {
				_, err = s.Save(snapshot(8, "best-000004"))
			}
			done := err == nil && !fs.dead
			after := fs.crash(r)
			s = Open(after, "c")
			got, _, err := s.Latest()
			require.NoError(t, err, "killed at operation %d, seed %d", at, seed)
			require.Contains(t, []int64{7, 8}, got.Step)
			sawNew = sawNew || got.Step == 8
			same(t, got)
			for _, u := range got.Uses {
				b, err := s.Read(u)
				require.NoError(t, err)
				same(t, b)
			}
			_, err = s.Save(snapshot(9, got.Uses...)) // goes on after the crash
			require.NoError(t, err)
			if done {
				require.EqualValues(t, 8, got.Step, "what Save reports as saved is saved")
				break
			}
		}
		assert.True(t, sawNew)
	}
}

// TestFullDisk fails each operation of a save once: the error says so, and what was there stays readable without a crash.
func TestFullDisk(t *testing.T) {
	for at := 1; ; at++ {
		fs := newMemFS()
		s := Open(fs, "c")
		_, err := s.Save(snapshot(6))
		require.NoError(t, err)
		_, err = s.Save(snapshot(7))
		require.NoError(t, err)
		fs.failAt, fs.fault, fs.ops = at, errFull, 0
		_, err = s.Save(snapshot(8))
		failed := fs.ops >= at
		fs.failAt = 0
		got, _, e := s.Latest()
		require.NoError(t, e)
		same(t, got)
		if err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.ErrorContains(t, err, "cannot be saved")
		} else {
			require.EqualValues(t, 8, got.Step)
		}
		if !failed {
			break
		}
	}
}

// TestEveryFlippedBitIsFound flips one bit of each byte of both files of the newest generation.
func TestEveryFlippedBitIsFound(t *testing.T) {
	dir := t.TempDir()
	s := Open(OS, dir)
	_, err := s.Save(snapshot(1))
	require.NoError(t, err)
	name, err := s.Save(snapshot(2))
	require.NoError(t, err)
	for _, suffix := range []string{".safetensors", ".json"} {
		path := filepath.Join(dir, name+suffix)
		good, err := os.ReadFile(path)
		require.NoError(t, err)
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << (i % 8)
			require.NoError(t, os.WriteFile(path, bad, 0o666))
			got, notes, err := s.Latest()
			require.NoError(t, err)
			same(t, got)
			if got.Step == 2 { // white space of a JSON text may change its kind, and a key its case
				continue
			}
			require.Len(t, notes, 1, "byte %d of %s", i, suffix)
			require.Contains(t, notes[0], name+suffix)
		}
		for _, n := range []int{0, 1, 7, 8, 9, len(good) / 2, len(good) - 1} {
			require.NoError(t, os.WriteFile(path, good[:n], 0o666))
			got, _, err := s.Latest()
			require.NoError(t, err)
			if got.Step == 2 {
				require.Equal(t, ".json", suffix)
				require.Equal(t, len(good)-1, n, "only the last new line may be missing")
			}
		}
		require.NoError(t, os.WriteFile(path, good, 0o666))
	}
	// The message names the tensor.
	path := filepath.Join(dir, name+".safetensors")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[len(b)-1] ^= 1
	require.NoError(t, os.WriteFile(path, b, 0o666))
	_, notes, err := s.Latest()
	require.NoError(t, err)
	assert.Contains(t, notes[0], "the tensor net.2.w is not what was written")
	// All damaged: an error that names both.
	require.NoError(t, os.Truncate(filepath.Join(dir, "000001.safetensors"), 3))
	_, _, err = s.Latest()
	assert.ErrorContains(t, err, "000001.safetensors")
	assert.ErrorContains(t, err, "000002.safetensors")
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := Open(OS, dir)
	name, err := s.Save(snapshot(1))
	require.NoError(t, err)
	m, err := s.manifest(name)
	require.NoError(t, err)
	m.Version = FormatVersion + 1
	var b bytes.Buffer
	require.NoError(t, seal(&b, m))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), b.Bytes(), 0o666))
	_, _, err = s.Latest()
	assert.ErrorContains(t, err, "newer modelc")
}

func TestAnotherModelsTensors(t *testing.T) {
	got := []Tensor{{"a", ir.Of(ir.F32, 2), make([]byte, 8)}, {"b", ir.Of(ir.F32, 3), make([]byte, 12)}, {"c", ir.Of(ir.F32), make([]byte, 4)}}
	_, err := Match(got, []Info{{Name: "b", Type: ir.Of(ir.F32, 4)}, {Name: "a", Type: ir.Of(ir.F32, 2)}, {Name: "d", Type: ir.Of(ir.F32)}})
	var m *MismatchError
	require.ErrorAs(t, err, &m)
	assert.Equal(t, []string{"d f32[]"}, m.Missing)
	assert.Equal(t, []string{"c f32[]"}, m.Unexpected)
	assert.Equal(t, []string{"b: the file has f32[3], the model f32[4]"}, m.Different)
	list, err := Match(got[:2], []Info{{Name: "b", Type: ir.Of(ir.F32, 3)}, {Name: "a", Type: ir.Of(ir.F32, 2)}})
	require.NoError(t, err)
	assert.Equal(t, "b", list[0].Name)
}

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestHostileSafetensors(t *testing.T) {
	for _, c := range []struct {
		name string
		text []byte
		want string
	}{
		{"empty", nil, "0 bytes"},
		{"huge header", binary.LittleEndian.AppendUint64(nil, 1<<62), "damaged or no safetensors"},
		{"header beyond the file", binary.LittleEndian.AppendUint64(nil, 100), "damaged or no safetensors"},
		{"array", file(`[1]`, 0), "no JSON object"},
		{"cut JSON", file(`{"a":{"dtype":"F32"`, 0), "damaged"},
		{"unknown type", file(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,4]}}`, 4), "not known"},
		{"negative size", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), "negative"},
		{"product wraps", file(`{"a":{"dtype":"F32","shape":[4194305,4194305,211106198978564],"data_offsets":[0,16]}}`, 16), "larger than"},
		{"rank", file(`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, 1), "axes"},
		{"beyond the data", file(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, 15), "go from 0 to 16 of 15"},
		{"offsets wrap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-9223372036854775808,-9223372036854775804]}}`, 4), "go from"},
		{"overlap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "those before it end at 4"},
		{"gap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "those before it end at 0"},
		{"rest", file(`{}`, 1), "cut or damaged"},
		{"twice", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "twice"},
		{"behind the end", file(`{} {}`, 0), "behind its end"},
		{"zip", append([]byte("PK\x03\x04"), make([]byte, 20)...), "pickle"},
		{"pickle", append([]byte("\x80\x02"), make([]byte, 20)...), "pickle"},
		{"hdf5", []byte("\x89HDF\r\n\x1a\n"), "HDF5"},
	} {
		_, err := ReadHeader(bytes.NewReader(c.text), int64(len(c.text)))
		assert.ErrorContains(t, err, c.want, c.name)
	}
	good := file(`{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]},"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}  `, 6)
	infos, err := ReadHeader(bytes.NewReader(good), int64(len(good)))
	require.NoError(t, err)
	assert.Equal(t, []Info{{"a", ir.Of(ir.F16), 0}, {"b", ir.Of(ir.F32, 1), 2}}, infos)
}

func FuzzReadHeader(f *testing.F) {
	var b bytes.Buffer
	require.NoError(f, Write(&b, snapshot(1).Tensors))
	f.Add(b.Bytes())
	f.Add(file(`{"a":{"dtype":"F16","shape":[],"data_offsets":[0,2]},"__metadata__":{"k":"v"}}`, 2))
	f.Fuzz(func(t *testing.T, text []byte) {
		infos, err := ReadHeader(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		at := int64(0)
		for _, x := range infos {
			require.Equal(t, at, x.From)
			at += x.Type.Bytes()
		}
		require.LessOrEqual(t, at, int64(len(text)))
	})
}

func TestNamesCannotMeet(t *testing.T) {
	one := Tensor{"a", ir.Of(ir.U8), []byte{1}}
	assert.Error(t, Write(&bytes.Buffer{}, []Tensor{one, one}))
	assert.Error(t, Write(&bytes.Buffer{}, []Tensor{{"__metadata__", ir.Of(ir.U8), []byte{1}}}))
	assert.Error(t, Write(&bytes.Buffer{}, []Tensor{{"a", ir.Of(ir.F32), []byte{1}}}))
	var b bytes.Buffer
	odd := Tensor{"网络.\"w\"\n", ir.Of(ir.U8), []byte{1}}
	require.NoError(t, Write(&b, []Tensor{odd}))
	infos, err := ReadHeader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	assert.Equal(t, odd.Name, infos[0].Name)
}

// A header of 0x0280 bytes begins like a pickle and is none.
func TestAHeaderOfAnyLength(t *testing.T) {
	for n := 600; n < 700; n++ {
		var b bytes.Buffer
		require.NoError(t, Write(&b, []Tensor{{fmt.Sprintf("%0*d", n, 0), ir.Of(ir.U8), []byte{1}}}))
		_, err := ReadHeader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		require.NoError(t, err)
	}
}
