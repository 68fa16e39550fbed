package main

import (
	"bufio"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

//go:embed peers/*.py
var scripts embed.FS

// families are the peers, by the name of their script.
var families = []string{"torch", "jax", "onnx"}

// A peer is a process that runs workloads. Its first line says what it is, as JSON, or {"missing": "..."} where its library is not installed. Then each line
// "COLUMN CALLS WORK" on its input, such as "eager 20 step w2" or "eager 5 gemm 1 64 784 512", is answered by the seconds that the calls took, by "no" where the column does
// not offer the work, or by "failed" and a reason. Work of no calls is prepared only. As "SCRIPT once COLUMN WORK" it is a process of process.go.
type peer struct {
	Name     string        `json:"name"`
	Version  string        `json:"version"`
	Settings string        `json:"settings"`
	Columns  []*peerColumn `json:"columns"`
	Missing  string        `json:"missing,omitempty"`

	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	command func(args ...string) *exec.Cmd
}

// peerColumn is one way in which a peer runs the work.
type peerColumn struct {
	Name      string `json:"name"`
	Precision string `json:"precision"`
	Settings  string `json:"settings"`
	Once      bool   `json:"once"` // it is a process of process.go too
}

const notOffered = "no"

// startPeers starts the peers that are installed and asked for.
func startPeers(python string, threads int, wanted []string) ([]*peer, error) {
	if python == "" {
		if len(wanted) > 0 {
			return nil, fmt.Errorf("-peers needs a Python that has them: bench/peers/install.sh, or -python")
		}
		return nil, nil
	}
	for _, name := range wanted {
		if f, _, _ := strings.Cut(name, "/"); !slices.Contains(families, f) {
			return nil, fmt.Errorf("there is no peer %q, only %s", name, strings.Join(families, ", "))
		}
	}
	var peers []*peer
	for _, f := range families {
		if len(wanted) > 0 && !slices.ContainsFunc(wanted, func(w string) bool { return w == f || strings.HasPrefix(w, f+"/") }) {
			continue
		}
		p, err := startPeer(f, python, threads)
		if err == nil && p.Missing != "" && len(wanted) > 0 {
			err = fmt.Errorf("%s", p.Missing)
		}
		if err != nil {
			closePeers(peers)
			return nil, fmt.Errorf("peer %s: %w", f, err)
		}
		if p.Missing != "" {
			fmt.Printf("%s is left out: %s\n", f, p.Missing)
			p.close()
			continue
		}
		peers = append(peers, p)
		if len(wanted) > 0 && !slices.Contains(wanted, f) {
			all := p.Columns
			p.Columns = slices.DeleteFunc(slices.Clone(all), func(c *peerColumn) bool { return !slices.Contains(wanted, f+"/"+c.Name) })
			for _, w := range wanted {
				if name, ok := strings.CutPrefix(w, f+"/"); ok && !slices.ContainsFunc(all, func(c *peerColumn) bool { return c.Name == name }) {
					closePeers(peers)
					return nil, fmt.Errorf("peer %s has no column %q here", f, name)
				}
			}
		}
	}
	return peers, nil
}

func startPeer(family, python string, threads int) (*peer, error) {
	script, err := scripts.ReadFile("peers/" + family + "_peer.py")
	if err != nil {
		return nil, err
	}
	n := strconv.Itoa(threads)
	p := &peer{command: func(args ...string) *exec.Cmd {
		cmd := exec.Command(python, append([]string{"-c", string(script)}, args...)...)
		cmd.Env = append(os.Environ(), "BENCH_THREADS="+n, "OMP_NUM_THREADS="+n, "MKL_NUM_THREADS="+n)
		return cmd
	}}
	p.cmd = p.command()
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(pipe)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := p.out.ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(line), p)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("it did not start: %w", err)
	}
	p.Name = family
	return p, nil
}

// cost runs calls of a workload and returns the mean of one in the workload's unit, or the reason why there is none.
func (p *peer) cost(w workload, column string, calls int) (cost float64, reason string, err error) {
	if w.family == start || w.family == memory {
		i := slices.IndexFunc(p.Columns, func(c *peerColumn) bool { return c.Name == column })
		if !p.Columns[i].Once {
			return 0, notOffered, nil
		}
		cost, err := processes(calls, w, func() *exec.Cmd { return p.command(append([]string{"once", column}, strings.Fields(w.words())...)...) })
		return cost, "", err
	}
	if _, err := fmt.Fprintf(p.in, "%s %d %s\n", column, calls, w.words()); err != nil {
		return 0, "", err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0, "", fmt.Errorf("the peer is gone: %w", err)
	}
	line = strings.TrimSpace(line)
	if line == notOffered || strings.HasPrefix(line, "failed ") {
		return 0, line, nil
	}
	seconds, err := strconv.ParseFloat(line, 64)
	return seconds * 1e3 / float64(max(calls, 1)), "", err
}

func (p *peer) close() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

func closePeers(peers []*peer) {
	for _, p := range peers {
		p.close()
	}
}
