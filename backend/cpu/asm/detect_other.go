//go:build !amd64

package asm

func detect() Level { return Go }
