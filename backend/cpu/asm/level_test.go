package asm

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvironmentChoosesPath(t *testing.T) {
	if os.Getenv("MODELC_CPU_CHILD") != "" {
		os.Stdout.WriteString("path=" + Current().String() + "\n")
		return
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	run := func(want string) (string, error) {
		c := exec.Command(exe, "-test.run=TestEnvironmentChoosesPath")
		c.Env = append(os.Environ(), "MODELC_CPU_CHILD=1", "MODELC_CPU="+want)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := run("go")
	require.NoError(t, err)
	require.Contains(t, out, "path=go")
	out, err = run("")
	require.NoError(t, err)
	require.Contains(t, out, "path="+Best().String())
	out, err = run("sse")
	require.Error(t, err)
	require.True(t, strings.Contains(out, "want go, avx2 or avx512"), out)
}

func TestUseRefusesWhatIsMissing(t *testing.T) {
	require.Error(t, Use(AVX512+1))
}
