package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"modelc/compiler"
	"modelc/internal/data"
	"modelc/internal/report"
	"modelc/internal/run"
	"modelc/lang/diag"
	"modelc/recipe"
)

// reportFlags say how progress is shown.
type reportFlags struct {
	JSON     bool   `name:"json" help:"Write events as JSON lines on the standard output; the last is the result."`
	Progress string `enum:"auto,bar,plain,off" default:"auto" help:"Progress on stderr: bar, plain lines, or off; auto is a bar on a terminal."`
}

type runCmd struct {
	fileFlags
	dataFlags
	deviceFlags
	reportFlags
	Seed   *int64 `placeholder:"N" help:"The seed, instead of the file's."`
	Out    string `default:"runs" placeholder:"DIR" help:"The folder of the runs."`
	Resume bool   `help:"Go on with the newest run that has not finished."`
}

// Run is the verb.
func (c *runCmd) Run(s *streams) error {
	return s.run(c.fileFlags, c.dataFlags, c.deviceFlags, c.reportFlags, nil, func(o *run.Options) {
		o.Seed, o.Out, o.Resume = c.Seed, c.Out, c.Resume
	})
}

type predictCmd struct {
	fileFlags
	dataFlags
	deviceFlags
	reportFlags
	Block []string `sep:"none" placeholder:"NAME" help:"Only these predict blocks."`
	Input string   `placeholder:"FILE" help:"Rows of this file or folder instead of the block's data."`
	Out   string   `default:"runs" placeholder:"DIR" help:"The folder of the runs."`
}

// Run is the verb.
func (c *predictCmd) Run(s *streams) error {
	return s.run(c.fileFlags, c.dataFlags, c.deviceFlags, c.reportFlags, []string{"predict"}, func(o *run.Options) {
		o.Only, o.Input, o.Out, o.Finished = c.Block, c.Input, c.Out, true
	})
}

type generateCmd struct {
	fileFlags
	dataFlags
	deviceFlags
	reportFlags
	Block   []string `sep:"none" placeholder:"NAME" help:"Only these generate blocks."`
	Prompt  *string  `placeholder:"TEXT" help:"The text that is continued, instead of the file's."`
	Length  int64    `placeholder:"N" help:"How many tokens, instead of the file's number."`
	Seed    *int64   `placeholder:"N" help:"The seed, instead of the file's."`
	Out     string   `default:"runs" placeholder:"DIR" help:"The folder of the runs."`
	NoCache bool     `help:"Compute every token from all before it, without caches: slow, and the same text."`
}

// Run is the verb.
func (c *generateCmd) Run(s *streams) error {
	if c.Length < 0 {
		return usageError{fmt.Sprintf("--length %d: at least 1", c.Length)}
	}
	return s.run(c.fileFlags, c.dataFlags, c.deviceFlags, c.reportFlags, []string{"generate", "predict"}, func(o *run.Options) {
		o.Only, o.Prompt, o.Length, o.Seed, o.Out, o.NoCache, o.Finished = c.Block, c.Prompt, c.Length, c.Seed, c.Out, c.NoCache, true
		if c.Block == nil {
			o.Kinds = []string{"generate"}
		}
	})
}

// run carries out a file: what run, predict and generate have in common. kinds are the blocks that a verb is for; nil: all.
func (s *streams) run(file fileFlags, dirs dataFlags, device deviceFlags, show reportFlags, kinds []string, set func(*run.Options)) error {
	folders, err := dirs.dirs()
	if err != nil {
		return err
	}
	c, err := s.mustCheck(file, false)
	if err != nil {
		return err
	}
	if len(c.Recipe().Blocks) == 0 {
		return fmt.Errorf("%s has nothing to run: no train block, and no block that reads one", c.Source.Name)
	}
	o := run.Options{DataDirs: folders, Kinds: kinds, Version: version()}
	set(&o)
	if kinds != nil && o.Only == nil && len(blocks(c.Recipe(), kinds[0])) == 0 {
		return fmt.Errorf("%s has no %s block", file.File, kinds[0])
	}
	d, err := device.open()
	if err != nil {
		return err
	}
	defer d.Close()
	errs := s.err
	if show.Progress == "off" {
		errs = quiet{}
	}
	r := report.New(report.Options{Out: s.out, Err: errs, JSON: show.JSON, Bar: show.Progress == "bar" || show.Progress == "auto" && terminal(s.err)})
	o.Device, o.Emit = d, r.Emit
	ctx, stop := interruptible(r)
	defer stop()
	result, err := run.Run(ctx, newProgram(c), o)
	if err != nil {
		if show.JSON {
			r.Emit(report.Failure{Text: err.Error()})
		}
		_ = r.Close()
		return s.located(c, err)
	}
	if kinds == nil || show.JSON {
		r.Emit(result)
	}
	_ = r.Close() // the stream remembers an error
	return nil
}

// quiet swallows progress.
type quiet struct{}

func (quiet) Write(p []byte) (int, error) { return len(p), nil }

// interruptible returns a context that ends with the first interrupt; the second ends the process.
func interruptible(r *report.Reporter) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	quit := make(chan struct{})
	go func() {
		select {
		case <-signals:
		case <-quit:
			return
		}
		cancel()
		r.Emit(report.Note{Text: "interrupted: finishing the step and saving; interrupt again to leave at once"})
		select {
		case <-signals:
			os.Exit(exitInterrupted)
		case <-quit:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(quit)
		cancel()
	}
}

// located gives an error that has a place in the file the form of a diagnostic.
func (s *streams) located(c *compiler.Checked, err error) error {
	var at recipe.Place
	var code, text string
	var list diag.List
	var mine *run.Error
	var rows *data.Error
	switch {
	case errors.As(err, &list):
		return list
	case errors.As(err, &mine):
		at, code, text = mine.At, mine.Code, mine.Text
	case errors.As(err, &rows):
		at, code, text = rows.At, "M601", rows.Text
		if rows.Column != "" {
			text = "column `" + rows.Column + "`: " + text
		}
		if rows.Where != "" {
			text = rows.Where + ": " + text
		}
	default:
		return err
	}
	span := spanAt(c.Source, at)
	if !span.Valid() {
		return err
	}
	if code == "" {
		code = "M602"
	}
	return diag.List{{Code: code, At: span, Title: text}}
}
