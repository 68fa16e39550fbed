package report

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bar is the bar of a terminal. A nil *bar shows nothing.
type bar struct {
	err   io.Writer
	pool  *mpb.Progress // nil between blocks
	bar   *mpb.Bar
	first Step
	began time.Time
	last  atomic.Pointer[Step]
}

func newBar(err io.Writer) *bar { return &bar{err: err} }

func (b *bar) set(e Step) {
	b.last.Store(&e)
	if b.pool == nil {
		b.first, b.began = e, time.Now()
		b.pool = mpb.New(mpb.WithOutput(b.err), mpb.WithWidth(36), mpb.WithAutoRefresh())
		b.bar = b.pool.AddBar(e.Steps, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
				s := b.last.Load()
				return fmt.Sprintf("%s %d/%d ", s.Block, s.Step, s.Steps)
			})),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + b.state() })))
	}
	b.bar.SetCurrent(e.Step)
}

// state is the loss, the rate since the block began or was resumed, and the time left at that rate.
func (b *bar) state() string {
	s := b.last.Load()
	text := "loss " + Number(s.Loss)
	rate := float64(s.Step-b.first.Step) / time.Since(b.began).Seconds()
	if rate > 0 {
		text += fmt.Sprintf("  %.1f steps/s  %s left", rate, duration(float64(s.Steps-s.Step)/rate))
	}
	return text
}

// write shows text above the bar; false where there is no bar.
func (b *bar) write(text string) bool {
	if b == nil || b.pool == nil {
		return false
	}
	_, err := b.pool.Write([]byte(text))
	return err == nil
}

// end removes the bar.
func (b *bar) end() {
	if b == nil || b.pool == nil {
		return
	}
	b.bar.Abort(true)
	b.pool.Wait()
	b.pool, b.bar = nil, nil
}
