package compiler_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/compiler"
	"modelc/compiler/core"
	"modelc/lang/diag"
)

const twoBlocks = `import "./norms.model"
config { width: int = 8 }
layer Body { a = Dense(width), s = norms.Scale()
  fn forward(x: float[B, n]) -> float[B, width] = dropout(s(a(x)), 0.5)
}
train first {
  net = Body()
  x = normal[16, 4]
  loss = mean(net(x)^2)
  optimizer = SGD(1e-2), steps = 10
}
train second {
  body = [first.net, dropout(0.5)]
  head = Dense(3)
  update head { loss = mean(head(body(ones[16, 4]))^2) }
  optimizer = SGD(1e-2), steps = 10
}
predict p { run = second, value = second.head(first.net(ones[1, 4])) }
`

const norms = "layer Scale {\n  dim d\n  param s: float[d] = ones\n  fn forward(x: float[..., d]) -> float[..., d] = x * s\n}\n"

// checkedBeside checks a file beside norms.model.
func checkedBeside(t *testing.T, text, norms string, set ...string) *compiler.Checked {
	t.Helper()
	c := compiler.Check("m.model", []byte(text), compiler.Options{Set: set, Read: func(name string) ([]byte, error) {
		if name == "norms.model" {
			return []byte(norms), nil
		}
		return nil, os.ErrNotExist
	}})
	require.False(t, c.Diagnostics().Failed(), diag.Text(c.Diagnostics()))
	return c
}

// A block's hash follows what it computes, and neither comments nor other blocks; what it needs of those is said.
func TestHashFollowsWhatIsComputed(t *testing.T) {
	hashes := func(text, norms string, set ...string) (first, second string) {
		b := checkedBeside(t, text, norms, set...).Recipe().Blocks
		return b[0].Hash, b[1].Hash
	}
	first, second := hashes(twoBlocks, norms)
	require.NotEqual(t, first, second)
	same := func(old, new string) (bool, bool) {
		t.Helper()
		require.Contains(t, twoBlocks, old)
		f, s := hashes(strings.Replace(twoBlocks, old, new, 1), norms)
		return f == first, s == second
	}
	for _, c := range []struct {
		old, new      string
		first, second bool
	}{
		{"config {", "# a comment\n\nconfig {", true, true},
		{"mean(net(x)^2)", "mean( net(x)^2 )   # so\n\n", true, true},
		{"mean(net(x)^2)", "mean(net(x)^4)", false, true},
		{"head = Dense(3)", "head = Dense(4)", true, false},
		{"dropout(s(a(x)), 0.5)", "dropout(s(a(x)), 0.4)", false, false},
		{"run = second, value", "run = second, other", true, true},
	} {
		f, s := same(c.old, c.new)
		require.Equal(t, [2]bool{c.first, c.second}, [2]bool{f, s}, c.new)
	}
	f, s := hashes(twoBlocks, strings.Replace(norms, "= ones", "= zeros", 1))
	require.NotEqual(t, first, f)
	require.NotEqual(t, second, s)
	f, _ = hashes(twoBlocks, norms, "width=9")
	require.NotEqual(t, first, f)
	blocks := checkedBeside(t, twoBlocks, norms).Recipe().Blocks
	require.Empty(t, blocks[0].Needs)
	require.Equal(t, []string{"first"}, blocks[1].Needs)
	require.Equal(t, []string{"second", "first"}, blocks[2].Needs)
}

// In a network of another block `training` is false: nothing draws there, nor in a list of which no layer moves (ruling 6).
func TestNetworksOfOtherBlocksAreFrozen(t *testing.T) {
	c := checkedBeside(t, twoBlocks, norms)
	draws := func(n int) (out int) {
		seen := map[*core.Term]bool{}
		var visit func(x *core.Term)
		visit = func(x *core.Term) {
			if seen[x] {
				return
			}
			seen[x] = true
			if d, is := x.Kind.(core.Draw); is && d.Dist == "bernoulli" {
				out++
			}
			for _, a := range x.Args {
				visit(a)
			}
		}
		visit(c.Program().Trains[n].Updates[0].Loss)
		return out
	}
	require.Equal(t, 1, draws(0))
	require.Equal(t, 0, draws(1))
}
