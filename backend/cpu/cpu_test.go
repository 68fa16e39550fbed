package cpu_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"modelc/backend"
	"modelc/backend/backendtest"
	"modelc/backend/cpu"
)

func open(t *testing.T, threads int) backend.Device {
	d, err := cpu.New(cpu.Options{Threads: threads})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestConformance(t *testing.T) { backendtest.Run(t, open) }
